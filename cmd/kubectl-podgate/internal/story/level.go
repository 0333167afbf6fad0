package story

import (
	"fmt"
	"math"
	"slices"

	"github.com/podgate/podgate/anomaly"
	"github.com/podgate/podgate/controller/source"
)

// slowShare is the quantile as which a histogram is shown.
const slowShare = 0.99

// level is a sample as one number: the share of bad events, the 99th percentile
// of a histogram, or the value; NaN where there is none.
func level(s source.Sample, kind anomaly.Kind) float64 {
	switch kind {
	case anomaly.Ratio:
		return s.Bad / s.Total
	case anomaly.Histogram:
		return s.Quantile(slowShare)
	}
	return s.Value
}

// levelOf is a pod's own level, with what stands behind it.
func levelOf(a source.Answer, pod string, kind anomaly.Kind) string {
	s, ok := a.ByPod[pod]
	if !ok {
		return "none"
	}
	x := level(s, kind)
	switch text := format(kind, x); {
	case kind == anomaly.Value:
		return text
	case math.IsNaN(x):
		return "no events"
	case kind == anomaly.Ratio:
		return text + " of " + events(s.Total)
	default:
		return text + " of " + events(s.Counts[len(s.Counts)-1])
	}
}

// events is a count, without the fractions that Prometheus' extrapolation gives a
// large one.
func events(n float64) string {
	if n >= 10 {
		n = math.Round(n)
	}
	return fmt.Sprintf("%.4g events", n)
}

func format(kind anomaly.Kind, level float64) string {
	if kind == anomaly.Histogram && !math.IsNaN(level) {
		return "p99 " + anomaly.Format(anomaly.Value, level)
	}
	return anomaly.Format(kind, level)
}

// median of the levels that are numbers; NaN without any.
func median(levels []float64) float64 {
	known := slices.DeleteFunc(slices.Clone(levels), math.IsNaN)
	if len(known) == 0 {
		return math.NaN()
	}
	slices.Sort(known)
	if n := len(known); n%2 == 0 {
		return (known[n/2-1] + known[n/2]) / 2
	}
	return known[len(known)/2]
}
