package oracle

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/test/simulate/apiserver"
)

// write is one write of the controller to a pod.
type write struct {
	*Oracle
	pass          *Pass
	before, after version
	was, is       *corev1.Pod
	gate          string
}

func (w *write) String() string {
	return fmt.Sprintf("%s %s: pod %s (%s)", w.pass.Replica, w.pass.Gate, w.was.Name, w.was.UID)
}

func (w *write) broken(p Promise, format string, args ...any) *Violation {
	return broken(p, "%s: %s", w, fmt.Sprintf(format, args...))
}

// checkPodWrite checks a write of the controller to a pod.
func (o *Oracle) checkPodWrite(before, after version, pass *Pass) *Violation {
	w := &write{Oracle: o, pass: pass, before: before, after: after, was: before.pod(), is: after.pod(), gate: pass.Gate.Name}
	if w.is == nil || w.was == nil {
		return broken(OnlyOurs, "%s %s: made or deleted a pod", pass.Replica, pass.Gate)
	}
	if w.is.DeletionTimestamp != nil && w.was.DeletionTimestamp == nil {
		return w.checkEviction()
	}
	return first(w.onlyOurs, w.ofTheFleet, w.deletionCost, w.label)
}

// onlyOurs: nothing but the traffic label and the controller's annotations.
func (w *write) onlyOurs() *Violation {
	ended := w.overrideEnded()
	strip := func(p *corev1.Pod) (labels, annotations map[string]string) {
		labels, annotations = maps.Clone(p.Labels), maps.Clone(p.Annotations)
		delete(labels, w.Key)
		for _, key := range append(slices.Clone(notes), v1alpha1.PodDeletionCost) {
			delete(annotations, key)
		}
		if ended {
			delete(labels, v1alpha1.LabelOverride)
			delete(annotations, v1alpha1.AnnotationOverrideUntil)
			delete(annotations, v1alpha1.AnnotationOverrideReason)
		}
		return labels, annotations
	}
	a, x := strip(w.was)
	b, y := strip(w.is)
	if !maps.Equal(a, b) || !maps.Equal(x, y) || !reflect.DeepEqual(w.was.Spec, w.is.Spec) || !sameStatus(w.was, w.is) ||
		!slices.Equal(w.was.Finalizers, w.is.Finalizers) || len(w.was.OwnerReferences) != len(w.is.OwnerReferences) || w.was.UID != w.is.UID {
		return w.broken(OnlyOurs, "more than the label and the notes was written")
	}
	return nil
}

// overrideEnded reports whether the pod's override may be taken off: its time is
// up, or only what was noted of it is left.
func (w *write) overrideEnded() bool {
	until, err := time.Parse(time.RFC3339, w.was.Annotations[v1alpha1.AnnotationOverrideUntil])
	return w.was.Labels[v1alpha1.LabelOverride] == "" || err == nil && !until.After(w.pass.Now())
}

func sameStatus(a, b *corev1.Pod) bool {
	return a.Status.Phase == b.Status.Phase && len(a.Status.Conditions) == len(b.Status.Conditions) && ready(a) == ready(b)
}

// ofTheFleet: the pod belongs to the gate's fleet, or carries its notes.
func (w *write) ofTheFleet() *Violation {
	if w.was.Namespace != w.pass.Gate.Namespace {
		return w.broken(OnlyOurs, "the pod is in another namespace")
	}
	noted := func(v version) bool { return v.obj != nil && v.obj.GetAnnotations()[v1alpha1.AnnotationGate] == w.gate }
	if slices.ContainsFunc(w.podsSince(), noted) {
		return nil
	}
	if !w.someState(func(g *v1alpha1.TrafficGate, svc *corev1.Service, p version) bool {
		return g != nil && svc != nil && w.selects(svc, p.pod())
	}) {
		return w.broken(OnlyOurs, "the pod is not of the fleet, and carries no note of the gate")
	}
	return nil
}

// podsSince are the versions of the pod that the pass may have seen: those of
// the same UID.
func (w *write) podsSince() (out []version) {
	for _, v := range w.since(apiserver.Pod, client.ObjectKeyFromObject(w.was), w.pass.Seen) {
		if v.obj != nil && v.obj.GetUID() == w.was.UID && v.revision < w.after.revision {
			out = append(out, v)
		}
	}
	return out
}

