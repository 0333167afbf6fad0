package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
	"github.com/podgate/podgate/controller/fleet"
	"github.com/podgate/podgate/controller/telemetry"
)

// errChanged: the pod is not what the decision saw any more.
var errChanged = errors.New("the pod has changed since the decision")

// act carries decisions out in their order, and returns those that it did,
// together with those that write nothing. It goes on after a failure: bringing
// one pod back must not hang on another; but it does not gate any more, and does
// nothing against an override that could not be taken off.
func (r *Reconciler) act(ctx context.Context, trafficLabel string, w *world, decisions []decide.Decision) ([]decide.Decision, error) {
	var done []decide.Decision
	var failures []error
	uncounted := false        // a pod is gone that the gating counted on
	said := map[string]bool{} // pods that still carry an override which has ended
	for _, d := range decisions {
		if said[d.UID] {
			continue
		}
		if d.Action == decide.Evict {
			d = r.evict(ctx, w.objects[d.UID], d)
			done = append(done, d)
			continue
		}
		if !d.Writes() {
			done = append(done, d)
			continue
		}
		if d.Action == decide.Gate && (len(failures) > 0 || uncounted) {
			continue
		}
		key := trafficLabel
		if d.Reason == decide.ReasonLeftFleet {
			key = fleet.TrafficLabelOf(w.objects[d.UID])
		}
		err := r.write(ctx, w.objects[d.UID], key, d)
		r.metrics.PodWrite(d.Action, resultOf(err))
		switch {
		case apierrors.IsNotFound(err): // nothing is left to do about it
			uncounted = true
		case err != nil:
			said[d.UID] = d.Action == decide.Expire
			failures = append(failures, fmt.Errorf("%s pod %s: %w", strings.ToLower(string(d.Action)), d.Pod, err))
		default:
			done = append(done, d)
		}
	}
	return done, errors.Join(failures...)
}

// resultOf is what became of a write, for the metrics: a pod that changed or went
// meanwhile is no failure.
func resultOf(err error) telemetry.WriteResult {
	switch {
	case err == nil:
		return telemetry.WriteOK
	case apierrors.IsNotFound(err):
		return telemetry.WriteGone
	case errors.Is(err, errChanged), apierrors.IsConflict(err):
		return telemetry.WriteConflict
	}
	return telemetry.WriteFailed
}

// write changes one pod's traffic label and our notes on it in one patch, on
// condition that it is the same pod, with the label as the decision saw it.
func (r *Reconciler) write(ctx context.Context, pod *corev1.Pod, trafficLabel string, d decide.Decision) (err error) {
	ctx, end := writing(ctx, "patch pod", pod.Namespace, d)
	defer func() { end(err) }()
	patch, err := json.Marshal(patchOf(pod, trafficLabel, d))
	if err != nil {
		return err
	}
	target := &corev1.Pod{}
	target.Namespace, target.Name = pod.Namespace, pod.Name
	err = r.Patch(ctx, target, client.RawPatch(types.JSONPatchType, patch), client.FieldOwner(v1alpha1.FieldManager))
	if apierrors.IsInvalid(err) {
		return fmt.Errorf("%w (%s)", errChanged, err.Error())
	}
	if err == nil && d.Action == decide.Expire {
		*pod = *target // what else is decided of it is preconditioned on what it is now
	}
	return err
}

// operation is one step of a JSON patch (RFC 6902).
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

func patchOf(pod *corev1.Pod, trafficLabel string, d decide.Decision) []operation {
	if d.Action == decide.Expire {
		return expiryOf(pod, d)
	}
	label := "/metadata/labels/" + escape(trafficLabel)
	ops := []operation{{"test", "/metadata/uid", d.UID}}
	if d.Before.Labelled {
		ops = append(ops, operation{"test", label, d.Before.Traffic})
	}
	// What takes a pod out meets it as it was seen: see fence.go, and for an override
	// of "no", a person may have said "yes" since. So does what there is no other
	// testing for: a label that isn't there, and a map that is made below and must
	// not replace one.
	takesOut := d.Action == decide.Gate || d.Action == decide.HoldOut || d.Reason == decide.ReasonVoided
	held := d.Action == decide.Note && d.Reason == decide.ReasonOverride // as long as the person says so
	if takesOut || held || !d.Before.Labelled || len(pod.Annotations) == 0 {
		ops = append(ops, operation{"test", "/metadata/resourceVersion", pod.ResourceVersion})
	}
	if relabels := d.Action != decide.Note && (d.Traffic != d.Before.Traffic || !d.Before.Labelled); relabels {
		if len(pod.Labels) == 0 {
			ops = append(ops, operation{"add", "/metadata/labels", map[string]string{}})
		}
		ops = append(ops, operation{"add", label, d.Traffic})
	}
	want := fleet.AnnotationsOf(d.Memory, trafficLabel)
	onEvidence := !d.Memory.GatedAt.IsZero() && !d.Memory.GatedUntil.IsZero() && d.Before.Override != v1alpha1.OverrideNo
	maps.Copy(want, deletionCost(pod.Annotations, onEvidence))
	return append(ops, annotationOps(pod.Annotations, want)...)
}

