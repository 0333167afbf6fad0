package measure

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/podgate/podgate/anomaly"
	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
	"github.com/podgate/podgate/controller/source"
)

// Detectors judge one gate's signals, look after look. They are not safe for
// concurrent use.
type Detectors struct {
	// Spec is the fingerprint of what they were made from, to tell when they must
	// be made anew.
	Spec    string
	signals []v1alpha1.Signal
	made    []anomaly.Detector
}

// New makes the detectors that a spec asks for, without any history. An error
// names the field that no detector can be made of.
func New(spec v1alpha1.TrafficGateSpec) (*Detectors, error) {
	d := &Detectors{Spec: Fingerprint(spec), signals: spec.Signals}
	for i, s := range spec.Signals {
		made, err := newDetector(spec, s)
		if err != nil {
			return nil, fmt.Errorf("spec.signals[%d] (%s): %w", i, s.Name, err)
		}
		d.made = append(d.made, made)
	}
	return d, nil
}

// Fingerprint is equal for specs that ask for the same detectors and queries.
func Fingerprint(spec v1alpha1.TrafficGateSpec) string {
	text, err := json.Marshal(struct {
		Signals          []v1alpha1.Signal
		FalseAlarms      v1alpha1.FalseAlarms
		Interval, Window v1alpha1.Duration
		PodLabel         string
	}{spec.Signals, spec.FalseAlarms, spec.Interval, spec.Window, spec.PodLabel})
	if err != nil {
		return err.Error() // cannot happen: the type has nothing that JSON lacks
	}
	return string(text)
}

// errNotAsked stands for an answer that is not there yet.
var errNotAsked = errors.New("not asked yet")

func kindOf(s v1alpha1.Signal) anomaly.Kind {
	switch {
	case s.Ratio != nil:
		return anomaly.Ratio
	case s.Histogram != nil:
		return anomaly.Histogram
	}
	return anomaly.Value
}

// newDetector makes the detector that a signal asks for. The API server has
// checked that it asks for exactly one.
func newDetector(spec v1alpha1.TrafficGateSpec, s v1alpha1.Signal) (anomaly.Detector, error) {
	o := anomaly.RuleOptions{Kind: kindOf(s), MinSamples: s.MinSamples.Or(5)}
	switch {
	case s.External != nil:
		return anomaly.NewNamed(s.External.For.Std()), nil
	case s.Threshold != nil:
		o.For = s.Threshold.For.Std()
		if s.Threshold.Above != nil {
			return anomaly.NewThreshold(o, anomaly.High, s.Threshold.Above.Or(0)), nil
		}
		return anomaly.NewThreshold(o, anomaly.Low, s.Threshold.Below.Or(0)), nil
	case s.Deviation != nil:
		o.For = s.Deviation.For.Std()
		return anomaly.NewDeviation(o, (&s.Deviation.Percent).Or(0), s.Deviation.From == v1alpha1.CentreMean), nil
	case s.Robust != nil:
		o.For = s.Robust.For.Std()
		difference, ratio := anomaly.DefaultFloors(kindOf(s))
		return anomaly.NewRobust(anomaly.RobustOptions{
			RuleOptions: o, Direction: anomaly.Direction(s.Robust.Direction), K: s.Robust.K.Or(3.5),
			MinDifference: s.Robust.MinDifference.Or(difference), MinRatio: s.Robust.MinRatio.Or(ratio),
		}), nil
	case s.Outlier == nil:
		return nil, errors.New("no rule: say outlier, robust, threshold or deviation")
	}
	difference, ratio := anomaly.DefaultFloors(kindOf(s))
	return anomaly.NewOutlier(anomaly.Config{
		Kind: kindOf(s), Direction: anomaly.Direction(s.Outlier.Direction),
		MinDifference: s.Outlier.MinDifference.Or(difference), MinRatio: s.Outlier.MinRatio.Or(ratio),
		Interval: spec.Interval.Std(), Window: spec.Window.Std(),
		PodDays: float64(spec.FalseAlarms.PodDays), Signals: outlierSignals(spec.Signals),
	})
}

// outlierSignals is how many signals share the budget of false alarms.
func outlierSignals(signals []v1alpha1.Signal) (n int) {
	for _, s := range signals {
		if s.Outlier != nil {
			n++
		}
	}
	return n
}

// detectorTimeout is how long a detector may take; a second if the spec does not
// say.
func detectorTimeout(e *v1alpha1.External) time.Duration {
	return cmp.Or(e.Timeout.Std(), time.Second)
}

