package anomaly

import (
	"math"
	"time"
)

// delayed is an average that is learned half an hour late, so that a fault
// cannot widen its own margin. Its state is one number a minute.
type delayed struct {
	average float64
	ring    [31]float64
	at      int
	filled  int
	since   time.Duration
}

func newDelayed() delayed { return delayed{average: math.NaN()} }

// learn takes the average as it is now.
func (d *delayed) learn(x float64, elapsed time.Duration) {
	d.average = blend(d.average, x, decay(elapsed, 40*time.Minute))
	if d.since += elapsed; d.since < time.Minute {
		return
	}
	d.since = 0
	d.at = (d.at + 1) % len(d.ring)
	d.ring[d.at] = d.average
	d.filled = min(d.filled+1, len(d.ring))
}

// now is the average as it was half an hour ago, or the earliest known.
func (d *delayed) now() float64 {
	if d.filled == 0 {
		return 0
	}
	return d.ring[(d.at+len(d.ring)-d.filled+1)%len(d.ring)]
}

// learnSpread estimates how much the true rates of healthy pods differ beyond
// chance: the variance of their relative rates by the method of moments, as in
// DerSimonian and Laird, Controlled Clinical Trials 7 (1986), winsorised; then
// as the standard deviation of the log rate. It is estimated from what is sure.
func (r *ratio) learnSpread(t *tick) {
	var total, excess float64
	for k := range t.members {
		m := &t.members[k]
		if p := &r.pods[m.slot]; m.baseline {
			total += p.well.sure[wellTotal]
			excess += p.well.sure[wellBad]
		}
	}
	if total <= 0 || excess < 3*float64(len(t.members)) {
		return
	}
	share := excess / total
	excess, total = 0, 0
	var chance, pods float64
	for k := range t.members {
		m := &t.members[k]
		p := &r.pods[m.slot]
		expected := share * p.well.sure[wellTotal]
		if !m.baseline || expected <= 0 {
			continue
		}
		noise := r.phi * share * p.well.sure[wellSquared]
		diff := p.well.sure[wellBad] - expected
		diff = min(diff*diff, 9*noise+expected*expected)
		excess += (diff - noise) / expected
		chance += noise / expected
		total += expected
		pods++
	}
	// Less the standard error of the estimate, which is large in small fleets.
	variance := max(excess-chance*math.Sqrt(2/pods), 0) / total
	r.spread.learn(math.Sqrt(math.Log1p(variance)), t.elapsed)
}
