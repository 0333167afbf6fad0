package controller

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
	"github.com/podgate/podgate/controller/source"
)

// Source answers questions as of an instant, each on its own; see
// source.Prometheus.
type Source interface {
	Ask(ctx context.Context, questions []source.Question, at time.Time) []source.Answer
}

// gateState is what is kept in memory of a gate between passes. All of it can
// be lost: what a pod needs to come back is on the pod.
//
// Passes over one gate never overlap; only the field answered is shared with
// the goroutine that asks Prometheus.
type gateState struct {
	uid       types.UID
	detectors *detectors
	// nextLook is when Prometheus is to be asked again; asking says that it is
	// being asked now.
	nextLook time.Time
	asking   bool
	// signals, lookedAt and looked are the last look.
	signals  []decide.Signal
	failures []string // condition reasons, by signal; empty where there is none
	lookedAt time.Time
	looked   bool
	// shadow is what a dry run has decided about pods, by UID.
	shadow map[string]shadowed
	// told remembers the last hold that was reported of each pod.
	told map[string]decide.Reason

	mu       sync.Mutex
	answered *look
}

// look is Prometheus' answer to a gate's questions.
type look struct {
	at      time.Time
	took    time.Duration
	spec    string
	answers []source.Answer
}

// states holds the state of every gate.
type states struct {
	mu sync.Mutex
	by map[types.NamespacedName]*gateState
}

// of returns a gate's state; a gate that was deleted and made anew starts
// afresh.
func (s *states) of(gate *v1alpha1.TrafficGate) *gateState {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := types.NamespacedName{Namespace: gate.Namespace, Name: gate.Name}
	state := s.by[key]
	if state == nil || state.uid != gate.UID {
		state = &gateState{uid: gate.UID, shadow: map[string]shadowed{}, told: map[string]decide.Reason{}}
		if s.by == nil {
			s.by = map[types.NamespacedName]*gateState{}
		}
		s.by[key] = state
	}
	return state
}

func (s *states) drop(key types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.by, key)
}

// measure takes in the answer to the last questions, if it has come, and asks
// the next ones when they are due. It never waits. It reports whether there was
// a new look.
func (r *Reconciler) measure(ctx context.Context, gate *v1alpha1.TrafficGate, state *gateState, w *world, now time.Time) bool {
	if spec := fingerprint(gate.Spec.Signals); state.detectors == nil || state.detectors.spec != spec {
		state.detectors = newDetectors(gate.Spec.Signals)
		state.signals, state.looked, state.nextLook = nil, false, now
	}
	fresh := r.takeAnswer(gate, state, w)
	tooFar := state.nextLook.Sub(now) > gate.Spec.Interval.Std() // the interval was shortened
	if !state.asking && (tooFar || !now.Before(state.nextLook)) {
		r.ask(ctx, gate, state, now)
	}
	return fresh
}

func (r *Reconciler) takeAnswer(gate *v1alpha1.TrafficGate, state *gateState, w *world) bool {
	state.mu.Lock()
	answered := state.answered
	state.answered = nil
	state.mu.Unlock()
	if answered == nil {
		return false
	}
	state.asking = false
	r.metrics.observeLook(gate, answered)
	if answered.spec != state.detectors.spec {
		return false // asked before the signals changed
	}
	pods := w.pods
	if actsAsDryRun(gate, w) {
		pods = state.shadowed(w.pods)
	}
	state.signals = state.detectors.judge(answered.answers, gate.Name, pods, w.policy, answered.at)
	state.failures = make([]string, len(state.signals))
	for i, a := range answered.answers {
		if a.Err != nil && i < len(state.failures) {
			state.failures[i] = failureReason(a.Err)
		}
	}
	state.lookedAt, state.looked = answered.at, true
	return true
}

// ask asks Prometheus in the background; the answer wakes the gate up.
func (r *Reconciler) ask(ctx context.Context, gate *v1alpha1.TrafficGate, state *gateState, now time.Time) {
	interval := gate.Spec.Interval.Std()
	if now.Sub(state.nextLook).Abs() > interval { // the first look, or one long overdue
		state.nextLook = now
	}
	state.nextLook = state.nextLook.Add(interval)
	state.asking = true
	asked, spec, gate := questions(gate), state.detectors.spec, gate.DeepCopy()
	r.background.Go(func() {
		started := r.Clock.Now()
		answers := r.Source.Ask(context.WithoutCancel(ctx), asked, now)
		state.mu.Lock()
		state.answered = &look{now, r.Clock.Since(started), spec, answers}
		state.mu.Unlock()
		select {
		case r.wake <- event.TypedGenericEvent[*v1alpha1.TrafficGate]{Object: gate}:
		case <-r.stopped:
		}
	})
}
