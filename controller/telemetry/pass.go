package telemetry

import (
	"strconv"
	"time"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
)

// Pass is one pass over a gate, as far as metrics go.
type Pass struct {
	Plan decide.Plan
	// Pods is the fleet as it is after the pass; a dry run's as it would be.
	Pods []decide.Pod
	// Signals is the last look, LookedAt the instant that it is about; Looked says
	// that this pass decided on it first.
	Signals  []decide.Signal
	LookedAt time.Time
	Looked   bool
	// Held are the decisions of a look that hold a pod back.
	Held []decide.Decision
	// OnTrial says, by UID, which pods came back lately and are still watched.
	OnTrial map[string]bool
	DryRun  bool
}

// Pass takes in a pass.
func (m *Metrics) Pass(gate *v1alpha1.TrafficGate, p Pass) {
	set := func(g gaugeVec, value int) { g.WithLabelValues(gate.Namespace, gate.Name).Set(float64(value)) }
	m.gate.DeletePartialMatch(labelsOf(keyOf(gate)))
	m.gate.WithLabelValues(gate.Namespace, gate.Name, gate.Spec.ServiceRef.Name, string(gate.Spec.Mode)).Set(1)
	m.interval.WithLabelValues(gate.Namespace, gate.Name).Set(gate.Spec.Interval.Std().Seconds())
	m.begin(gate, p.DryRun)
	m.countPods(gate, p)
	c := p.Plan.Counts
	set(m.limit, c.Limit)
	used, waiting := c.Out(), c.Waiting
	if p.DryRun { // nobody is out for it, and nobody waits
		used, waiting = used-c.Gated, 0
	}
	set(m.used, used)
	set(m.trial, c.Trial)
	set(m.waiting, waiting)
	set(m.outliers, c.Outliers)
	set(m.unknown, c.Unknown)
	m.commonCause.WithLabelValues(gate.Namespace, gate.Name).Set(truth(p.Plan.CommonCause != ""))
	m.suspected.DeletePartialMatch(labelsOf(keyOf(gate)))
	if d := p.Plan.Domain; d.Kind != "" {
		m.suspected.WithLabelValues(gate.Namespace, gate.Name, d.Kind, d.Name).Set(1)
	}
	if p.Looked {
		m.countHeld(gate, p.Held, p.DryRun)
	}
	m.observeSignals(gate, p)
	m.observePods(gate, p)
}

// begin lets the counters begin at 0 that people look at as increases: of a
// counter that begins at 1, Prometheus sees none.
func (m *Metrics) begin(gate *v1alpha1.TrafficGate, dryRun bool) {
	m.relapses.WithLabelValues(gate.Namespace, gate.Name)
	first := func(action decide.Action, reason decide.Reason, signal string) {
		m.decisions.WithLabelValues(gate.Namespace, gate.Name, string(action), string(reason), signal, strconv.FormatBool(dryRun))
	}
	for _, s := range gate.Spec.Signals {
		first(decide.Gate, decide.ReasonOutlier, s.Name)
	}
	first(decide.Release, decide.ReasonTrial, "")
	first(decide.Release, decide.ReasonOverride, "")
	first(decide.HoldOut, decide.ReasonOverride, "")
}

// rehearsed counts the pods that a dry run would have gated; they serve.
const rehearsed decide.State = "wouldBeGated"

func (m *Metrics) countPods(gate *v1alpha1.TrafficGate, p Pass) {
	c := p.Plan.Counts
	states := map[decide.State]int{decide.Serving: c.Serving, decide.NotReady: c.NotReady,
		decide.Unlabelled: c.Unlabelled, decide.Gated: c.Gated, decide.HeldOut: c.HeldOut, rehearsed: 0}
	if p.DryRun {
		states[decide.Gated], states[rehearsed] = 0, c.Gated
		states[decide.Serving] += c.Gated
	}
	for state, n := range states {
		m.pods.WithLabelValues(gate.Namespace, gate.Name, string(state)).Set(float64(n))
	}
	says := map[string]int{v1alpha1.OverrideYes: 0, v1alpha1.OverrideNo: 0}
	for _, pod := range p.Pods {
		switch pod.Override {
		case "":
		case v1alpha1.OverrideYes, v1alpha1.OverrideNo:
			says[pod.Override]++
		default:
			says["other"]++
		}
	}
	m.overrides.DeletePartialMatch(labelsOf(keyOf(gate)))
	for what, n := range says {
		m.overrides.WithLabelValues(gate.Namespace, gate.Name, what).Set(float64(n))
	}
}

func (m *Metrics) countHeld(gate *v1alpha1.TrafficGate, held []decide.Decision, dryRun bool) {
	m.held.DeletePartialMatch(labelsOf(keyOf(gate)))
	for _, d := range held {
		m.held.WithLabelValues(gate.Namespace, gate.Name, string(d.Reason), strconv.FormatBool(dryRun)).Inc()
	}
}
