package story

import (
	"fmt"
	"strings"

	"github.com/podgate/podgate/anomaly"
	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/measure"
	"github.com/podgate/podgate/controller/source"
)

// signals are a gate's signals with their queries filled in.
func signals(gate *v1alpha1.TrafficGate) (out []Signal) {
	for i, q := range measure.Questions(gate) {
		s := gate.Spec.Signals[i]
		if q.Detector != nil {
			s.External = s.External.DeepCopy()
			s.External.URL = q.Detector.URL
		}
		out = append(out, Signal{Name: s.Name, Rule: rule(s), Queries: queries(q), Fleet: seen(gate, s.Name)})
	}
	return out
}

// queries are what to paste into Prometheus to see a signal of the whole fleet; the
// first is the one that people can read.
func queries(q source.Question) []Query {
	switch {
	case q.Detector != nil:
		return nil
	case q.Value != "":
		return []Query{{"value", q.Value}}
	case q.Histogram != "":
		return []Query{{"p99", "histogram_quantile(0.99, " + q.Histogram + ")"}, {"buckets", q.Histogram}}
	}
	return []Query{{"share", fmt.Sprintf("((%s) or (%s) * 0) / (%s)", q.Bad, q.Total, q.Total)}, {"bad", q.Bad}, {"total", q.Total}}
}

// rule says in words what makes an outlier.
func rule(s v1alpha1.Signal) string {
	kind, unit := anomaly.Value, ""
	switch {
	case s.Ratio != nil:
		kind, unit = anomaly.Ratio, " (share of bad events)"
	case s.Histogram != nil:
		kind = anomaly.Histogram
	}
	switch {
	case s.External != nil:
		return "external detector: named by " + s.External.URL + " in two looks in a row" + strings.Replace(lasting(s.External.For), " for", " and for", 1)
	case s.Threshold != nil && s.Threshold.Above != nil:
		return "threshold: above " + string(*s.Threshold.Above) + unit + lasting(s.Threshold.For)
	case s.Threshold != nil && s.Threshold.Below != nil:
		return "threshold: below " + string(*s.Threshold.Below) + unit + lasting(s.Threshold.For)
	case s.Deviation != nil:
		return fmt.Sprintf("deviation: more than %s %% from the fleet's %s%s", s.Deviation.Percent, strings.ToLower(string(s.Deviation.From)), lasting(s.Deviation.For))
	case s.Robust != nil:
		return "robust: " + floors(kind, s.Robust.Floors) + fmt.Sprintf(", by %g robust standard deviations", s.Robust.K.Or(3.5)) + lasting(s.Robust.For)
	case s.Outlier != nil:
		return "outlier: " + floors(kind, s.Outlier.Floors)
	}
	return "no rule"
}

// floors say from where on a difference matters.
func floors(kind anomaly.Kind, f v1alpha1.Floors) string {
	difference, ratio := anomaly.DefaultFloors(kind)
	side := map[v1alpha1.Direction]string{"Low": "below", "Both": "away from"}[f.Direction]
	if side == "" {
		side = "above"
	}
	text := fmt.Sprintf("at least %g times", f.MinRatio.Or(ratio))
	if d := f.MinDifference.Or(difference); d > 0 {
		text += fmt.Sprintf(" and %g", d)
	}
	return text + " " + side + " its peers"
}

func lasting(d *v1alpha1.Duration) string {
	if d.Std() <= 0 {
		return ""
	}
	return " for " + d.Std().String()
}

// seen is what the controller's last look found, in words; empty before the
// first.
func seen(gate *v1alpha1.TrafficGate, signal string) string {
	e := gate.Status.LastEvaluation
	if e == nil {
		return ""
	}
	for _, s := range e.Signals {
		if s.Name == signal {
			return Seen(s)
		}
	}
	return ""
}

// Seen is what one signal answered at a look, in words.
func Seen(s v1alpha1.SignalEvaluation) string {
	if s.Error != "" {
		return "no answer: " + s.Error
	}
	text := fmt.Sprintf("%d of %d pods known", s.Known, s.Judged)
	switch {
	case strings.HasSuffix(s.Level, " named"):
		text = s.Level + ", " + text
	case s.Level != "" && s.Level != "none":
		text = "the fleet is at " + s.Level + ", " + text
	}
	if s.Unknown > 0 {
		text += fmt.Sprintf(", %d not told about: %s", s.Unknown, s.Missing)
	}
	if s.Ignored != "" {
		text += "; ignored: " + s.Ignored
	}
	return text
}
