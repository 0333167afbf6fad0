package controller

import (
	"context"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
	"github.com/podgate/podgate/controller/fleet"
	"github.com/podgate/podgate/controller/tracing"
)

// The limits are only as good as the count that they are held against, and the
// lease of the leader election does not stop a controller that was asleep while
// it lost it. So a gating is fenced, as follows.
//
// The gate and then the fleet are read from the API server, and the decision is
// made anew. The pod to be gated is then written down on the gate, together with
// its resource version, under an optimistic lock on the gate as it was read. Only
// then the pod is patched, on condition that it still has that resource version.
//
// A controller that finds another's mark on the gate knows that one patch of that
// pod may still be on its way. If the pod has another resource version by now,
// the patch has arrived or never will; if not, the pod is touched, so that it
// never will, and the decision is made again. Hence of any number of controllers
// each gates with the gatings of all others in its count.
const (
	// RuleConfirm: a gating, an eviction and a trial are decided again on what the
	// API server says.
	RuleConfirm decide.Rule = "Confirm"
	// RuleFence: of two controllers one gates at a time.
	RuleFence decide.Rule = "Fence"
)

// mustBeSure reports whether a plan takes a pod out of traffic on evidence, evicts
// one or puts one on trial: none of these is done on what a cache says.
func mustBeSure(plan decide.Plan) bool {
	return slices.ContainsFunc(plan.Decisions, func(d decide.Decision) bool {
		return d.Action == decide.Gate || d.Action == decide.Evict || d.Reason == decide.ReasonTrial
	})
}

// gating returns the decision that takes a pod out of traffic on evidence; nil
// if there is none.
func gating(plan decide.Plan) *decide.Decision {
	for i := range plan.Decisions {
		if plan.Decisions[i].Action == decide.Gate {
			return &plan.Decisions[i]
		}
	}
	return nil
}

// confirm reads everything from the API server and decides once more. What was
// decided then is in o, as is what was read if only the gating cannot be: for want of
// a finalizer on the gate, or because a workload cannot be read, nobody is stranded.
func (r *Reconciler) confirm(ctx context.Context, gate *v1alpha1.TrafficGate, state *gateState, o *outcome) (err error) {
	if r.Without == RuleConfirm {
		return nil
	}
	ctx, end := tracing.Part(ctx, "confirm")
	defer func() { end(err) }()
	live := &v1alpha1.TrafficGate{}
	if err := r.Live.Get(ctx, client.ObjectKeyFromObject(gate), live); err != nil {
		return err
	}
	if live.UID != gate.UID || live.Generation != gate.Generation || !live.DeletionTimestamp.IsZero() {
		return errChanged
	}
	w, err := r.load(ctx, r.live(), gate, true)
	if err != nil {
		return err
	}
	if idle(gate, w) != "" || actsAsDryRun(gate, w) {
		return errChanged
	}
	// From here on what brings pods back may go on; what takes them out, and evicts,
	// needs a look, and a gate that is safe to look at.
	o.w, o.sure = w, true
	if o.looked && (w.unchecked != "" || !controllerutil.ContainsFinalizer(live, v1alpha1.Finalizer)) {
		return errChanged
	}
	if o.looked {
		state.rejudge(gate, w, o.now)
	}
	if r.Without != RuleFence {
		if err := r.voidOther(ctx, live, w); err != nil {
			return err
		}
	}
	o.plan = r.plan(gate, state, *o)
	if d := gating(o.plan); d != nil && r.Without != RuleFence {
		return r.mark(ctx, live, w, d.UID)
	}
	return nil
}

// mark writes down on the gate which pod is about to be gated.
func (r *Reconciler) mark(ctx context.Context, live *v1alpha1.TrafficGate, w *world, uid string) (err error) {
	ctx, end := tracing.Part(ctx, "mark gate", attribute.String("k8s.pod.uid", uid))
	defer func() { end(err) }()
	before := live.DeepCopy()
	live.Status.Gating = uid + "@" + w.objects[uid].ResourceVersion
	return r.Status().Patch(ctx, live, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}), client.FieldOwner(v1alpha1.FieldManager))
}

// voidOther makes sure that the gating which is written down on the gate has
// happened or never will.
func (r *Reconciler) voidOther(ctx context.Context, live *v1alpha1.TrafficGate, w *world) error {
	uid, version, _ := strings.Cut(live.Status.Gating, "@")
	pod := w.objects[uid]
	if pod == nil || pod.ResourceVersion != version {
		return nil
	}
	before := fleet.PodOf(pod, live.Spec.TrafficLabel)
	memory := before.Memory
	memory.Gate, memory.Voided = live.Name, version
	err := r.write(ctx, pod, live.Spec.TrafficLabel, decide.Decision{Action: decide.Note, Reason: decide.ReasonVoided,
		Pod: pod.Name, UID: uid, Before: before, Traffic: before.Traffic, Memory: memory})
	r.metrics.PodWrite(decide.Note, resultOf(err))
	if err != nil {
		return err
	}
	return errChanged
}
