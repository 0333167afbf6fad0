package controller

import (
	"context"
	"errors"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
)

// Reconciler reconciles TrafficGates; see the package's documentation.
type Reconciler struct {
	// Client reads from the cache and writes to the API server; Live reads from
	// the API server itself.
	client.Client
	Live   client.Reader
	Source Source
	Events events.EventRecorder
	Clock  clock.PassiveClock

	metrics   *metrics
	states    states
	workloads sync.Map // selector keys by the workload's UID
	wake      chan event.TypedGenericEvent[*v1alpha1.TrafficGate]
	stopped   chan struct{}
}

// Reconcile is one pass over one gate.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	gate := &v1alpha1.TrafficGate{}
	err := r.Get(ctx, req.NamespacedName, gate)
	if apierrors.IsNotFound(err) {
		r.states.drop(req.NamespacedName)
		r.metrics.forget(req.NamespacedName)
		return ctrl.Result{}, r.releaseOrphans(ctx, req.NamespacedName)
	}
	if err != nil {
		return ctrl.Result{}, err
	}
	if !gate.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, r.finish(ctx, gate)
	}
	if err := r.keepFinalizer(ctx, gate); err != nil {
		return ctrl.Result{}, err
	}
	next, err := r.pass(ctx, gate)
	if apierrors.IsConflict(err) { // somebody was faster: look again at what there is now
		return ctrl.Result{RequeueAfter: 100 * time.Millisecond}, nil
	}
	return ctrl.Result{RequeueAfter: next}, err
}

// pass is the five parts in their order. It returns when the next is due.
func (r *Reconciler) pass(ctx context.Context, gate *v1alpha1.TrafficGate) (time.Duration, error) {
	w, err := r.load(ctx, r.cached(), gate, gate.Spec.Mode != v1alpha1.ModeSuspended)
	if err != nil {
		return 0, err
	}
	now, state := r.Clock.Now(), r.states.of(gate)
	looked := false
	if idle(gate, w) != "" {
		state.rest()
	} else {
		if looked, err = r.measure(gate, state, w, now); err != nil && !errors.As(err, &w.refused) {
			return 0, err
		}
	}
	looked = looked && w.unchecked == ""
	plan := r.plan(gate, state, w, looked, now)
	done := outcome{w: w, plan: plan, looked: looked, now: now}
	done.err = r.carryOut(ctx, gate, state, &done)
	state.count(done.err)
	if err := r.report(ctx, gate, state, done); err != nil && done.err == nil {
		done.err = err
	}
	return wait(state, idle(gate, done.w) == "", done.plan, now), done.err
}

// outcome is a pass as it is reported.
type outcome struct {
	w      *world
	plan   decide.Plan
	looked bool
	now    time.Time
	// done are the decisions that were carried out or held; rehearsed are those
	// that a dry run would have carried out.
	done, rehearsed []decide.Decision
	err             error
}

// idle says why a gate gives every pod back and looks no more, or nothing.
func idle(gate *v1alpha1.TrafficGate, w *world) decide.Reason {
	switch {
	case w.refused != nil:
		return decide.ReasonRefused
	case gate.Spec.Mode == v1alpha1.ModeSuspended:
		return decide.ReasonSuspended
	}
	return ""
}

// input is what decide.Decide is given for the real fleet.
func input(gate *v1alpha1.TrafficGate, state *gateState, w *world, looked bool, now time.Time) decide.Input {
	return decide.Input{
		Gate: gate.Name, Policy: w.policy, Pods: w.pods, Strays: w.strays, Now: now,
		// Labelling has no effect on a Service that does not select on the label
		// yet, but it is what makes enrolling it safe.
		LabelNew:   w.refused == nil && (w.unenrolled == "" || gate.Spec.Mode == v1alpha1.ModeEnforce),
		ReleaseAll: idle(gate, w),
		Signals:    state.signals, Looked: looked,
	}
}

// plan decides. A dry run decides about the fleet as its earlier decisions would
// have left it; what it really does is to bring pods back.
func (r *Reconciler) plan(gate *v1alpha1.TrafficGate, state *gateState, w *world, looked bool, now time.Time) decide.Plan {
	in := input(gate, state, w, looked, now)
	if in.ReleaseAll == "" && actsAsDryRun(gate, w) {
		in.Pods, in.Strays, in.LabelNew = state.shadowed(w.pods), nil, true
	} else {
		clear(state.shadow)
	}
	return decide.Decide(in)
}

