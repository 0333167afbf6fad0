package suggest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/podgate/podgate/anomaly"
	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/replay"
	"github.com/podgate/podgate/controller/decide"
	"github.com/podgate/podgate/controller/source"
)

// Options say which fleet is looked at.
type Options struct {
	// Gate with every default, in its namespace.
	Gate *v1alpha1.TrafficGate
	// From and To are a stretch of time in which the fleet was healthy.
	From, To time.Time
	Known    map[string]replay.Known
	// Progress, if set, is told how often the gate has been replayed.
	Progress func(replays int)
}

// Proposal is what to write into a gate, with the reasons.
type Proposal struct {
	// Gate is the gate with everything that is proposed.
	Gate    *v1alpha1.TrafficGate
	Window  Window
	Signals []Signal
	// After is recovery.after, which may not be shorter than the window.
	After, AfterWas time.Duration
	// From and To are the first and the last look, Looks how many there were, Pods
	// how many pods at once at most.
	From, To    time.Time
	Looks, Pods int
}

// Signal is what is proposed for one signal.
type Signal struct {
	Name string
	// MinRatio and MinDifference are proposed; MinRatioWas and MinDifferenceWas are
	// what the gate has. All are empty where the signal is judged by no peers.
	MinRatio, MinDifference, MinRatioWas, MinDifferenceWas string
	// Reasons say why, one a sentence.
	Reasons []string
	// Unhealthy says that no floors keep the pods clear: that a pod was ill, or is
	// not like the others.
	Unhealthy bool
	// Silent says that the history says too little of the signal to propose anything.
	Silent bool
}

// A history speaks for a signal if so many pods could be judged at once, for so long,
// taken together.
const (
	enoughPods = 3
	enoughTime = time.Hour
)

// spare is the part of the bar that no healthy pod may come beyond. Some evidence
// against one comes up by chance, the more the longer the history; at three
// quarters of the usual bar of twelve nats a gating is still twenty times (e³) as
// unlikely as at it.
const spare = 0.75

// For proposes, by looking at a fleet's history.
func For(ctx context.Context, src replay.Source, o Options) (*Proposal, error) {
	s := &search{ctx: ctx, src: src, Options: o}
	p := &Proposal{}
	var err error
	if p.Window, err = s.window(); err != nil {
		return nil, err
	}
	s.Gate = o.Gate.DeepCopy()
	widen(s.Gate, p.Window.Proposed)
	p.After, p.AfterWas = s.Gate.Spec.Recovery.After.Std(), o.Gate.Spec.Recovery.After.Std()
	p.Signals = make([]Signal, len(s.Gate.Spec.Signals))
	for k, sig := range s.Gate.Spec.Signals {
		p.Signals[k].Name = sig.Name
		if sig.Outlier == nil {
			p.Signals[k].Reasons = []string{"is judged by a rule that has nothing to propose for"}
			continue
		}
		if why := s.heard[k].tooLittle(s.Gate.Spec.Interval.Std()); why != "" {
			p.Signals[k].Silent, p.Signals[k].Reasons = true, []string{why + ", so nothing is proposed"}
			continue
		}
		p.Signals[k].MinRatioWas, p.Signals[k].MinDifferenceWas = floorsOf(sig)
	}
	if err := s.ratios(p); err != nil {
		return nil, err
	}
	if err := s.differences(p); err != nil {
		return nil, err
	}
	p.Gate, p.From, p.To, p.Looks, p.Pods = s.Gate, s.from, s.to, s.looks, s.pods
	return p, nil
}

// widen sets a gate's window, and what may not be shorter than it.
func widen(gate *v1alpha1.TrafficGate, window time.Duration) {
	gate.Spec.Window = v1alpha1.DurationOf(window)
	r := &gate.Spec.Recovery
	r.After = v1alpha1.DurationOf(max(r.After.Std(), window))
	r.MaxAfter = v1alpha1.DurationOf(max(r.MaxAfter.Std(), window))
}

// floorsOf are a signal's floors, its kind's defaults filled in.
func floorsOf(sig v1alpha1.Signal) (ratio, difference string) {
	d, r := anomaly.DefaultFloors(kindOf(sig))
	return text(sig.Outlier.MinRatio.Or(r)), text(sig.Outlier.MinDifference.Or(d))
}

