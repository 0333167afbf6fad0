package report

import (
	"encoding/json"
	"errors"
	"io"
	"math"
	"time"

	"github.com/podgate/podgate/anomaly"
	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/replay"
	"github.com/podgate/podgate/controller/decide"
)

// Line is one decision as a JSON object. A number that does not exist is null.
//
// What holds of the whole gate has a line without a pod, when it begins or ends:
// the action Hold for the reasons CommonCause, CommonCauseOver, DomainSuspected and
// DomainSuspectedOver.
type Line struct {
	// Time of the step that decided, and Policy, the file that the gate is from.
	Time   time.Time `json:"time"`
	Policy string    `json:"policy,omitempty"`
	// Gate is namespace/name, Pod the pod's name.
	Gate string `json:"gate"`
	Pod  string `json:"pod,omitempty"`
	// Action and Reason are the controller's own words, as in its events and
	// metrics: Gate, Release, Hold, Evict, Note; Outlier, Trial, HeldLimit and so on.
	Action decide.Action `json:"action"`
	Reason decide.Reason `json:"reason"`
	// Signal is what the pod was bad by; empty where the reason is no signal.
	Signal string `json:"signal,omitempty"`
	// Value is the pod's level and Peers its peers': a share for a ratio and for a
	// histogram (of the events beyond Bound, in the unit of the buckets), otherwise the
	// value itself. Evidence speaks against the pod, and Bar is how much of it makes
	// an outlier, in Unit.
	Value    *float64 `json:"value"`
	Peers    *float64 `json:"peers"`
	Bound    *float64 `json:"bound,omitempty"`
	Evidence *float64 `json:"evidence"`
	Bar      *float64 `json:"bar"`
	Unit     string   `json:"unit,omitempty"`
	// Guard is what held a gating back; empty for what was done.
	Guard string `json:"guard,omitempty"`
	// Until is when a gated pod is due for a trial, Relapses how often it had been
	// gated again after it had come back.
	Until    *time.Time `json:"until,omitempty"`
	Relapses int        `json:"relapses,omitempty"`
	// Message is the decision as a sentence.
	Message string `json:"message"`
}

// LineOf a decision taken at an instant.
func LineOf(gate string, at time.Time, d decide.Decision) Line {
	l := Line{Time: at.UTC(), Gate: gate, Pod: d.Pod, Action: d.Action, Reason: d.Reason, Message: d.Message, Relapses: d.Memory.Relapses}
	if d.Action == decide.Hold {
		l.Guard, l.Relapses = string(d.Reason), d.Before.Memory.Relapses
	}
	if d.Action == decide.Gate && !d.Memory.GatedUntil.IsZero() {
		l.Until = new(d.Memory.GatedUntil.UTC())
	}
	if f := d.Finding; f.Signal != "" {
		l.Signal, l.Unit = f.Signal, f.Unit
		l.Value, l.Peers, l.Evidence, l.Bar = number(f.Level), number(f.Peers), number(f.Evidence), number(f.Bar)
		if f.Kind == anomaly.Histogram {
			l.Bound = number(f.Bound)
		}
	}
	return l
}

// Lines writes a replay as lines of JSON.
type Lines struct {
	encoder        *json.Encoder
	policy, gate   string
	common, domain bool
}

// NewLines returns a writer of lines; policy is said in each of them if it is not
// empty.
func NewLines(w io.Writer, policy, gate string) *Lines {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return &Lines{encoder: e, policy: policy, gate: gate}
}

// Watch writes the lines of one step.
func (l *Lines) Watch(s *replay.Step) error {
	for _, d := range s.Plan.Decisions {
		line := LineOf(l.gate, s.At, d)
		line.Policy = l.policy
		if err := l.encoder.Encode(line); err != nil {
			return err
		}
	}
	suspicion := ""
	if s.Plan.Domain.Kind != "" {
		suspicion = s.Plan.Domain.String()
	}
	return errors.Join(
		l.turn(s, &l.common, v1alpha1.ConditionCommonCause, s.Plan.CommonCause),
		l.turn(s, &l.domain, v1alpha1.ConditionDomainSuspected, suspicion))
}

// turn writes that a condition has begun, for the reason why, or is over.
func (l *Lines) turn(s *replay.Step, was *bool, condition, why string) error {
	if !s.Looked || *was == (why != "") {
		return nil
	}
	line := Line{Time: s.At.UTC(), Policy: l.policy, Gate: l.gate, Action: decide.Hold, Reason: decide.Reason(condition), Message: why}
	if why == "" {
		line.Reason, line.Message = decide.Reason(condition+"Over"), "over"
	}
	*was = why != ""
	return l.encoder.Encode(line)
}

func number(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}
