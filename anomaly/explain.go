package anomaly

import (
	"fmt"
	"math"
	"strings"
)

// Explain says a verdict of a Sequential detector in a sentence: the pod's
// level, its peers', how far apart they are, the evidence against the bar, and
// how much stands behind it; or what is missing.
func (v Verdict) Explain(kind Kind) string {
	if v.Missing != "" {
		return v.Missing
	}
	var b strings.Builder
	switch kind {
	case Ratio:
		fmt.Fprintf(&b, "%s of %s events were bad", Format(Ratio, v.Level), events(v.Samples))
	case Histogram:
		how := "slower"
		if v.Faster {
			how = "faster"
		}
		fmt.Fprintf(&b, "%s of %s events were %s than %.4g", Format(Ratio, v.Level), events(v.Samples), how, v.Bound)
	default:
		fmt.Fprintf(&b, "the value is %s", Format(kind, v.Level))
	}
	fmt.Fprintf(&b, ", peers %s", Format(kind, v.Peers))
	if r := v.Level / v.Peers; v.Peers > 0 && !math.IsInf(r, 0) && (r >= 1.05 || r <= 0.95) {
		fmt.Fprintf(&b, " (%.3g times)", r)
	}
	fmt.Fprintf(&b, "; evidence %.1f of %.1f nats", v.Evidence, v.Bar)
	return b.String()
}

// events is a count as people say it: Prometheus extrapolates, so that counts have
// fractions, but nobody asks for those of a large one.
func events(n float64) string {
	if n >= 10 {
		n = math.Round(n)
	}
	return fmt.Sprintf("%.4g", n)
}

// Together is the evidence of several signals' verdicts on one pod, in nats,
// and the bar it is held against: the log of the mean of their exponentials
// keeps the rate of false alarms. A signal that clears its own bar clears this
// one as well; two that nearly do may clear it together. A signal that does
// not know counts as no evidence.
func Together(verdicts ...Verdict) (evidence, bar float64) {
	if len(verdicts) == 0 {
		return 0, math.Inf(1)
	}
	sums := make([]float64, len(verdicts))
	bar = math.Inf(1)
	for i, v := range verdicts {
		if v.Class != Unknown {
			sums[i] = v.Evidence
		}
		bar = min(bar, v.Bar)
	}
	return mix(sums), bar - math.Log(float64(len(verdicts)))
}