func kindOf(sig v1alpha1.Signal) anomaly.Kind {
	switch {
	case sig.Ratio != nil:
		return anomaly.Ratio
	case sig.Histogram != nil:
		return anomaly.Histogram
	}
	return anomaly.Value
}

func text(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

// search is a gate that is tried with one pair of floors after the other.
type search struct {
	Options
	ctx         context.Context
	src         replay.Source
	replays     int
	from, to    time.Time
	looks, pods int
	// heard is what the last replay heard of each signal.
	heard []heard
}

// heard is what a history says of one signal.
type heard struct {
	answered, judged int // looks
	missing          string
	ratio            bool
	bad, total       float64
}

// hear takes in one look.
func (h *heard) hear(sig decide.Signal, answer source.Answer) {
	known := 0
	for _, v := range sig.Result.Verdicts {
		if v.Class != anomaly.Unknown {
			known++
		}
	}
	if sig.Answered > 0 {
		h.answered++
	}
	if known >= enoughPods {
		h.judged++
	} else if sig.Missing != "" {
		h.missing = sig.Missing
	}
	h.ratio = sig.Kind == anomaly.Ratio
	for _, s := range answer.ByPod {
		h.bad, h.total = h.bad+s.Bad, h.total+s.Total
	}
}

// tooLittle says why the history does not speak for the signal; nothing if it does.
func (h heard) tooLittle(interval time.Duration) string {
	long := time.Duration(h.judged) * interval
	switch {
	case h.answered == 0:
		return "no data in this history"
	case h.judged == 0 && h.missing != "":
		return fmt.Sprintf("there were never %d pods that could be judged at once: %s", enoughPods, h.missing)
	case h.judged == 0:
		return fmt.Sprintf("there were never %d pods that could be judged at once", enoughPods)
	case long < enoughTime:
		return fmt.Sprintf("%d pods or more could be judged for %s in all, and %s are needed", enoughPods, short(long), short(enoughTime))
	case h.ratio && h.bad == 0:
		return fmt.Sprintf("not one of %.4g events was bad: the query ratio.bad is wrong, or this history does not say how far apart healthy pods are", h.total)
	}
	return ""
}

// closest is the look at which the evidence against a pod came closest to its bar.
type closest struct {
	pod     string
	at      time.Time
	verdict anomaly.Verdict
}

func (c closest) clear() bool { return c.verdict.Excess() <= spare }

func (c closest) String() string {
	if c.verdict.Evidence <= 0 {
		return "nothing spoke against any pod"
	}
	return fmt.Sprintf("%s came to %.3g of %.3g nats, on %s", c.pod, c.verdict.Evidence, c.verdict.Bar, c.at.UTC().Format("2006-01-02 15:04:05Z"))
}

// run replays the gate so that nobody is gated, and returns how close anybody came
// by each signal. What the whole fleet does is left out: a common cause holds it.
func (s *search) run(gate *v1alpha1.TrafficGate, watch func(*replay.Step)) ([]closest, error) {
	gate = gate.DeepCopy()
	gate.Spec.Limits.MinServing = 1 << 30 // holds back everything
	out := make([]closest, len(gate.Spec.Signals))
	s.heard = make([]heard, len(out))
	s.from, s.looks, s.pods = time.Time{}, 0, 0
	err := replay.Run(s.ctx, s.src, replay.Options{Gate: gate, From: s.From, To: s.To, Known: s.Known}, func(step *replay.Step) error {
		if !step.Looked {
			return nil
		}
		if s.looks++; s.from.IsZero() {
			s.from = step.At
		}
		s.to, s.pods = step.At, max(s.pods, len(step.Pods))
		if watch != nil {
			watch(step)
		}
		for k, sig := range step.Signals {
			s.heard[k].hear(sig, step.Answers[k])
		}
		if step.Plan.CommonCause != "" {
			return nil
		}
		for k, sig := range step.Signals {
			for _, v := range sig.Result.Verdicts {
				if v.Excess() > out[k].verdict.Excess() {
					out[k] = closest{s.nameOf(step, v.Pod), step.At, v}
				}
			}
		}
		return nil
	})
	s.replays++
	if s.Progress != nil {
		s.Progress(s.replays)
	}
	return out, err
}

func (s *search) nameOf(step *replay.Step, uid string) string {
	i := slices.IndexFunc(step.Pods, func(p decide.Pod) bool { return p.UID == uid })
	if i < 0 {
		return uid
	}
	return step.Pods[i].Name
}
