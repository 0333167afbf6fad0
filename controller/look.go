package controller

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"go.opentelemetry.io/otel/trace"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
	"github.com/podgate/podgate/controller/fleet"
	"github.com/podgate/podgate/controller/measure"
	"github.com/podgate/podgate/controller/source"
)

// Source answers questions as of an instant, each on its own, and as of every
// step of a stretch of the past; see source.Prometheus.
type Source interface {
	Ask(ctx context.Context, questions []source.Question, at time.Time) []source.Answer
	History(ctx context.Context, questions []source.Question, from, to time.Time, step time.Duration) ([]source.Moment, error)
}

// historyRetry is how long a Prometheus that answers about now but not about the
// past is spared another try.
const historyRetry = 5 * time.Minute

// look is Prometheus' answer to a gate's questions.
type look struct {
	at      time.Time
	took    time.Duration
	spec    string
	answers []source.Answer
	// asides is what was asked besides, with its answers.
	asides       measure.Asides
	asideAnswers []source.Answer
	// history comes before the answers. historyErr says why there is none although
	// it was asked for.
	history    []source.Moment
	historyErr error
	remembers  bool
	// trace ends with the pass that takes the look in.
	trace trace.Span
}

// measure takes in the answer to the last questions, if it has come, and asks
// the next ones when they are due. It never waits. It reports whether there was
// a new look.
func (r *Reconciler) measure(gate *v1alpha1.TrafficGate, state *gateState, w *world, now time.Time) (bool, error) {
	if state.detectors == nil || state.detectors.Spec != measure.Fingerprint(gate.Spec) {
		made, err := newDetectors(gate.Spec)
		if err != nil {
			return false, err
		}
		state.detectors, state.remembered, state.nextHistory = made, false, time.Time{}
		state.signals, state.looked, state.nextLook = nil, false, time.Time{}
		state.said, state.undone, state.decision = measure.Said{}, 0, ""
		r.metrics.ForgetSignals(gate)
	}
	fresh, err := r.takeAnswer(gate, state, w, now)
	if err != nil {
		return false, err
	}
	interval := gate.Spec.Interval.Std()
	tooFar := state.nextLook.Sub(now) > interval // the clock jumped back
	if !state.asking && (tooFar || !now.Before(state.nextLook)) {
		at := measure.LastTick(gate, now)
		state.nextLook = at.Add(interval)
		if !tooOld(gate, at, now) { // with a long interval the last tick can be long past
			state.asking = true
			r.ask(gate, state, at)
		}
	}
	return fresh, nil
}

// tooOld reports whether nothing may be decided any more on answers as of some
// instant. Of one that is as far ahead, the clock having been set back, nobody knows
// how old it is.
func tooOld(gate *v1alpha1.TrafficGate, at, now time.Time) bool {
	return now.Sub(at).Abs() > 2*gate.Spec.Window.Std()
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
	if answered.spec != state.detectors.Spec {
		answered.trace.End()
		return false, nil // asked before the signals changed
	}
	state.trace = answered.trace
	r.metrics.Look(gate, lookOf(gate, answered, w, now))
	well := answered.prometheusIsWell(gate)
	if tooOld(gate, answered.at, now) {
		answered = answered.late(now)
	}
	pods := w.pods
	if actsAsDryRun(gate, w) {
		pods = state.shadowed(w.pods)
	}
	if err := state.learn(gate, answered, well, pods, w, now); err != nil {
		return false, err
	}
	state.signals = state.detectors.Judge(answered.answers, gate.Name, pods, w.policy, answered.at, now)
	state.said = answered.said(gate, pods)
	state.failures = make([]string, len(state.signals))
	for i, a := range answered.answers {
		if a.Err != nil && i < len(state.failures) {
			state.failures[i] = failureReason(a.Err)
		}
	}
	state.lookedAt, state.looked = answered.at, true
	return true, nil
}

