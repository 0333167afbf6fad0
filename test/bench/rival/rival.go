// Package rival holds the detectors that are in use today, from their published
// descriptions, and Podgate's own, behind one interface.
//
// Where a rival has no notion of a signal, it sees nothing.
package rival

import (
	"math"
	"time"

	"github.com/podgate/podgate/anomaly"
	"github.com/podgate/podgate/test/bench/stream"
)

// Flag names a pod that a method wants out of traffic, and how badly.
type Flag struct {
	Pod   int
	Score float64
}

// Method judges one run, tick after tick.
type Method interface {
	// Tick returns the pods that the method wants out of traffic at a step, and
	// whether it holds back from gating anybody new.
	Tick(r *stream.Run, step int) (flags []Flag, hold bool)
}

// Entry is a method in the tables.
type Entry struct {
	Name string
	// Every is the method's own tick.
	Every time.Duration
	// New makes a method without history for one run.
	New func(r *stream.Run) Method
	// Sees says for which kinds it has a notion; nil means all.
	Sees map[anomaly.Kind]bool
	// Ours marks Podgate's own methods.
	Ours bool
}

// floors are the practical differences that Podgate and the robust z-score are
// both given.
func floors(k anomaly.Kind) (difference, ratio float64) {
	switch k {
	case anomaly.Ratio:
		return 0.01, 2
	case anomaly.Histogram:
		return 0.005, 1.4
	}
	return 0, 1.5
}

const tick = 10 * time.Second

var (
	minute = stream.Steps(time.Minute)
	errors = map[anomaly.Kind]bool{anomaly.Ratio: true}
)

// All are Podgate at its tick and everybody else at theirs.
func All(ours time.Duration) []Entry {
	two := func(name string, every time.Duration, make func() Method) Entry {
		return Entry{Name: name, Every: every, New: func(*stream.Run) Method { return make() }}
	}
	only := func(e Entry) Entry { e.Sees = errors; return e }
	return []Entry{
		Podgate("podgate", ours, 0),
		only(two("envoy and grpc success rate, default", tick, func() Method { return SuccessRate{tick, 100, 1.9} })),
		only(two("envoy and grpc success rate, tuned", tick, func() Method { return SuccessRate{time.Minute, 20, 4} })),
		only(two("envoy and grpc failure percentage, default", tick, func() Method { return FailurePercentage{tick, 50, 0.85} })),
		only(two("envoy and grpc failure percentage, tuned", tick, func() Method { return FailurePercentage{time.Minute, 20, 0.05} })),
		only(two("kubervisor bad values, default", tick, func() Method { return BadValues{50, 2} })),
		two("kubervisor deviation, default", tick, func() Method { return &MeanDeviation{75, newSeries(1)} }),
		two("kubervisor deviation, tuned", tick, func() Method { return &MeanDeviation{300, newSeries(30)} }),
		two("datadog mad, default", tick, func() Method { return &MAD{3, 20, newSeries(30)} }),
		two("datadog mad, tuned", tick, func() Method { return &MAD{6, 80, newSeries(30)} }),
		two("datadog dbscan", 30*time.Second, func() Method { return &DBSCAN{3, newSeries(10)} }),
		two("aws chi-squared or z, default", tick, func() Method { return &AWS{P: 0.05, Z: 3, Last: 1} }),
		two("aws chi-squared or z, tuned", tick, func() Method { return &AWS{P: 0.001, Z: 3, Last: 18} }),
		two("kayenta mann-whitney", 30*time.Second, func() Method { return &MannWhitney{0.98, 0.25, newSeries(10)} }),
		two("robust z, with floors", 15*time.Second, func() Method { return &RobustZ{Z: 3.5, Last: 12} }),
		two("robust z, best tuned", 15*time.Second, func() Method { return &RobustZ{Z: 5, Ratio: 1.75, Last: 12} }),
	}
}

// Podgate is the detector under test, at a tick, without some of its parts.
func Podgate(name string, every time.Duration, without anomaly.Part) Entry {
	return podgate(name, every, without, 30)
}

// Budget is the detector under test with another budget of false alarms.
func Budget(name string, every time.Duration, podDays float64) Entry {
	return podgate(name, every, 0, podDays)
}

// Tuned is the best simple rule at another tick.
func Tuned(name string, every time.Duration) Entry {
	return Entry{Name: name, Every: every, New: func(*stream.Run) Method {
		return &RobustZ{Z: 5, Ratio: 1.75, Last: int(3 * time.Minute / every)}
	}}
}

func podgate(name string, every time.Duration, without anomaly.Part, podDays float64) Entry {
	return Entry{Name: name, Every: every, Ours: true, New: func(r *stream.Run) Method {
		difference, ratio := floors(r.Scenario.Kind)
		d, err := anomaly.NewOutlier(anomaly.Config{
			Kind: r.Scenario.Kind, MinDifference: difference, MinRatio: ratio,
			Interval: every, Window: time.Minute, PodDays: podDays, Without: without,
		})
		if err != nil {
			panic(err)
		}
		return &Ours{Detector: d}
	}}
}

// Ours drives a detector of package anomaly.
type Ours struct {
	Detector anomaly.Detector
	samples  []anomaly.Sample
}

// Tick implements Method. As the controller does, it gates nobody new while
// half of the fleet or more is off the fleet's own past.
func (o *Ours) Tick(r *stream.Run, step int) (flags []Flag, hold bool) {
	var pods []int
	o.samples, pods = r.Samples(o.samples, step, minute)
	result := o.Detector.Step(stream.Time(step), o.samples)
	for i, v := range result.Verdicts {
		if v.Class == anomaly.Outlier {
			flags = append(flags, Flag{pods[i], v.Excess()})
		}
	}
	return flags, 2*result.Fleet.Moved >= result.Fleet.Known && result.Fleet.Moved > 0
}

// running are the pods that run at a step and were scraped.
func running(r *stream.Run, step int) (pods []int) {
	for i := range r.Pods {
		if r.Known(i, step) {
			pods = append(pods, i)
		}
	}
	return pods
}

// scalars are the running pods' one-minute numbers.
func scalars(r *stream.Run, step int) (pods []int, values []float64) {
	for _, i := range running(r, step) {
		if x := r.Scalar(i, step, minute); !math.IsNaN(x) {
			pods, values = append(pods, i), append(values, x)
		}
	}
	return pods, values
}

// series keeps each pod's last scalars.
type series struct {
	length int
	points map[int][]float64
}

func newSeries(length int) *series { return &series{length, map[int][]float64{}} }

// add takes one tick; pods that are not there lose their past.
func (s *series) add(pods []int, values []float64) {
	next := make(map[int][]float64, len(pods))
	for k, i := range pods {
		p := append(s.points[i], values[k])
		if len(p) > s.length {
			p = p[1:]
		}
		next[i] = p
	}
	for i, p := range s.points {
		// A missed scrape is a gap, not the end.
		if _, there := next[i]; !there && len(p) > 1 {
			next[i] = p[1:]
		}
	}
	s.points = next
}