// someState reports whether something holds for a state of the gate, its Service
// and the pod that the pass may have seen.
func (w *write) someState(holds func(*v1alpha1.TrafficGate, *corev1.Service, version) bool) bool {
	for _, g := range w.since(apiserver.TrafficGate, w.pass.Gate, w.pass.Seen) {
		gate, _ := g.obj.(*v1alpha1.TrafficGate)
		for _, s := range w.servicesSince(gate) {
			for _, p := range w.podsSince() {
				if holds(gate, s, p) {
					return true
				}
			}
		}
	}
	return false
}

func (w *write) servicesSince(gate *v1alpha1.TrafficGate) (out []*corev1.Service) {
	if gate == nil {
		return []*corev1.Service{nil}
	}
	key := types.NamespacedName{Namespace: gate.Namespace, Name: gate.Spec.ServiceRef.Name}
	for _, v := range w.since(apiserver.Service, key, w.pass.Seen) {
		svc, _ := v.obj.(*corev1.Service)
		out = append(out, svc)
	}
	return out
}

// deletionCost: a pod that goes out on evidence gets the lowest cost, and has its
// own again when it comes back, or when a person holds it, unless somebody else has
// set another.
func (w *write) deletionCost() *Violation {
	if w.before.scribbled {
		return nil
	}
	had, has := w.was.Annotations[v1alpha1.PodDeletionCost], w.is.Annotations[v1alpha1.PodDeletionCost]
	want := had
	switch {
	case notedOut(w.is) && !notedOut(w.was):
		want = v1alpha1.GatedDeletionCost
	case notedOut(w.was) && had == v1alpha1.GatedDeletionCost && (!notedOut(w.is) || w.is.Labels[v1alpha1.LabelOverride] == v1alpha1.OverrideNo):
		want = w.before.cost
	}
	if has != want {
		return w.broken(OnlyOurs, "the deletion cost is %q where it should be %q (it was %q)", has, want, had)
	}
	return nil
}

// label checks what was done to the label, and the notes that go with it.
func (w *write) label() *Violation {
	from, to := w.was.Labels[w.Key], w.is.Labels[w.Key]
	switch {
	case from == to && w.before.holder == byPerson && w.is.Annotations[v1alpha1.AnnotationGatedAt] != "" && w.was.Annotations[v1alpha1.AnnotationGatedAt] == "":
		return w.broken(People, "a pod that %s keeps out is noted as the controller's", w.before.holder)
	case from == to:
		return w.checkNote()
	case to != v1alpha1.TrafficYes && w.after.holder == byEvidence:
		return w.checkGating()
	case to != v1alpha1.TrafficYes:
		return w.checkHoldOut()
	case from == "":
		return w.checkLabelling()
	}
	return w.checkRelease()
}

// checkHoldOut: a pod goes out without evidence only for a person's override.
func (w *write) checkHoldOut() *Violation {
	if w.someState(func(g *v1alpha1.TrafficGate, svc *corev1.Service, p version) bool {
		return w.acts(g, svc) && p.pod().Labels[v1alpha1.LabelOverride] == v1alpha1.OverrideNo
	}) {
		return nil
	}
	return w.broken(OnlyOurs, "taken out of traffic without evidence and without an override")
}

// acts reports whether a gate may take pods out at all.
func (o *Oracle) acts(g *v1alpha1.TrafficGate, svc *corev1.Service) bool {
	return g != nil && g.DeletionTimestamp == nil && g.Spec.Mode == v1alpha1.ModeEnforce && o.workable(svc) == "" && o.enrolled(svc)
}

// checkLabelling: a pod without the label gets its "yes", but not from a gate
// that has no effect.
func (w *write) checkLabelling() *Violation {
	if !w.someState(func(g *v1alpha1.TrafficGate, svc *corev1.Service, p version) bool {
		return g != nil && svc != nil && (w.enrolled(svc) || g.Spec.Mode == v1alpha1.ModeEnforce)
	}) {
		return w.broken(NotEnrolled, "labelled although the Service does not select on the label")
	}
	return nil
}

// checkNote: notes are written on pods that the controller had out, and a
// relapse is forgiven on evidence of health only.
func (w *write) checkNote() *Violation {
	if w.is.Annotations[v1alpha1.AnnotationReleasedAt] != "" && !w.before.everOut && !w.before.scribbled {
		return w.broken(OnlyOurs, "a pod that was never out is noted as released")
	}
	byPerson := w.is.Annotations[v1alpha1.AnnotationReleasedFor] == "PutBack" && w.was.Annotations[v1alpha1.AnnotationGatedAt] != ""
	if relapsesOf(w.is) < relapsesOf(w.was) && !byPerson && !w.before.scribbled && w.was.Labels[w.Key] == v1alpha1.TrafficYes && w.everActs() && !w.anyLookWell() {
		return w.broken(Recovery, "relapses went from %d to %d without evidence of health", relapsesOf(w.was), relapsesOf(w.is))
	}
	if w.pass.Now().Before(w.before.pardoned) && w.after.pardoned.IsZero() && w.everActs() && !w.anyLookWell() {
		return w.broken(People, "a pod that a person put back is pardoned no more without evidence of health")
	}
	return nil
}