// said joins what was asked besides the signals with the fleet. What is asked for
// now and was not asked then is not known.
func (l *look) said(gate *v1alpha1.TrafficGate, pods []decide.Pod) measure.Said {
	asides := measure.AsidesOf(gate)
	if !reflect.DeepEqual(asides, l.asides) {
		return asides.Said(nil, gate.Spec, pods)
	}
	return asides.Said(l.asideAnswers, gate.Spec, pods)
}

// newDetectors makes a gate's detectors; what none can be made of is refused.
func newDetectors(spec v1alpha1.TrafficGateSpec) (*measure.Detectors, error) {
	made, err := measure.New(spec)
	if err != nil {
		return nil, fleet.Refuse(v1alpha1.ReasonInvalidSpec, "%v", err)
	}
	return made, nil
}

// late is a look whose answers came too late to act on: no answers. The past does
// not get old: what took long may have been its history, which is not to be asked
// for again and again.
func (l *look) late(now time.Time) *look {
	out := &look{at: l.at, spec: l.spec, answers: make([]source.Answer, len(l.answers)), history: l.history, historyErr: l.historyErr, remembers: l.remembers}
	remedy := "ask for less, or give Prometheus more"
	if l.remembers || l.historyErr != nil {
		remedy = fmt.Sprintf("the last %s were asked for first, as after a restart; the next look comes without them", measure.HistoryLength)
	}
	for i := range out.answers {
		out.answers[i].Err = fmt.Errorf("the answers as of %s came after %s, too late to act on: %s",
			l.at.UTC().Format(time.TimeOnly), now.Sub(l.at).Round(time.Second), remedy)
	}
	return out
}

// prometheusIsWell reports whether the first query of a look was answered. What
// external detectors say tells nothing of Prometheus.
func (l *look) prometheusIsWell(gate *v1alpha1.TrafficGate) bool {
	for i, s := range gate.Spec.Signals {
		if s.External == nil && i < len(l.answers) {
			return l.answers[i].Err == nil
		}
	}
	return true
}

// learn gives the detectors their history, once there is an answer with it; well says
// that Prometheus had an answer about the present. Looks that were taken without the
// history are part of it.
func (s *gateState) learn(gate *v1alpha1.TrafficGate, answered *look, well bool, pods []decide.Pod, w *world, now time.Time) error {
	if answered.historyErr != nil && well {
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
		s.detectors.Judge(m.Answers, gate.Name, pods, w.policy, m.At, now)
	}
	return nil
}

// ask asks Prometheus in the background; the answer wakes the gate up.
func (r *Reconciler) ask(gate *v1alpha1.TrafficGate, state *gateState, at time.Time) {
	asked, result, gate := measure.Questions(gate), &look{at: at, spec: state.detectors.Spec, asides: measure.AsidesOf(gate)}, gate.DeepCopy()
	interval, remembered := gate.Spec.Interval.Std(), state.remembered || at.Before(state.nextHistory)
	go func() {
		ctx, cancel := r.untilStop()
		defer cancel()
		ctx, result.trace = r.beginLook(ctx, gate, at)
		started := r.Clock.Now()
		if !remembered {
			from := at.Add(-measure.HistoryLength.Truncate(interval))
			history, err := r.Source.History(ctx, asked, from, at.Add(-interval), interval)
			result.history, result.historyErr, result.remembers = history, err, err == nil
		}
		answers := r.Source.Ask(ctx, append(asked, result.asides.Questions()...), at)
		result.answers, result.asideAnswers = answers[:len(asked)], answers[len(asked):]
		result.took = r.Clock.Since(started)
		state.mu.Lock()
		state.answered = result
		if state.dropped {
			result.trace.End()
		}
		state.mu.Unlock()
		select {
		case r.wake <- event.TypedGenericEvent[*v1alpha1.TrafficGate]{Object: gate}:
		case <-r.stopped:
			result.trace.End()
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
