package controller

import (
	"context"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
	"github.com/podgate/podgate/controller/source"
)

// Source answers questions as of an instant, each on its own, and as of every
// step of a stretch of the past; see source.Prometheus.
type Source interface {
	Ask(ctx context.Context, questions []source.Question, at time.Time) []source.Answer
	History(ctx context.Context, questions []source.Question, from, to time.Time, step time.Duration) ([]source.Moment, error)
}

// historyLength is how much of Prometheus' history detectors are given before
// their first look: what they learn is only in memory, and is learned again from
// there by the same steps.
const historyLength = 3 * time.Hour

// historyRetry is how long a Prometheus that answers about now but not about the
// past is spared another try.
const historyRetry = 5 * time.Minute

// gateState is what is kept in memory of a gate between passes. All of it can
// be lost: what a pod needs to come back is on the pod.
//
// Passes over one gate never overlap; only the field answered is shared with
// the goroutine that asks Prometheus.
type gateState struct {
	uid       types.UID
	detectors *detectors
	// remembered says that the detectors were given their history; until then it
	// is asked for with the next look, from nextHistory on.
	remembered  bool
	nextHistory time.Time
	// nextLook is when Prometheus is to be asked again; asking says that it is
	// being asked now.
	nextLook time.Time
	asking   bool
	// signals, lookedAt and looked are the last look.
	signals  []decide.Signal
	failures []string // condition reasons, by signal; empty where there is none
	lookedAt time.Time
	looked   bool
	// failedPasses counts the passes in a row whose writes failed.
	failedPasses int
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
	// history comes before the answers. historyErr says why there is none although
	// it was asked for.
	history    []source.Moment
	historyErr error
	remembers  bool
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
func (r *Reconciler) measure(gate *v1alpha1.TrafficGate, state *gateState, w *world, now time.Time) (bool, error) {
	if state.detectors == nil || state.detectors.spec != fingerprint(gate.Spec) {
		made, err := newDetectors(gate.Spec)
		if err != nil {
			return false, err
		}
		state.detectors, state.remembered, state.nextHistory = made, false, time.Time{}
		state.signals, state.looked, state.nextLook = nil, false, time.Time{}
	}
	fresh, err := r.takeAnswer(gate, state, w, now)
	if err != nil {
		return false, err
	}
	interval := gate.Spec.Interval.Std()
	tooFar := state.nextLook.Sub(now) > interval // the clock jumped back
	if !state.asking && (tooFar || !now.Before(state.nextLook)) {
		at := lastTick(gate, now)
		state.nextLook = at.Add(interval)
		if !tooOld(gate, at, now) { // with a long interval the last tick can be long past
			state.asking = true
			r.ask(gate, state, at)
		}
	}
	return fresh, nil
}

// lastTick is the last instant at which a gate was to look. A gate looks at
// whole multiples of its interval, shifted by an offset of its own so that not
// all gates look at once: after a restart the looks of the past can be repeated
// as they were.
func lastTick(gate *v1alpha1.TrafficGate, now time.Time) time.Time {
	interval := gate.Spec.Interval.Std()
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(gate.UID))
	offset := time.Duration(hash.Sum64() % uint64(interval)).Truncate(time.Millisecond)
	return now.Add(-offset).Truncate(interval).Add(offset)
}

// tooOld reports whether nothing may be decided any more on answers as of some
// instant.
func tooOld(gate *v1alpha1.TrafficGate, at, now time.Time) bool {
	return now.Sub(at) > 2*gate.Spec.Window.Std()
}

// rest forgets what was seen, because the gate has stopped looking: what it
// will see next must speak for itself.
func (s *gateState) rest() {
	s.detectors, s.signals, s.looked, s.nextLook = nil, nil, false, time.Time{}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.answered != nil {
		s.answered, s.asking = nil, false
	}
}

// count counts failed passes in a row.
func (s *gateState) count(err error) {
	s.failedPasses++
	if err == nil {
		s.failedPasses = 0
	}
}

func (r *Reconciler) takeAnswer(gate *v1alpha1.TrafficGate, state *gateState, w *world, now time.Time) (bool, error) {
	state.mu.Lock()
	answered := state.answered
	state.answered = nil
	state.mu.Unlock()
	if answered == nil {
		return false, nil
	}
	state.asking = false
	r.metrics.observeLook(gate, answered)
	if answered.spec != state.detectors.spec {
		return false, nil // asked before the signals changed
	}
	if tooOld(gate, answered.at, now) {
		answered = answered.late(now)
	}
	pods := w.pods
	if actsAsDryRun(gate, w) {
		pods = state.shadowed(w.pods)
	}
	if err := state.learn(gate, answered, pods, w, now); err != nil {
		return false, err
	}
	state.signals = state.detectors.judge(answered.answers, gate.Name, pods, w.policy, answered.at, now)
	state.failures = make([]string, len(state.signals))
	for i, a := range answered.answers {
		if a.Err != nil && i < len(state.failures) {
			state.failures[i] = failureReason(a.Err)
		}
	}
	state.lookedAt, state.looked = answered.at, true
	return true, nil
}

// late is a look whose answers came too late to act on: no answers.
func (l *look) late(now time.Time) *look {
	out := &look{at: l.at, spec: l.spec, answers: make([]source.Answer, len(l.answers))}
	for i := range out.answers {
		out.answers[i].Err = fmt.Errorf("the answers as of %s came after %s, too late to act on: ask for less, or give Prometheus more",
			l.at.UTC().Format(time.TimeOnly), now.Sub(l.at).Round(time.Second))
	}
	return out
}

// learn gives the detectors their history, once there is an answer with it.
// Looks that were taken without it are part of it.
func (s *gateState) learn(gate *v1alpha1.TrafficGate, answered *look, pods []decide.Pod, w *world, now time.Time) error {
	if answered.historyErr != nil && answered.answers[0].Err == nil {
		s.nextHistory = answered.at.Add(historyRetry) // Prometheus is well, the past is too much for it
	}
	if s.remembered || !answered.remembers {
		return nil
	}
	made, err := newDetectors(gate.Spec)
	if err != nil {
		return err
	}
	s.detectors, s.remembered = made, true
	for _, m := range answered.history {
		s.detectors.judge(m.Answers, gate.Name, pods, w.policy, m.At, now)
	}
	return nil
}

// ask asks Prometheus in the background; the answer wakes the gate up.
func (r *Reconciler) ask(gate *v1alpha1.TrafficGate, state *gateState, at time.Time) {
	asked, result, gate := questions(gate), &look{at: at, spec: state.detectors.spec}, gate.DeepCopy()
	interval, remembered := gate.Spec.Interval.Std(), state.remembered || at.Before(state.nextHistory)
	go func() {
		ctx, cancel := r.untilStop()
		defer cancel()
		started := r.Clock.Now()
		if !remembered {
			from := at.Add(-historyLength.Truncate(interval))
			history, err := r.Source.History(ctx, asked, from, at.Add(-interval), interval)
			result.history, result.historyErr, result.remembers = history, err, err == nil
		}
		result.answers = r.Source.Ask(ctx, asked, at)
		result.took = r.Clock.Since(started)
		state.mu.Lock()
		state.answered = result
		state.mu.Unlock()
		select {
		case r.wake <- event.TypedGenericEvent[*v1alpha1.TrafficGate]{Object: gate}:
		case <-r.stopped:
		}
	}()
}

// untilStop is a context that ends when the controller stops; a look outlives
// the pass that asked for it.
func (r *Reconciler) untilStop() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		select {
		case <-r.stopped:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}
