package controller

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
	"github.com/podgate/podgate/controller/telemetry"
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
	// Tracer makes a trace of each look; none is made without it.
	Tracer trace.Tracer

	// Without leaves a rule out, to show that a test notices.
	Without decide.Rule

	metrics   *telemetry.Metrics
	states    states
	nodes     nodes
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
		r.metrics.Forget(req.NamespacedName)
		return ctrl.Result{}, r.releaseOrphans(ctx, req.NamespacedName)
	}
	if err != nil {
		return ctrl.Result{}, err
	}
	if !gate.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, r.finish(ctx, gate)
	}
	next, err := r.pass(ctx, gate)
	if apierrors.IsConflict(err) { // somebody was faster: look again at what there is now
		return ctrl.Result{RequeueAfter: 100 * time.Millisecond}, nil
	}
	if err != nil { // tried again soon, and sooner than anything falls due
		return ctrl.Result{}, err
	}
	return ctrl.Result{RequeueAfter: next}, nil
}

// pass is the five parts in their order. It returns when the next is due.
func (r *Reconciler) pass(ctx context.Context, gate *v1alpha1.TrafficGate) (time.Duration, error) {
	w, err := r.load(ctx, r.cached(), gate, gate.Spec.Mode != v1alpha1.ModeSuspended)
	if err != nil {
		return 0, err
	}
	now := r.Clock.Now()
	state := r.states.of(gate, now)
	known := state.refresh(gate)
	state.noteOut(w.pods, now)
	looked := false
	if idle(gate, w) != "" {
		state.rest()
	} else {
		if looked, err = r.measure(gate, state, w, now); err != nil && !errors.As(err, &w.refused) {
			return 0, err
		}
	}
	// Without a finalizer nobody may be taken out, but everything else goes on.
	unsafe := r.keepFinalizer(ctx, gate)
	again := state.again(gate, w, now)
	looked = (again || looked) && w.unchecked == ""
	ctx = state.tracingLook(ctx, again)
	if unsafe != nil && looked {
		looked, state.undone = false, gate.Generation
	}
	done := outcome{w: w, known: known, looked: looked, sure: true, now: now}
	done.plan = r.plan(gate, state, done)
	done.err = errors.Join(unsafe, r.carryOut(ctx, gate, state, &done))
	state.count(done)
	state.noteRefused(done)
	if err := r.report(ctx, gate, state, done); err != nil && done.err == nil {
		done.err = err
	}
	state.endLook(done)
	return wait(state, idle(gate, done.w) == "", done.plan, now), done.err
}

// outcome is a pass as it is reported.
type outcome struct {
	w *world
	// known is the gate's status as the cache has it.
	known  v1alpha1.TrafficGateStatus
	plan   decide.Plan
	looked bool
	// sure says that nothing is to be confirmed any more, or was.
	sure bool
	now  time.Time
	// done are the decisions that were carried out or held; rehearsed are those
	// that a dry run would have carried out.
	done, rehearsed []decide.Decision
	err             error
}

// idle says why a gate gives every pod back and looks no more, or nothing. What
// the mode says comes first: it also ends what people's overrides asked for.
func idle(gate *v1alpha1.TrafficGate, w *world) decide.Reason {
	switch {
	case gate.Spec.Mode == v1alpha1.ModeSuspended:
		return decide.ReasonSuspended
	case w.refused != nil && gate.Spec.Mode == v1alpha1.ModeDryRun:
		return decide.ReasonDryRun
	case w.refused != nil:
		return decide.ReasonRefused
	}
	return ""
}

// input is what decide.Decide is given for the real fleet.
func input(gate *v1alpha1.TrafficGate, state *gateState, w *world, looked bool, now time.Time) decide.Input {
	return decide.Input{
		Gate: gate.Name, Policy: w.policy, Pods: w.pods, Leaving: w.leaving, Strays: w.strays, Now: now,
		LabelNew:   labelsNew(gate, w),
		ReleaseAll: idle(gate, w),
		Signals:    state.signals, Looked: looked,
		Headroom: state.said.Headroom, Probes: state.said.Probes, CommonCauseAt: state.commonCauseAt,
	}
}

// labelsNew reports whether pods without the label get one. A Service that selects on
// it does not see them before, whatever keeps the gate from its work: only where the
// label decides whose pod it is, it is not to be touched. On a Service that does not
// select on it yet it has no effect, but is what makes enrolling it safe.
func labelsNew(gate *v1alpha1.TrafficGate, w *world) bool {
	switch {
	case w.refused == nil:
		return w.unenrolled == "" || gate.Spec.Mode == v1alpha1.ModeEnforce
	case w.refused.Reason == v1alpha1.ReasonTrafficKeyInWorkload:
		return false
	}
	return w.unenrolled == ""
}

// plan decides. A dry run decides about the fleet as its earlier decisions would
// have left it; what it really does is to bring pods back.
func (r *Reconciler) plan(gate *v1alpha1.TrafficGate, state *gateState, o outcome) decide.Plan {
	in := input(gate, state, o.w, o.looked, o.now)
	in.Unsure = !o.sure
	if in.ReleaseAll == "" && actsAsDryRun(gate, o.w) {
		in.Pods, in.Strays, in.LabelNew = decide.WithoutExpired(state.shadowed(o.w.pods), o.now), nil, true
	} else {
		clear(state.shadow)
	}
	in.Without = r.Without
	plan := decide.Decide(in)
	state.commonCauseAt = plan.CommonCauseAt
	return plan
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
	var unconfirmed error
	if mustBeSure(o.plan) {
		o.sure = r.Without == RuleConfirm
		if unconfirmed = r.confirm(ctx, gate, state, o); unconfirmed != nil {
			// What does not depend on it, such as a person's override, is done all the same.
			if o.looked {
				state.undone, o.looked = gate.Generation, false
			}
			o.plan = r.plan(gate, state, *o)
		}
	}
	o.done, err = r.act(ctx, gate.Spec.TrafficLabel, o.w, o.plan.Decisions)
	return errors.Join(unconfirmed, err)
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
	in.ReleaseAll, in.Without = decide.ReasonGateDeleted, r.Without
	done, err := r.act(ctx, gate.Spec.TrafficLabel, w, decide.Decide(in).Decisions)
	r.announce(ctx, decidedOn{gate: gate, state: &gateState{}, world: w, now: in.Now}, done)
	if err != nil {
		return err
	}
	live := &v1alpha1.TrafficGate{}
	if err := r.Live.Get(ctx, client.ObjectKeyFromObject(gate), live); err != nil {
		return client.IgnoreNotFound(err)
	}
	if err := r.voidOther(ctx, live, w); err != nil { // a stopped controller may be about to gate a pod
		return err
	}
	before := gate.DeepCopy()
	controllerutil.RemoveFinalizer(gate, v1alpha1.Finalizer)
	err = r.Patch(ctx, gate, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}), client.FieldOwner(v1alpha1.FieldManager))
	return client.IgnoreNotFound(err)
}
