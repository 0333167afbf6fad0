package controller

import (
	"encoding/json"
	"time"

	"github.com/podgate/podgate/anomaly"
	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
	"github.com/podgate/podgate/controller/source"
)

// robustK is how many robust standard deviations make an outlier.
const robustK = 3.5

// detectors judge one gate's signals, look after look.
type detectors struct {
	// spec is what they were made from, to tell when they must be made anew.
	spec    string
	signals []v1alpha1.Signal
	made    []anomaly.Detector
}

func newDetectors(signals []v1alpha1.Signal) *detectors {
	d := &detectors{spec: fingerprint(signals), signals: signals}
	for _, s := range signals {
		d.made = append(d.made, newDetector(s))
	}
	return d
}

// fingerprint is equal for equal signals.
func fingerprint(signals []v1alpha1.Signal) string {
	text, err := json.Marshal(signals)
	if err != nil {
		return err.Error() // cannot happen: the type has nothing that JSON lacks
	}
	return string(text)
}

func kindOf(s v1alpha1.Signal) anomaly.Kind {
	if s.Ratio != nil {
		return anomaly.Ratio
	}
	return anomaly.Value
}

// newDetector makes the detector that a signal asks for. The API server has
// checked that it asks for exactly one.
func newDetector(s v1alpha1.Signal) anomaly.Detector {
	o := anomaly.RuleOptions{Kind: kindOf(s), MinSamples: s.MinSamples.Or(5)}
	switch {
	case s.Threshold != nil:
		o.For = s.Threshold.For.Std()
		if s.Threshold.Above != nil {
			return anomaly.NewThreshold(o, anomaly.High, s.Threshold.Above.Or(0))
		}
		return anomaly.NewThreshold(o, anomaly.Low, s.Threshold.Below.Or(0))
	case s.Deviation != nil:
		o.For = s.Deviation.For.Std()
		return anomaly.NewDeviation(o, (&s.Deviation.Percent).Or(0), s.Deviation.From == v1alpha1.CentreMean)
	}
	floor := 0.0
	if kindOf(s) == anomaly.Ratio {
		floor = 0.01
	}
	rule := s.Outlier
	if rule == nil {
		rule = &v1alpha1.Outlier{}
	}
	o.For = rule.For.Std()
	return anomaly.NewRobust(anomaly.RobustOptions{
		RuleOptions: o, Direction: anomaly.Direction(rule.Direction), K: robustK,
		MinDifference: rule.MinDifference.Or(floor), MinRatio: rule.MinRatio.Or(2),
	})
}

// questions are what Prometheus is asked for a gate.
func questions(gate *v1alpha1.TrafficGate) []source.Question {
	var out []source.Question
	expand := func(query string) string {
		return source.Expand(query, gate.Namespace, gate.Spec.ServiceRef.Name, gate.Spec.Window.Std())
	}
	for _, s := range gate.Spec.Signals {
		q := source.Question{PodLabel: gate.Spec.PodLabel, Namespace: gate.Namespace}
		if s.Ratio != nil {
			q.Bad, q.Total = expand(s.Ratio.Bad), expand(s.Ratio.Total)
		} else if s.Value != nil {
			q.Value = expand(*s.Value)
		}
		out = append(out, q)
	}
	return out
}

// judge steps every detector with the answers of one look.
func (d *detectors) judge(answers []source.Answer, gate string, pods []decide.Pod, policy decide.Policy, at time.Time) []decide.Signal {
	out := make([]decide.Signal, len(d.signals))
	for i, s := range d.signals {
		out[i] = decide.Signal{Name: s.Name, Kind: kindOf(s), Unit: d.made[i].Unit()}
		if i >= len(answers) {
			continue
		}
		if err := answers[i].Err; err != nil {
			out[i].Err = err.Error()
		}
		// A look without an answer is a step all the same: silence is never
		// evidence, and breaks a spell of bad looks.
		joined := samples(answers[i], gate, pods, policy, at)
		for _, s := range joined {
			if s.Judged && s.Known {
				out[i].Answered++
			}
		}
		out[i].Result = d.made[i].Step(at, joined)
	}
	return out
}

// samples joins an answer with the fleet. Answers for other pods fall away.
func samples(a source.Answer, gate string, pods []decide.Pod, policy decide.Policy, at time.Time) []anomaly.Sample {
	out := make([]anomaly.Sample, 0, len(pods))
	for _, p := range pods {
		s, known := a.ByPod[p.Name]
		out = append(out, anomaly.Sample{
			Pod: p.UID, Judged: p.Judged(gate, policy, at), Known: known,
			Value: s.Value, Bad: s.Bad, Total: s.Total,
		})
	}
	return out
}