// deletionCost is what is to be annotated so that a ReplicaSet which is scaled in
// takes the pods first that are out of traffic on evidence (not those that a
// person holds out, perhaps to look at them), and so that a pod which comes back
// has the deletion cost that it had. Somebody else's change meanwhile stays.
func deletionCost(have map[string]string, out bool) map[string]string {
	cost, wasOut := have[v1alpha1.PodDeletionCost], have[v1alpha1.AnnotationGatedAt] != "" && have[v1alpha1.AnnotationGatedUntil] != ""
	switch {
	case out && !wasOut:
		return map[string]string{v1alpha1.PodDeletionCost: v1alpha1.GatedDeletionCost, v1alpha1.AnnotationDeletionCost: cost}
	case out:
		return nil
	case wasOut && cost == v1alpha1.GatedDeletionCost:
		return map[string]string{v1alpha1.PodDeletionCost: have[v1alpha1.AnnotationDeletionCost], v1alpha1.AnnotationDeletionCost: ""}
	}
	return map[string]string{v1alpha1.AnnotationDeletionCost: ""}
}

// annotationOps change annotations from what they were to what they shall be, on
// condition that each that changes still is what it was: the label alone does not
// tell two stays out of traffic apart, nor whether others wrote meanwhile.
func annotationOps(have, want map[string]string) (ops []operation) {
	for _, key := range slices.Sorted(maps.Keys(want)) {
		path := "/metadata/annotations/" + escape(key)
		was, present := have[key]
		if was == want[key] && present == (want[key] != "") {
			continue
		}
		if present {
			ops = append(ops, operation{"test", path, was})
		}
		if want[key] == "" {
			ops = append(ops, operation{"remove", path, nil})
		} else {
			ops = append(ops, operation{"add", path, want[key]})
		}
	}
	if len(have) == 0 && len(ops) > 0 {
		ops = append([]operation{{"add", "/metadata/annotations", map[string]string{}}}, ops...)
	}
	return ops
}

// evict asks the eviction API to delete a pod, on condition that it is as it was
// read. That it is refused, by a PodDisruptionBudget for instance, is no failure:
// the decision becomes one to hold, and is made again at the next look.
func (r *Reconciler) evict(ctx context.Context, pod *corev1.Pod, d decide.Decision) decide.Decision {
	uid := types.UID(d.UID)
	eviction := &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name},
		DeleteOptions: &metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid, ResourceVersion: &pod.ResourceVersion}}}
	ctx, end := writing(ctx, "evict pod", pod.Namespace, d)
	err := r.SubResource("eviction").Create(ctx, pod.DeepCopy(), eviction)
	end(err)
	r.metrics.PodWrite(d.Action, resultOf(err))
	if err != nil {
		d.Action, d.Reason = decide.Hold, decide.HeldEviction
		d.Message = fmt.Sprintf("is to be evicted (%s), but that is refused: %v", d.Message, err)
	}
	return d
}

// escape writes a key as a token of a JSON pointer (RFC 6901).
func escape(key string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
}

// releaseOrphans brings back pods whose gate is gone: it was deleted without
// its finalizer, or while no controller ran. The API server is asked, because
// the cache may not have heard of a new gate yet.
func (r *Reconciler) releaseOrphans(ctx context.Context, key types.NamespacedName) error {
	gone := &v1alpha1.TrafficGate{}
	if err := r.Live.Get(ctx, key, gone); !apierrors.IsNotFound(err) {
		return err
	}
	gone.Namespace, gone.Name = key.Namespace, key.Name
	w := &world{objects: map[string]*corev1.Pod{}}
	if err := r.loadStrays(ctx, r.cached(), gone, w); err != nil {
		return err
	}
	done, err := r.act(ctx, "", w, decide.Decide(decide.Input{Gate: key.Name, Strays: w.strays}).Decisions)
	r.announce(ctx, decidedOn{gate: gone, state: &gateState{}, world: w, now: r.Clock.Now()}, done)
	return err
}
