package telemetry

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/podgate/podgate/anomaly"
	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
)

// gaugeVec is short for what every gauge is.
type gaugeVec = *prometheus.GaugeVec

const (
	// onTrial is the state of a pod that came back lately and is watched.
	onTrial = "trial"
	// kept is the state of a pod that would be on trial or is an outlier, and that a
	// person keeps in traffic.
	kept = "kept"
	// maxSentence is how many bytes of a sentence go into a label.
	maxSentence = 200
)

// shown is a pod that has series of its own.
type shown struct {
	decide.Pod
	state   string // empty for a pod that is merely suspect
	since   time.Time
	finding decide.Finding
}

// observePods tells of the pods that matter, and takes along the series of those
// that do not any more.
func (m *Metrics) observePods(gate *v1alpha1.TrafficGate, p Pass) {
	for _, g := range []gaugeVec{m.podSince, m.evidence, m.podLevel, m.peersLevel} {
		g.DeletePartialMatch(labelsOf(keyOf(gate)))
	}
	for _, s := range choose(gate.Name, p) {
		if s.state != "" {
			signal, why := because(s)
			m.podSince.WithLabelValues(gate.Namespace, gate.Name, s.Name, s.state, signal, why).Set(unix(s.since))
		}
		f := s.finding
		if f.Signal == "" || f.Bar <= 0 || math.IsNaN(f.Evidence) {
			continue
		}
		m.evidence.WithLabelValues(gate.Namespace, gate.Name, s.Name, f.Signal).Set(f.Excess())
		if f.Class == anomaly.Unknown || math.IsNaN(f.Level) || math.IsNaN(f.Peers) {
			continue
		}
		m.podLevel.WithLabelValues(gate.Namespace, gate.Name, s.Name, f.Signal).Set(f.Level)
		m.peersLevel.WithLabelValues(gate.Namespace, gate.Name, s.Name, f.Signal).Set(f.Peers)
	}
}

// choose picks the pods that have series of their own, at most MaxPods: those
// that are out, the longest first, so that a series does not come and go; then
// those on trial; then the most suspect, at most MaxSuspects.
func choose(gate string, p Pass) (out []shown) {
	findings := decide.Findings(p.Signals)
	var keeps, trials, suspects []shown
	for _, pod := range p.Pods {
		s := shown{Pod: pod, finding: findings[pod.UID]}
		onTrialHere := p.OnTrial[pod.UID] && !p.DryRun // whom a dry run has on trial was never out
		switch state := pod.State(gate); {
		case state == decide.Gated || state == decide.HeldOut:
			s.state, s.since = string(state), pod.Memory.GatedAt
			if p.DryRun && state == decide.Gated {
				s.state = string(rehearsed)
			}
			if s.since.IsZero() { // a person took it out by the traffic label, nobody noted when
				s.since = time.Unix(0, 0)
			}
			out = append(out, s)
		case pod.Override == v1alpha1.OverrideYes && (onTrialHere || s.finding.Excess() >= 1):
			s.state, s.since = kept, pod.Memory.ReleasedAt
			if s.since.IsZero() { // it was never out
				s.since = time.Unix(0, 0)
			}
			keeps = append(keeps, s)
		case onTrialHere:
			s.state, s.since = onTrial, pod.Memory.ReleasedAt
			trials = append(trials, s)
		case state == decide.Serving && s.finding.Excess() > 0:
			suspects = append(suspects, s)
		}
	}
	slices.SortStableFunc(out, func(a, b shown) int { return a.since.Compare(b.since) })
	slices.SortStableFunc(suspects, func(a, b shown) int {
		if anomaly.Worse(a.finding.Verdict, b.finding.Verdict) {
			return -1
		}
		return 1
	})
	out = append(append(append(out, keeps...), trials...), suspects[:min(len(suspects), MaxSuspects)]...)
	return out[:min(len(out), MaxPods)]
}

// because is the signal and the sentence for which a pod is out, or kept in. They
// are from the note on the pod, which survives the controller, and from its label.
func because(s shown) (signal, why string) {
	why = s.Memory.Reason
	if s.state == string(decide.Gated) || s.state == string(rehearsed) {
		signal, _, _ = strings.Cut(why, ": ")
	}
	if s.state == onTrial {
		why = fmt.Sprintf("back in traffic (%s) and watched", s.Memory.ReleasedFor)
		if n := s.Memory.Relapses; n > 0 {
			why += fmt.Sprintf("; trials that failed before: %d", n)
		}
	}
	if s.state == kept {
		why = "a person's override says yes"
		if s.finding.Excess() >= 1 {
			why += ", though " + s.finding.Signal + " speaks against it" // without numbers, which change with each look
		}
	}
	return strings.ToValidUTF8(signal, ""), sentence(why)
}

// sentence is what of a text goes into a label.
func sentence(text string) string {
	return strings.ToValidUTF8(text[:min(len(text), maxSentence)], "")
}
