package page

import (
	"math"
	"slices"
	"time"

	"github.com/podgate/podgate/anomaly"
	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/replay"
	"github.com/podgate/podgate/controller/decide"
)

// maxBins is how many points a curve has at most.
const maxBins = 720

// Recorder keeps of a replay what is drawn: give it every step. Its memory does not
// grow with the length of the replay: looks that fall into the same bin share a
// point, which shows the worst of them.
type Recorder struct {
	gate     *v1alpha1.TrafficGate
	from     time.Time
	interval time.Duration
	bin      time.Duration
	bins     int
	signals  []*plot
	// out is how many pods were out at most in each bin, limit how many might be at
	// least.
	out, limit []float64
	closeUps   closeUps
}

// plot is one signal of all pods over the whole time.
type plot struct {
	signal v1alpha1.Signal
	kind   anomaly.Kind
	unit   unit
	// low, middle and high are the fifth percentile, the median and the 95th
	// percentile of the pods in traffic that do not look bad.
	low, middle, high []float64
	pods              map[string]*curve // by UID
	// levels are those of these pods at the last look, ascending.
	levels []float64
}

// curve is one pod's level from some bin on.
type curve struct {
	pod    string
	first  int
	levels []float32
}

// NewRecorder returns a recorder for a replay of a gate from its first look to some
// time.
func NewRecorder(gate *v1alpha1.TrafficGate, from, to time.Time) *Recorder {
	interval := gate.Spec.Interval.Std()
	looks := int(to.Sub(from)/interval) + 1
	perBin := (looks + maxBins - 1) / maxBins
	r := &Recorder{gate: gate, from: from, interval: interval, bin: time.Duration(perBin) * interval, bins: (looks + perBin - 1) / perBin}
	r.out, r.limit = gaps(r.bins), gaps(r.bins)
	for _, s := range gate.Spec.Signals {
		r.signals = append(r.signals, &plot{signal: s, unit: unitOf(s), low: gaps(r.bins), middle: gaps(r.bins), high: gaps(r.bins), pods: map[string]*curve{}})
	}
	return r
}

// gaps are so many points of a curve that nothing is known of.
func gaps(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = math.NaN()
	}
	return out
}

// Watch takes in one step.
func (r *Recorder) Watch(s *replay.Step) error {
	i := int(s.At.Sub(r.from) / r.bin)
	if i < 0 || i >= r.bins {
		return nil
	}
	raise(r.out, i, float64(s.Plan.Counts.Gated))
	lower(r.limit, i, float64(s.Plan.Counts.Limit))
	if !s.Looked {
		return nil
	}
	for k, p := range r.signals {
		p.see(i, s, k, r.gate.Name)
	}
	r.closeUps.see(r, s)
	return nil
}

// raise and lower take a number into a point that shows the highest, or the lowest.
func raise(curve []float64, i int, x float64) {
	if !(curve[i] >= x) {
		curve[i] = x
	}
}

func lower(curve []float64, i int, x float64) {
	if !(curve[i] <= x) {
		curve[i] = x
	}
}

// see takes one signal of one look into a bin.
func (p *plot) see(i int, s *replay.Step, k int, gate string) {
	p.kind = s.Signals[k].Kind
	p.levels = p.levels[:0]
	bad := map[string]bool{}
	for _, v := range s.Signals[k].Result.Verdicts {
		if v.Excess() >= suspect {
			bad[v.Pod] = true
		}
	}
	for _, pod := range s.Pods {
		sample, known := s.Answers[k].ByPod[pod.Name]
		if !known {
			continue
		}
		x := level(p.kind, sample)
		if math.IsNaN(x) {
			continue
		}
		p.put(i, pod, x)
		if pod.State(gate) == decide.Serving && !bad[pod.UID] {
			p.levels = append(p.levels, x)
		}
	}
	slices.Sort(p.levels)
	low, middle, high := band(p.levels)
	lower(p.low, i, low)
	raise(p.high, i, high)
	if p.lowIsBad() {
		lower(p.middle, i, middle)
	} else {
		raise(p.middle, i, middle)
	}
}

// suspect is the evidence, in units of its bar, from which on a pod is nobody's
// peer in a plot.
const suspect = 0.5

// band is the fifth percentile, the median and the 95th percentile of ascending
// levels; NaN without any.
func band(sorted []float64) (low, middle, high float64) {
	n := len(sorted)
	if n == 0 {
		return math.NaN(), math.NaN(), math.NaN()
	}
	return sorted[(n-1)/20], (sorted[(n-1)/2] + sorted[n/2]) / 2, sorted[n-1-(n-1)/20]
}

// bandWithout is the band of the others than a pod of some level.
func bandWithout(sorted []float64, x float64) (low, middle, high float64) {
	i, found := slices.BinarySearch(sorted, x)
	if !found {
		return band(sorted)
	}
	n := len(sorted) - 1
	if n == 0 {
		return math.NaN(), math.NaN(), math.NaN()
	}
	at := func(k int) float64 {
		if k >= i {
			k++
		}
		return sorted[k]
	}
	return at((n - 1) / 20), (at((n-1)/2) + at(n/2)) / 2, at(n - 1 - (n-1)/20)
}

// put takes a pod's level into a bin, which shows the worst.
func (p *plot) put(i int, pod decide.Pod, x float64) {
	c := p.pods[pod.UID]
	if c == nil {
		c = &curve{pod: pod.Name, first: i}
		p.pods[pod.UID] = c
	}
	for len(c.levels) <= i-c.first {
		c.levels = append(c.levels, float32(math.NaN()))
	}
	at := &c.levels[i-c.first]
	if before := float64(*at); math.IsNaN(before) || (p.lowIsBad() && x < before) || (!p.lowIsBad() && x > before) {
		*at = float32(x)
	}
}

// lowIsBad says on which side a pod of this signal is worse.
func (p *plot) lowIsBad() bool {
	s := p.signal
	return (s.Outlier != nil && s.Outlier.Direction == v1alpha1.Direction(anomaly.Low)) ||
		(s.Robust != nil && s.Robust.Direction == v1alpha1.Direction(anomaly.Low)) || (s.Threshold != nil && s.Threshold.Below != nil)
}

// tolerated is how bad a pod may be beside its peers before anybody cares: the
// signal's floors from the peers' median, or its fixed limit. NaN where a plot
// cannot show it.
func (p *plot) tolerated(peers float64) float64 {
	s := p.signal
	var f v1alpha1.Floors
	switch {
	case s.Threshold != nil && s.Threshold.Below != nil:
		return s.Threshold.Below.Or(math.NaN())
	case s.Threshold != nil:
		return s.Threshold.Above.Or(math.NaN())
	case s.Deviation != nil:
		return peers * (1 + (&s.Deviation.Percent).Or(0)/100)
	case s.Outlier != nil:
		f = s.Outlier.Floors
	case s.Robust != nil:
		f = s.Robust.Floors
	}
	difference, ratio := anomaly.DefaultFloors(p.kind)
	difference, ratio = f.MinDifference.Or(difference), f.MinRatio.Or(ratio)
	if p.lowIsBad() {
		return math.Min(peers/ratio, peers-difference)
	}
	return math.Max(peers*ratio, peers+difference)
}

// whole is a curve over all bins.
func (c *curve) whole(bins int) []float64 {
	out := gaps(bins)
	for i, x := range c.levels {
		if c.first+i < bins {
			out[c.first+i] = float64(x)
		}
	}
	return out
}
