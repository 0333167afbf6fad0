package story

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podgate/podgate/anomaly"
	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/overview"
	"github.com/podgate/podgate/controller/decide"
	"github.com/podgate/podgate/controller/measure"
	"github.com/podgate/podgate/controller/source"
)

// Prometheus answers questions about now and about the past; *source.Prometheus
// does.
type Prometheus interface {
	Ask(ctx context.Context, questions []source.Question, at time.Time) []source.Answer
	History(ctx context.Context, questions []source.Question, from, to time.Time, step time.Duration) ([]source.Moment, error)
}

// Ask asks Prometheus what the controller asks, feeds the controller's detectors
// with the last three hours, and completes the story with what they say. An error
// means that there was no answer at all; one of a single signal is in its
// numbers.
func (s *Story) Ask(ctx context.Context, prometheus Prometheus, w *overview.World, now time.Time) error {
	detectors, err := measure.New(w.Gate.Spec)
	if err != nil {
		return err
	}
	gate, interval := w.Gate, w.Gate.Spec.Interval.Std()
	at := measure.LastTick(gate, now)
	questions, asides := measure.Questions(gate), measure.AsidesOf(gate)
	answers := prometheus.Ask(ctx, append(slices.Clone(questions), asides.Questions()...), at)
	if err := unanswered(questions, answers); err != nil {
		return err
	}
	history, err := prometheus.History(ctx, questions, at.Add(-measure.HistoryLength.Truncate(interval)), at.Add(-interval), interval)
	if err != nil {
		return err
	}
	peaks := make([]*Peak, len(questions))
	for _, m := range history {
		remember(peaks, detectors.Judge(m.Answers, gate.Name, w.Pods, w.Policy, m.At, now), s.Pod.UID, m.At)
	}
	signals := detectors.Judge(answers[:len(questions)], gate.Name, w.Pods, w.Policy, at, now)
	remember(peaks, signals, s.Pod.UID, at)
	for i := range s.Signals {
		if questions[i].Detector != nil {
			continue // only the controller asks it
		}
		s.Signals[i].Numbers = numbers(answers[i], signals[i], w, s.Pod, at, now)
		s.Signals[i].Numbers.Peak = peaks[i]
	}
	s.AskedAt = &metav1.Time{Time: at}
	s.judge(w, signals, asides.Said(answers[len(questions):], gate.Spec, w.Pods), now)
	return nil
}

// unanswered is the error of the first question to Prometheus if none was answered.
func unanswered(questions []source.Question, answers []source.Answer) (first error) {
	for i, q := range questions {
		switch {
		case q.Detector != nil:
		case answers[i].Err == nil:
			return nil
		case first == nil:
			first = answers[i].Err
		}
	}
	return first
}

// remember keeps the look with the most evidence against the pod, by signal.
func remember(peaks []*Peak, signals []decide.Signal, uid string, at time.Time) {
	for i, s := range signals {
		for _, v := range s.Result.Verdicts {
			if v.Pod == uid && v.Evidence > 0 && (peaks[i] == nil || v.Evidence >= peaks[i].Evidence) {
				peaks[i] = &Peak{metav1.NewTime(at), finite(v.Evidence), finite(v.Bar)}
			}
		}
	}
}

// judge says what a step of the gate would do with the pod now, and what every
// guard says with the metrics known.
func (s *Story) judge(w *overview.World, signals []decide.Signal, said measure.Said, now time.Time) {
	in := input(w, now)
	in.Signals, in.Looked, in.Headroom, in.Probes = signals, true, said.Headroom, said.Probes
	for _, c := range s.Gate.Conditions {
		if c.Type == "CommonCause" && s.Gate.LastLook != nil {
			in.CommonCauseAt = s.Gate.LastLook.At.Time // nobody outside of the controller knows better
		}
	}
	s.Guards = nil
	for _, a := range decide.Examine(in, s.Pod.UID).Guards {
		s.Guards = append(s.Guards, Guard{Guard: string(a.Guard), Asks: asks[a.Guard], Holds: a.Holds})
	}
	s.Would = would(decide.Decide(in), s.Pod)
	if slices.ContainsFunc(w.Gate.Spec.Signals, func(x v1alpha1.Signal) bool { return x.External != nil }) {
		s.Would += " (as far as Prometheus tells: an external detector is asked by the controller only)"
	}
}

// would says what a plan does with the pod.
func would(plan decide.Plan, pod overview.Pod) string {
	text := "leave it as it is"
	if pod.State == decide.Serving {
		text = "leave it in traffic"
	}
	for _, d := range plan.Decisions {
		if d.UID == pod.UID {
			text = fmt.Sprintf("%s (%s): %s", doing[d.Action], d.Reason, d.Message)
		}
	}
	return text
}

var doing = map[decide.Action]string{
	decide.Gate: "take it out of traffic", decide.Release: "bring it back", decide.HoldOut: "take it out of traffic",
	decide.Label: "give it its traffic label", decide.Evict: "evict it", decide.Expire: "take its override off",
	decide.Note: "note", decide.Hold: "leave it in traffic",
}

// numbers are the pod's own beside its peers'.
func numbers(a source.Answer, signal decide.Signal, w *overview.World, pod overview.Pod, at, now time.Time) *Numbers {
	n := &Numbers{Unit: signal.Unit, Class: string(anomaly.Unknown), Err: signal.Err}
	n.Pod = levelOf(a, pod.Name, signal.Kind)
	var levels []float64
	for _, p := range w.Pods {
		if s, ok := a.ByPod[p.Name]; ok && p.UID != pod.UID && p.Judged(w.Gate.Name, w.Policy, at, now) {
			levels = append(levels, level(s, signal.Kind))
		}
	}
	n.Peers, n.Median = len(levels), format(signal.Kind, median(levels))
	for _, v := range signal.Result.Verdicts {
		if v.Pod == pod.UID {
			n.Class, n.Evidence, n.Bar = string(v.Class), finite(v.Evidence), finite(v.Bar)
			n.Sentence = decide.Finding{Signal: signal.Name, Kind: signal.Kind, Unit: signal.Unit, Verdict: v}.String()
		}
	}
	return n
}

// finite is a number that JSON can carry.
func finite(x float64) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return 0
	}
	return x
}
