package stream

import (
	"fmt"
	"math"
	"time"

	"github.com/podgate/podgate/anomaly"
)

// Pod is one pod's metrics: counters and gauge at the end of each step.
type Pod struct {
	Name string
	// From and To are the steps in which it runs.
	From, To int
	// Bad and Total are counters, one longer than the steps; Buckets are
	// cumulative over bounds and time, one stride of len(Bounds) a step.
	Bad, Total []float64
	Buckets    []float64
	Gauge      []float64
	// Missing says which scrapes failed.
	Missing []bool
}

// Fault is what a method should find: a pod, and the steps of its fault.
type Fault struct{ Pod, From, To int }

// Run is one stream.
type Run struct {
	Scenario Scenario
	Seed     uint64
	Steps    int
	Pods     []Pod
	Faults   []Fault
}

// Bounds are Prometheus' default buckets, in seconds.
var Bounds = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, math.Inf(1)}

// WarmUp is how long after its start a pod is not judged, by any method.
const WarmUp = 2 * time.Minute

// Steps is how many steps a time takes.
func Steps(d time.Duration) int { return int(d / Step) }

// Time is the time of a step.
func Time(step int) time.Time { return time.Unix(1_700_000_000, 0).Add(time.Duration(step) * Step) }

// Known says whether a pod runs and was scraped at a step.
func (r *Run) Known(pod, step int) bool {
	p := &r.Pods[pod]
	return step > p.From && step <= p.To && !p.Missing[step-1]
}

// Judged says whether a pod runs and is past its warm-up.
func (r *Run) Judged(pod, step int) bool {
	p := &r.Pods[pod]
	return step <= p.To && (p.From == 0 || step >= p.From+Steps(WarmUp))
}

// Counts are a pod's bad and total requests in the window before a step.
func (r *Run) Counts(pod, step, window int) (bad, total float64) {
	p := &r.Pods[pod]
	from := max(step-window, 0)
	return p.Bad[step] - p.Bad[from], p.Total[step] - p.Total[from]
}

// Histogram is a pod's cumulative buckets in the window before a step.
func (r *Run) Histogram(into []float64, pod, step, window int) []float64 {
	p, b := &r.Pods[pod], len(Bounds)
	from := max(step-window, 0)
	into = into[:0]
	for i := range b {
		into = append(into, p.Buckets[step*b+i]-p.Buckets[from*b+i])
	}
	return into
}

// Samples are what Podgate would measure at a step: one sample a running pod.
func (r *Run) Samples(into []anomaly.Sample, step, window int) ([]anomaly.Sample, []int) {
	into = into[:0]
	var pods []int
	for i := range r.Pods {
		p := &r.Pods[i]
		if step <= p.From || step > p.To {
			continue
		}
		s := anomaly.Sample{Pod: p.Name, Judged: r.Judged(i, step), Known: r.Known(i, step)}
		switch {
		case !s.Known:
		case r.Scenario.Kind == anomaly.Ratio:
			s.Bad, s.Total = r.Counts(i, step, window)
		case r.Scenario.Kind == anomaly.Value:
			s.Value = p.Gauge[step-1]
		default:
			s.Bounds, s.Counts = Bounds, r.Histogram(nil, i, step, window)
		}
		into = append(into, s)
		pods = append(pods, i)
	}
	return into, pods
}

// Scalar is the one number that a person would ask Prometheus for: the share
// of bad requests in a minute, the 95th percentile, or the gauge. NaN where
// there is none.
func (r *Run) Scalar(pod, step, window int) float64 {
	if !r.Known(pod, step) {
		return math.NaN()
	}
	switch r.Scenario.Kind {
	case anomaly.Ratio:
		bad, total := r.Counts(pod, step, window)
		return bad / total
	case anomaly.Value:
		return r.Pods[pod].Gauge[step-1]
	}
	var room [32]float64
	return Quantile(0.95, Bounds, r.Histogram(room[:0], pod, step, window))
}

// Quantile is Prometheus' histogram_quantile: straight lines within buckets.
func Quantile(q float64, bounds, cumulative []float64) float64 {
	n := len(cumulative)
	if cumulative[n-1] == 0 {
		return math.NaN()
	}
	rank := q * cumulative[n-1]
	i := 0
	for cumulative[i] < rank {
		i++
	}
	if i == n-1 {
		return bounds[n-2]
	}
	low, before := 0.0, 0.0
	if i > 0 {
		low, before = bounds[i-1], cumulative[i-1]
	}
	if cumulative[i] == before {
		return bounds[i]
	}
	return low + (bounds[i]-low)*(rank-before)/(cumulative[i]-before)
}

func podName(i int) string { return fmt.Sprintf("pod-%03d", i) }
