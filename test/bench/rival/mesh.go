package rival

import (
	"math"
	"time"

	"github.com/podgate/podgate/test/bench/stream"
)

// SuccessRate is Envoy's success-rate outlier detection, and gRPC's (A50): of
// hosts with enough requests in the interval, at least five, those whose rate
// is below the mean minus some standard deviations of the population.
type SuccessRate struct {
	Window   time.Duration
	Requests float64
	Factor   float64
}

// Tick implements Method.
func (m SuccessRate) Tick(r *stream.Run, step int) ([]Flag, bool) {
	var pods []int
	var rates []float64
	for _, i := range running(r, step) {
		bad, total := r.Counts(i, step, stream.Steps(m.Window))
		if total >= m.Requests {
			pods, rates = append(pods, i), append(rates, 1-bad/total)
		}
	}
	var flags []Flag
	if threshold, ok := SuccessThreshold(rates, m.Factor); ok {
		for k, i := range pods {
			if rates[k] < threshold {
				flags = append(flags, Flag{i, threshold - rates[k]})
			}
		}
	}
	return flags, false
}

// SuccessThreshold is the rate below which a host is ejected.
func SuccessThreshold(rates []float64, factor float64) (float64, bool) {
	if len(rates) < 5 {
		return 0, false
	}
	mean, sd := meanSD(rates)
	return mean - factor*sd, true
}

// FailurePercentage ejects hosts that fail that share or more, of those with
// enough requests, where there are at least five.
type FailurePercentage struct {
	Window   time.Duration
	Requests float64
	Share    float64
}

// Tick implements Method.
func (m FailurePercentage) Tick(r *stream.Run, step int) ([]Flag, bool) {
	var flags []Flag
	hosts := 0
	for _, i := range running(r, step) {
		bad, total := r.Counts(i, step, stream.Steps(m.Window))
		if total < m.Requests {
			continue
		}
		hosts++
		if bad/total >= m.Share {
			flags = append(flags, Flag{i, bad / total})
		}
	}
	if hosts < 5 {
		return nil, false
	}
	return flags, false
}

// EjectionTime is Envoy's: the base times the ejections so far, at most the
// maximum.
func EjectionTime(base, maximum time.Duration, ejections int) time.Duration {
	return min(base*time.Duration(ejections), maximum)
}

// MayEject is Envoy's cap: with one more, at most so many percent are out.
func MayEject(ejected, hosts, percent int) bool { return 100*(ejected+1) <= percent*hosts }

// BadValues is Kubervisor's discreteValueOutOfList: the percentage of bad
// values, rounded down, is above the tolerance, and there are enough values.
type BadValues struct{ Tolerance, Activity float64 }

// Tick implements Method.
func (m BadValues) Tick(r *stream.Run, step int) ([]Flag, bool) {
	var flags []Flag
	for _, i := range running(r, step) {
		bad, total := r.Counts(i, step, minute)
		if m.Bad(total-bad, bad) {
			flags = append(flags, Flag{i, bad / total})
		}
	}
	return flags, false
}

// Bad judges one pod's good and bad values.
func (m BadValues) Bad(ok, ko float64) bool {
	return ok+ko >= m.Activity && math.Floor(100*ko/(ok+ko)) > m.Tolerance
}

// MeanDeviation is Kubervisor's continuousValueDeviation: the pod's ratio to
// the fleet's mean is away from one by more than so many percent.
type MeanDeviation struct {
	Percent float64
	series  *series
}

// Tick implements Method.
func (m *MeanDeviation) Tick(r *stream.Run, step int) ([]Flag, bool) {
	m.series.add(scalars(r, step))
	var pods []int
	var means []float64
	for i := range r.Pods {
		if p := m.series.points[i]; len(p) > 0 && r.Known(i, step) {
			mean, _ := meanSD(p)
			pods, means = append(pods, i), append(means, mean)
		}
	}
	fleet, _ := meanSD(means)
	var flags []Flag
	for k, i := range pods {
		if d := math.Abs(1 - means[k]/fleet); d > m.Percent/100 {
			flags = append(flags, Flag{i, d})
		}
	}
	return flags, false
}

// meanSD are the mean and the standard deviation of a population.
func meanSD(x []float64) (mean, sd float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		sd += (v - mean) * (v - mean) / float64(len(x))
	}
	return mean, math.Sqrt(sd)
}