// Questions are what is asked for a gate, one a signal.
func Questions(gate *v1alpha1.TrafficGate) []source.Question {
	var out []source.Question
	expand := expander(gate)
	for _, s := range gate.Spec.Signals {
		q := source.Question{Signal: s.Name, PodLabel: gate.Spec.PodLabel, Namespace: gate.Namespace}
		switch {
		case s.Ratio != nil:
			q.Bad, q.Total = expand(s.Ratio.Bad), expand(s.Ratio.Total)
		case s.Histogram != nil:
			q.Histogram = expand(*s.Histogram)
		case s.Value != nil:
			q.Value = expand(*s.Value)
		case s.External != nil:
			q.Detector = &source.Detector{URL: expand(s.External.URL), Timeout: detectorTimeout(s.External), CABundle: string(s.External.CABundle)}
		}
		out = append(out, q)
	}
	return out
}

// expander fills a gate's variables into a query.
func expander(gate *v1alpha1.TrafficGate) func(query string) string {
	return func(query string) string {
		return source.Expand(query, gate.Namespace, gate.Spec.ServiceRef.Name, gate.Spec.Window.Std())
	}
}

// Judge steps every detector with the answers of one look, as of at; pods are
// the fleet as the pass at now knows it. An answer that is missing or failed is
// a step all the same: silence is never evidence, and breaks a spell of bad
// looks.
func (d *Detectors) Judge(answers []source.Answer, gate string, pods []decide.Pod, policy decide.Policy, at, now time.Time) []decide.Signal {
	out := make([]decide.Signal, len(d.signals))
	for i, s := range d.signals {
		out[i] = decide.Signal{Name: s.Name, Kind: kindOf(s), Unit: d.made[i].Unit()}
		if i >= len(answers) {
			continue
		}
		if err := answers[i].Err; err != nil {
			out[i].Err = err.Error()
		}
		joined := samples(answers[i], gate, pods, policy, at, now)
		if silenceSpeaks(s) {
			for k, p := range pods {
				joined[k].Judged = joined[k].Judged && p.Settled(policy, at, now)
			}
		}
		out[i].Strangers = strangers(answers[i], pods)
		for _, s := range joined {
			if s.Judged && s.Known {
				out[i].Answered++
			}
		}
		out[i].Result = d.made[i].Step(at, joined)
		for k, v := range out[i].Result.Verdicts {
			if joined[k].Judged && v.Class == anomaly.Unknown {
				out[i].Unknown, out[i].Missing = out[i].Unknown+1, v.Missing
			}
		}
		// The result is the detector's own until its next step; what is kept must
		// not change under it.
		out[i].Result.Verdicts = slices.Clone(out[i].Result.Verdicts)
	}
	return out
}

// silenceSpeaks reports whether a pod may be an outlier for how little its numbers
// are, as those of a rate are while it has no traffic. A share of events, or their
// latency, is not known then.
func silenceSpeaks(s v1alpha1.Signal) bool {
	low := func(d v1alpha1.Direction) bool {
		return anomaly.Direction(d) == anomaly.Low || anomaly.Direction(d) == anomaly.Both
	}
	switch {
	case s.Value == nil:
		return false
	case s.Threshold != nil:
		return s.Threshold.Below != nil
	case s.Robust != nil:
		return low(s.Robust.Direction)
	case s.Outlier != nil:
		return low(s.Outlier.Direction)
	}
	return s.Deviation != nil
}

// samples joins an answer with the fleet. Answers for other pods fall away.
func samples(a source.Answer, gate string, pods []decide.Pod, policy decide.Policy, at, now time.Time) []anomaly.Sample {
	out := make([]anomaly.Sample, 0, len(pods))
	for _, p := range pods {
		s, known := sampleOf(a, p)
		out = append(out, anomaly.Sample{
			Pod: p.UID, Judged: p.Judged(gate, policy, at, now), Known: known, Stratum: p.Stratum,
			Value: s.Value, Bad: s.Bad, Total: s.Total, Bounds: s.Bounds, Counts: s.Counts,
		})
	}
	return out
}

// sampleOf is what an answer says of a pod.
func sampleOf(a source.Answer, p decide.Pod) (source.Sample, bool) {
	if s, named := a.ByPod[p.Name]; named && (s.UID == "" || s.UID == p.UID) {
		return s, true
	}
	if a.Rest != nil {
		return *a.Rest, true
	}
	return source.Sample{}, false
}

// strangers are those whom an answer about the whole fleet names and who are not
// in it, in order.
func strangers(a source.Answer, pods []decide.Pod) (out []string) {
	if a.Rest == nil {
		return nil
	}
	for name, s := range a.ByPod {
		if !slices.ContainsFunc(pods, func(p decide.Pod) bool { return p.Name == name && (s.UID == "" || s.UID == p.UID) }) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}