// everActs reports whether the gate was at work, with the pod in its fleet, in
// every state that the pass may have seen.
func (w *write) everActs() bool {
	return !w.someState(func(g *v1alpha1.TrafficGate, svc *corev1.Service, p version) bool {
		return !w.acts(g, svc) || w.refused(g, svc) || !w.selects(svc, p.pod())
	})
}

// refused reports whether a gate must refuse its Service now: another gate has
// it, or some of its pods, or a workload selects by the traffic label.
func (o *Oracle) refused(g *v1alpha1.TrafficGate, svc *corev1.Service) bool {
	fleet := o.fleet(svc, o.revision)
	return o.workable(svc) != "" || o.orphaned(fleet) || o.shadowedBy(g, fleet, o.revision) != ""
}

// shadowedBy names an older gate that has the Service too, or some of its pods.
func (o *Oracle) shadowedBy(g *v1alpha1.TrafficGate, fleet []version, revision int64) string {
	for key := range o.objects[apiserver.TrafficGate] {
		other, _ := o.at(apiserver.TrafficGate, key, revision).obj.(*v1alpha1.TrafficGate)
		if other == nil || key.Namespace != g.Namespace || key.Name == g.Name || other.DeletionTimestamp != nil || !older(other, g) {
			continue
		}
		if other.Spec.ServiceRef == g.Spec.ServiceRef {
			return key.Name
		}
		svc, _ := o.at(apiserver.Service, types.NamespacedName{Namespace: key.Namespace, Name: other.Spec.ServiceRef.Name}, revision).obj.(*corev1.Service)
		if slices.ContainsFunc(fleet, func(v version) bool { return o.selects(svc, v.pod()) }) {
			return key.Name
		}
	}
	return ""
}

func older(a, b *v1alpha1.TrafficGate) bool {
	if !a.CreationTimestamp.Equal(&b.CreationTimestamp) {
		return a.CreationTimestamp.Before(&b.CreationTimestamp)
	}
	return a.Name < b.Name
}

// checkEviction: only a pod that is out, has no trial left and would be replaced
// is evicted.
func (w *write) checkEviction() *Violation {
	if !w.someState(func(g *v1alpha1.TrafficGate, svc *corev1.Service, p version) bool {
		return w.acts(g, svc) && g.Spec.Recovery.Then == v1alpha1.ThenEvict && w.stateOf(p, w.gate) == gated && spent(g.Spec.Recovery, p.pod())
	}) {
		return w.broken(Recovery, "evicted although it was not out with all its trials spent")
	}
	if len(w.was.OwnerReferences) == 0 {
		return w.broken(Recovery, "evicted although nothing would replace it")
	}
	return nil
}

// checkGateWrite: of a gate the controller writes the finalizer, its mark and the
// status; and the finalizer goes only when nobody is out.
func (o *Oracle) checkGateWrite(c apiserver.Change, g *v1alpha1.TrafficGate, pass *Pass) *Violation {
	before, _ := c.Before.(*v1alpha1.TrafficGate)
	if before == nil || client.ObjectKeyFromObject(g) != pass.Gate {
		return broken(OnlyOurs, "%s %s: wrote gate %s", pass.Replica, pass.Gate, g.Name)
	}
	if c.After != nil {
		if !reflect.DeepEqual(before.Spec, g.Spec) || !maps.Equal(before.Annotations, g.Annotations) || !maps.Equal(before.Labels, g.Labels) {
			return broken(OnlyOurs, "%s %s: changed the gate's spec, labels or annotations", pass.Replica, pass.Gate)
		}
		if slices.Contains(g.Finalizers, v1alpha1.Finalizer) || !slices.Contains(before.Finalizers, v1alpha1.Finalizer) {
			return nil
		}
	}
	for _, v := range o.podsAt(g.Namespace, o.revision) {
		if v.heldFor(g.Name) && lives(v.pod()) {
			return broken(NotStranded, "%s %s: the gate goes although pod %s is out by %s", pass.Replica, pass.Gate, v.obj.GetName(), v.holder)
		}
	}
	return nil
}

// within reports whether two times are closer than a note's precision.
func within(a, b time.Time, d time.Duration) bool { return a.Sub(b).Abs() <= d }
