package anomaly

import (
	"math"
	"time"
)

// Evidence is a running log-likelihood ratio, in nats. Each tick adds
//
//	log p(data | this pod is an outlier) − log p(data | still tolerated)
//
// to a sum that never falls below 0 (Page's CUSUM, 1954). For such a sum, and
// for any weighted mean of the exponentials of several, the expected time to
// a false alarm is at least e^h ticks when the bar is h: Lorden, Annals of
// Mathematical Statistics 42 (1971); Shin, Ramdas, Rinaldo, "E-detectors: a
// nonparametric framework for sequential change detection" (2022). So the
// user's budget sets the bar by itself, without a normal distribution or a
// window to tune.

// suspect is the evidence (odds of 20 to 1) above which a pod no longer stands
// as a peer for the others.
var suspect = math.Log(20)

const (
	// crowd is the share of suspects above which nobody is suspected: what so
	// many have is not a fault of pods.
	crowd = 0.4
	// looks is how many ticks it takes at least to reach the bar, so that no
	// single scrape decides.
	looks = 3
)

// Recovered is the Recovery (see Verdict) that counts as proof of health.
const Recovered = 3.0

// barFor is the evidence that a pod needs to be called an outlier when one
// false alarm in podDays is allowed, a pod is looked at every interval, and
// several signals share the allowance.
func barFor(podDays float64, interval time.Duration, signals int) float64 {
	ticks := podDays * 86400 / interval.Seconds()
	return math.Max(math.Log(ticks*float64(signals)), looks)
}

// cusum holds the limits that every sum of evidence obeys.
type cusum struct {
	// step is the most that one tick may add, ceiling the most that a sum keeps,
	// so that a pod that got well is soon believed to be.
	step, ceiling float64
}

// add returns the sum after one more increment. An increment that is not a
// number changes nothing.
func (c cusum) add(sum, increment float64) float64 {
	if math.IsNaN(increment) {
		return sum
	}
	return min(max(sum+min(increment, c.step), 0), c.ceiling)
}

// mix is the evidence of several sums together: the log of the mean of their
// exponentials, which keeps the guarantee of each.
func mix(sums []float64) float64 {
	top := sums[0]
	for _, s := range sums[1:] {
		top = max(top, s)
	}
	if top == 0 {
		return 0
	}
	total := 0.0
	for _, s := range sums {
		if d := s - top; d > -20 {
			total += math.Exp(d)
		}
	}
	return max(top+math.Log(total/float64(len(sums))), 0)
}

// bernoulli is the log-likelihood ratio of x bad events of n under the share p1
// against the share p0. It is linear in the counts, so that overlapping windows
// may be weighed down to count each event once, and counts need not be whole.
func bernoulli(x, n, p0, p1 float64) float64 {
	return x*math.Log(p1/p0) + (n-x)*math.Log((1-p1)/(1-p0))
}

// bernoullis are the ratios of three alternatives against one null, which take
// fewer logarithms together.
func bernoullis(x, n, p0 float64, p1 sums) (out sums) {
	bad, good := math.Log(p0), math.Log(1-p0)
	for i, p := range p1 {
		out[i] = (n - x) * (math.Log(1-p) - good)
		if x > 0 {
			out[i] += x * (math.Log(p) - bad)
		}
	}
	return out
}

// decay is the weight that remains of something after dt with the given
// half-life.
func decay(dt, halfLife time.Duration) float64 {
	return math.Exp2(-dt.Seconds() / halfLife.Seconds())
}

// blend moves an average towards x; an average that is not a number yet starts
// at x.
func blend(average, x, keep float64) float64 {
	if math.IsNaN(average) {
		return x
	}
	return keep*average + (1-keep)*x
}
