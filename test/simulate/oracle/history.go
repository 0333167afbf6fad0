package oracle

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/test/simulate/apiserver"
)

// holder says who keeps a pod out of traffic.
type holder string

const (
	nobody     holder = ""
	byEvidence holder = "the controller, on evidence"
	byOverride holder = "the controller, for an override"
	byPerson   holder = "a person"
)

// version is an object from one change to the next.
type version struct {
	revision int64
	obj      client.Object // nil while there is none

	// Of a pod: who keeps it out, and for which gate.
	holder holder
	gate   string
	// cost is the deletion cost that it had when it went out.
	cost string
	// everOut says that the controller has had it out; scribbled that somebody else
	// edited the controller's notes since it last went out.
	everOut, scribbled bool
	// lost says that somebody took off the notes by which the controller knows that
	// it has the pod out.
	lost bool
	// pardoned is until when it may not be gated, because a person put it back; the
	// controller ends it when it has seen the pod well.
	pardoned time.Time
}

func (v version) pod() *corev1.Pod {
	p, _ := v.obj.(*corev1.Pod)
	return p
}

// take adds a change to the history, and returns the versions before and after
// it.
func (o *Oracle) take(c apiserver.Change) (before, after version) {
	k, key := apiserver.KindOf(c.Object()), client.ObjectKeyFromObject(c.Object())
	o.revision = c.Revision
	if all := o.objects[k][key]; len(all) > 0 {
		before = all[len(all)-1]
	}
	after = version{revision: c.Revision, obj: c.After}
	if pod, ok := c.After.(*corev1.Pod); ok {
		after = o.follow(before, after, pod, c.By)
	}
	o.objects[k][key] = append(o.objects[k][key], after)
	return before, after
}

// follow works out who keeps a pod out after a change.
func (o *Oracle) follow(before, after version, pod *corev1.Pod, by string) version {
	was := before.pod()
	if was == nil || was.UID != pod.UID {
		was = &corev1.Pod{}
	} else {
		after.holder, after.gate, after.cost = before.holder, before.gate, before.cost
		after.everOut, after.scribbled, after.lost, after.pardoned = before.everOut, before.scribbled, before.lost, before.pardoned
	}
	ours := by == v1alpha1.FieldManager
	from, to := was.Labels[o.Key], pod.Labels[o.Key]
	if !ours && !sameNotes(was.Annotations, pod.Annotations) {
		after.scribbled = true
		if after.holder == byEvidence || after.holder == byOverride {
			if other := pod.Annotations[v1alpha1.AnnotationGate]; other != "" {
				after.gate = other // whoever that is brings it back
			}
			after.lost = after.lost || pod.Annotations[v1alpha1.AnnotationGate] == "" || pod.Annotations[v1alpha1.AnnotationGatedAt] == ""
		}
	}
	if ours && pod.Annotations[v1alpha1.AnnotationGatedUntil] == "" && was.Annotations[v1alpha1.AnnotationGatedUntil] != "" {
		after.pardoned = time.Time{} // see checkNote
	}
	switch {
	case from == to:
	case to == "" || to == v1alpha1.TrafficYes:
		if after.holder == byEvidence && !ours && to != "" && !after.scribbled {
			after.pardoned = timeOf(was, v1alpha1.AnnotationGatedUntil)
		}
		after.holder, after.gate, after.lost = nobody, "", false
	case !ours:
		after.holder, after.gate, after.lost, after.pardoned = byPerson, "", false, time.Time{}
	default:
		after.holder, after.gate, after.everOut, after.scribbled, after.lost = byOverride, pod.Annotations[v1alpha1.AnnotationGate], true, false, false
		if !notedOut(was) { // else it had not got its own back yet
			after.cost = was.Annotations[v1alpha1.PodDeletionCost]
		}
		if pod.Annotations[v1alpha1.AnnotationGatedUntil] != "" {
			after.holder = byEvidence
		}
	}
	return after
}

// notes are the annotations that are the controller's memory.
var notes = []string{v1alpha1.AnnotationGate, v1alpha1.AnnotationTrafficLabel, v1alpha1.AnnotationGatedAt, v1alpha1.AnnotationGatedUntil,
	v1alpha1.AnnotationReleasedAt, v1alpha1.AnnotationReleasedFor, v1alpha1.AnnotationRelapses, v1alpha1.AnnotationReason, v1alpha1.AnnotationVoided, v1alpha1.AnnotationDeletionCost}

func sameNotes(a, b map[string]string) bool {
	return !slices.ContainsFunc(notes, func(key string) bool { return a[key] != b[key] })
}

// notedOut reports whether the notes say that the pod is out on evidence.
func notedOut(p *corev1.Pod) bool {
	return p.Annotations[v1alpha1.AnnotationGatedAt] != "" && p.Annotations[v1alpha1.AnnotationGatedUntil] != ""
}

// timeOf is the time of a note; zero if there is none, and long ago if it cannot
// be read.
func timeOf(pod *corev1.Pod, key string) time.Time {
	text := pod.Annotations[key]
	if text == "" {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Unix(0, 0)
	}
	return at
}

// at is the version of an object at a revision; zero if there was none.
func (o *Oracle) at(k apiserver.Kind, key types.NamespacedName, revision int64) version {
	all := o.objects[k][key]
	i, found := slices.BinarySearchFunc(all, revision, func(v version, r int64) int { return int(v.revision - r) })
	if found {
		return all[i]
	}
	if i == 0 {
		return version{}
	}
	return all[i-1]
}

// since are the versions that an object had from the revision before seen on, the
// latest last.
func (o *Oracle) since(k apiserver.Kind, key types.NamespacedName, seen int64) []version {
	all := o.objects[k][key]
	i, _ := slices.BinarySearchFunc(all, seen, func(v version, r int64) int { return int(v.revision - r) })
	if i > 0 {
		return all[i-1:]
	}
	return append([]version{{}}, all...)
}

// now is the version of an object that is there.
func (o *Oracle) now(k apiserver.Kind, key types.NamespacedName) version {
	return o.at(k, key, o.revision)
}

// podsAt are the pods of a namespace at a revision, in the order of their names.
func (o *Oracle) podsAt(namespace string, revision int64) (out []version) {
	for key := range o.objects[apiserver.Pod] {
		if v := o.at(apiserver.Pod, key, revision); key.Namespace == namespace && v.obj != nil {
			out = append(out, v)
		}
	}
	slices.SortFunc(out, func(a, b version) int {
		if a.obj.GetName() < b.obj.GetName() {
			return -1
		}
		return 1
	})
	return out
}
