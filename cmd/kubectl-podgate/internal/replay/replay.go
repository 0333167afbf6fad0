package replay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
	"github.com/podgate/podgate/controller/measure"
	"github.com/podgate/podgate/controller/source"
)

// Options say what is replayed.
type Options struct {
	// Gate with every default, in its namespace. With the UID of a gate that was
	// there its looks are at the same instants.
	Gate *v1alpha1.TrafficGate
	// From and To are the stretch of time, both ends included. Detectors are given
	// measure.HistoryLength before it, as after a restart.
	From, To time.Time
	// Known is what is known of pods besides the data, by name.
	Known map[string]Known
	// Progress, if set, is told how much of the whole is done, from 0 to 1.
	Progress func(done float64)
}

// Known is what the cluster says of a pod that is still there.
type Known struct {
	// Created is when it was made: what the data says of an earlier pod of that name
	// is about another.
	Created time.Time
	// Pod is the pod without its traffic label and notes.
	Pod decide.Pod
}

// Step is one step of the gate: what it saw and what it decided.
type Step struct {
	At time.Time
	// Looked says that the metrics were looked at; between two looks only the clock
	// makes anything fall due.
	Looked bool
	// Pods is the fleet as the step found it, by name, and Judged how many of them
	// could speak for or against anybody.
	Pods   []decide.Pod
	Judged int
	// Silent says that no signal had an answer about any pod at this look.
	Silent bool
	// Answers and Signals are the look, one a signal; nil between looks.
	Answers []source.Answer
	Signals []decide.Signal
	Plan    decide.Plan
}

// ErrNoData says that the data knows no pod in the stretch that was asked for.
var ErrNoData = errors.New("no data")

// Run replays the gate and shows each step to watch, in the order of time. An
// error of watch ends it. What a step holds is valid until watch returns, except
// for its plan.
func Run(ctx context.Context, src Source, o Options, watch func(*Step) error) error {
	r, err := newRun(o)
	if err != nil {
		return err
	}
	begin := r.history()
	feed := newFeed(ctx, src, r.questions, begin, o.To, r.policy.Interval)
	defer feed.close()
	r.timeline = timeline{feed: feed, lives: newLives(r.policy.Interval), signals: r.signals, first: true}
	if err := r.warmUp(); err != nil {
		return err
	}
	return r.steps(begin, watch)
}

// First is the first tick of the stretch.
func (o Options) First() time.Time {
	at := measure.LastTick(o.Gate, o.From)
	if at.Before(o.From) {
		at = at.Add(o.Gate.Spec.Interval.Std())
	}
	return at
}

// run is a replay that is going on.
type run struct {
	Options
	policy    decide.Policy
	detectors *measure.Detectors
	asides    measure.Asides
	questions []source.Question
	// signals is how many of the questions are the signals'; then come the asides',
	// and readyQuestion.
	signals  int
	timeline timeline
	fleet    fleet
	// moment and lives are the next look.
	moment source.Moment
	lives  []*life

	commonCauseAt time.Time
	spoken        bool
}

func newRun(o Options) (*run, error) {
	policy, err := measure.Policy(o.Gate.Spec)
	if err != nil {
		return nil, err
	}
	detectors, err := measure.New(o.Gate.Spec)
	if err != nil {
		return nil, err
	}
	if o.To.Before(o.First()) {
		return nil, fmt.Errorf("there is no look between %s and %s: ask for a stretch that is longer than the interval, %s",
			o.From.UTC().Format(time.RFC3339), o.To.UTC().Format(time.RFC3339), policy.Interval)
	}
	r := &run{Options: o, policy: policy, detectors: detectors, asides: measure.AsidesOf(o.Gate), questions: measure.Questions(o.Gate)}
	r.signals = len(r.questions)
	r.questions = append(r.questions, r.asides.Questions()...)
	r.questions = append(r.questions, readyQuestion(o.Gate.Namespace))
	r.fleet = fleet{gate: o.Gate, known: o.Known, written: map[string]written{}, readiness: map[string]readiness{}}
	return r, nil
}

// history is the first tick that is read: so long before the first look.
func (r *run) history() time.Time {
	return r.First().Add(-measure.HistoryLength.Truncate(r.policy.Interval))
}

// warmUp gives the detectors the past, as after a restart: judged by what is known
// of the fleet at the first look.
func (r *run) warmUp() error {
	var past []source.Moment
	for {
		m, lives, ok, err := r.timeline.next()
		if err != nil {
			return err
		}
		if !ok {
			return ErrNoData
		}
		if !m.At.Before(r.First()) {
			r.moment, r.lives = m, lives
			break
		}
		past = append(past, m)
	}
	pods := r.fleet.at(r.moment.At, r.lives, r.ready())
	for _, m := range past {
		r.detectors.Judge(m.Answers[:r.signals], r.Gate.Name, pods, r.policy, m.At, r.moment.At)
	}
	return nil
}

// steps takes every look, and what falls due between two.
func (r *run) steps(begin time.Time, watch func(*Step) error) error {
	whole := r.To.Sub(begin)
	for {
		if err := r.look(watch); err != nil {
			return err
		}
		if r.Progress != nil {
			r.Progress(float64(r.moment.At.Sub(begin)) / float64(whole))
		}
		m, lives, ok, err := r.timeline.next()
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		r.moment, r.lives = m, lives
	}
	if !r.spoken {
		return ErrNoData
	}
	return nil
}

// look takes one look, and the steps that fall due before the next one.
func (r *run) look(watch func(*Step) error) error {
	at := r.moment.At
	pods := r.fleet.at(at, r.lives, r.ready())
	answers := r.moment.Answers[:r.signals]
	signals := r.detectors.Judge(answers, r.Gate.Name, pods, r.policy, at, at)
	said := r.asides.Said(r.moment.Answers[r.signals:len(r.questions)-1], r.Gate.Spec, pods)
	step := &Step{At: at, Looked: true, Silent: !speaks(r.moment, r.signals), Pods: pods, Answers: answers, Signals: signals}
	r.spoken = r.spoken || !step.Silent
	for {
		step.Judged = judged(step, r.Gate.Name, r.policy)
		step.Plan = decide.Decide(decide.Input{
			Gate: r.Gate.Name, Policy: r.policy, Pods: step.Pods, LabelNew: true, Now: step.At,
			Signals: signals, Looked: step.Looked, Headroom: said.Headroom, Probes: said.Probes, CommonCauseAt: r.commonCauseAt,
		})
		r.commonCauseAt = step.Plan.CommonCauseAt
		if err := watch(step); err != nil {
			return err
		}
		r.fleet.write(step.Plan)
		next := step.Plan.Next
		if !next.After(step.At) || !next.Before(at.Add(r.policy.Interval)) || next.After(r.To) {
			return nil
		}
		step = &Step{At: next, Pods: r.fleet.at(next, r.lives, r.ready())}
	}
}

// ready is what kube-state-metrics said of the pods at the next look.
func (r *run) ready() map[string]source.Sample { return r.moment.Answers[len(r.questions)-1].ByPod }

func judged(s *Step, gate string, policy decide.Policy) (n int) {
	for _, p := range s.Pods {
		if p.Judged(gate, policy, s.At, s.At) {
			n++
		}
	}
	return n
}