// carryOut writes what was decided. A dry run writes only what brings pods back
// and gives new ones their label.
func (r *Reconciler) carryOut(ctx context.Context, gate *v1alpha1.TrafficGate, state *gateState, o *outcome) (err error) {
	if idle(gate, o.w) == "" && actsAsDryRun(gate, o.w) {
		in := input(gate, state, o.w, false, o.now)
		in.ReleaseAll = decide.ReasonDryRun
		if gate.Spec.Mode == v1alpha1.ModeEnforce {
			in.ReleaseAll = decide.ReasonNotEnrolled
		}
		o.done, err = r.act(ctx, gate.Spec.TrafficLabel, o.w, decide.Decide(in).Decisions)
		o.rehearsed = o.plan.Decisions
		state.remember(o.plan, o.w.pods)
		return err
	}
	if gates(o.plan) {
		if err := r.confirm(ctx, gate, state, o); err != nil {
			return err
		}
	}
	o.done, err = r.act(ctx, gate.Spec.TrafficLabel, o.w, o.plan.Decisions)
	return err
}

// gates reports whether the plan takes a pod out of traffic on evidence.
func gates(plan decide.Plan) bool {
	for _, d := range plan.Decisions {
		if d.Action == decide.Gate {
			return true
		}
	}
	return false
}

// confirm reads the fleet from the API server and decides once more, because
// the limits are only as good as the count they are held against, and a cache
// may be behind our own last write.
func (r *Reconciler) confirm(ctx context.Context, gate *v1alpha1.TrafficGate, state *gateState, o *outcome) error {
	w, err := r.load(ctx, r.live(), gate, true)
	if err != nil {
		return err
	}
	if idle(gate, w) != "" || actsAsDryRun(gate, w) || w.unchecked != "" {
		return errChanged
	}
	o.w, o.plan = w, r.plan(gate, state, w, o.looked, o.now)
	return nil
}

// wait is how long it is to the next look or the next pod that falls due; 0 if
// nothing is. While Prometheus is being asked, its answer wakes the gate up.
func wait(state *gateState, watching bool, plan decide.Plan, now time.Time) time.Duration {
	next := time.Time{}
	if watching && !state.asking {
		next = state.nextLook
	}
	if !plan.Next.IsZero() && plan.Next.After(now) && (next.IsZero() || plan.Next.Before(next)) {
		next = plan.Next
	}
	if next.IsZero() {
		return 0
	}
	return max(next.Sub(now), time.Millisecond)
}

// keepFinalizer makes sure that a gate that may take pods out cannot go before
// they are back.
func (r *Reconciler) keepFinalizer(ctx context.Context, gate *v1alpha1.TrafficGate) error {
	before := gate.DeepCopy()
	if gate.Spec.Mode != v1alpha1.ModeEnforce || !controllerutil.AddFinalizer(gate, v1alpha1.Finalizer) {
		return nil
	}
	return r.Patch(ctx, gate, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}), client.FieldOwner(v1alpha1.FieldManager))
}

// finish brings every pod of a gate back that is being deleted, and lets it go.
// It reads from the API server, because a pod that the cache does not know to be
// gated yet would be left behind; and it checks nothing, because nothing may
// keep a pod from coming back.
func (r *Reconciler) finish(ctx context.Context, gate *v1alpha1.TrafficGate) error {
	if !controllerutil.ContainsFinalizer(gate, v1alpha1.Finalizer) {
		return nil
	}
	w, err := r.load(ctx, r.live(), gate, false)
	if err != nil {
		return err
	}
	in := input(gate, &gateState{}, w, false, r.Clock.Now())
	in.ReleaseAll = decide.ReasonGateDeleted
	done, err := r.act(ctx, gate.Spec.TrafficLabel, w, decide.Decide(in).Decisions)
	r.announce(gate, w, done)
	if err != nil {
		return err
	}
	before := gate.DeepCopy()
	controllerutil.RemoveFinalizer(gate, v1alpha1.Finalizer)
	err = r.Patch(ctx, gate, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}), client.FieldOwner(v1alpha1.FieldManager))
	return client.IgnoreNotFound(err)
}
