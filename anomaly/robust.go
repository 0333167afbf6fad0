package anomaly

import (
	"math"
	"slices"
	"time"
)

// RobustOptions are the options of the robust z-score.
type RobustOptions struct {
	RuleOptions
	// Direction is the side on which a difference is bad.
	Direction Direction
	// K is how many robust standard deviations make an outlier; 3.5 is the usual
	// choice (Iglewicz and Hoaglin 1993).
	K float64
	// MinDifference and MinRatio are what the user cares about: a pod within
	// either of its peers is normal, however certain the difference is. MinRatio
	// is at least 1.
	MinDifference, MinRatio float64
}

// NewRobust returns the strongest of the simple rules: the distance from the
// median of the fleet in units of the median absolute deviation,
// (x − median) / (1.4826 · MAD), with practical floors, in at least two looks
// in a row. For a ratio the spread is never taken as less than the binomial
// standard error of the pod's own count, so that a pod with little traffic is
// not judged by chance.
//
// Source: Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993.
func NewRobust(o RobustOptions) Detector {
	return newRule(o.RuleOptions, &robust{RobustOptions: o})
}

type robust struct {
	RobustOptions
	past usual
}

func (*robust) unit() string { return "robust standard deviations" }
func (*robust) needs() int   { return 3 }
func (*robust) looks() int   { return 2 }

func (r *robust) score(now time.Time, judged []*Verdict) Fleet {
	r.within(judged)
	centre := median(levels(judged))
	fleet := Fleet{Level: centre, Usual: r.past.level()}
	if r.past.known {
		for _, v := range judged {
			if r.z(v, fleet.Usual, 0) >= r.K {
				fleet.Moved++
			}
		}
	}
	r.past.learn(now, centre, 2*fleet.Moved >= len(judged))
	return fleet
}

func (r *robust) within(judged []*Verdict) {
	sorted := levels(judged)
	centre := median(sorted)
	spread := 1.4826 * median(distances(sorted, centre))
	for _, v := range judged {
		v.Peers, v.Bar = centre, r.K
		v.Evidence = r.z(v, centre, spread)
	}
}

// z is the robust z-score of a pod against a centre, or 0 where the difference
// is less than the user cares about.
func (r *robust) z(v *Verdict, centre, spread float64) float64 {
	diff := v.Level - centre
	if r.Direction == Low || (r.Direction == Both && diff < 0) {
		diff = -diff
	}
	if diff <= r.MinDifference || !beyondRatio(v.Level, centre, r.MinRatio) {
		return 0
	}
	if r.Kind == Ratio {
		// The peers' share, kept off 0 and 1 by half an event of the pod's own.
		p := min(max(centre, 0.5/v.Samples), 1-0.5/v.Samples)
		spread = math.Max(spread, math.Sqrt(math.Max(p*(1-p), 0)/v.Samples))
	}
	// A fleet of equal values has no spread; one per cent of the level stands in
	// for it, and the floors decide.
	return diff / max(spread, 0.01*math.Abs(centre), math.SmallestNonzeroFloat32)
}

// beyondRatio reports whether x and centre are more than a factor apart, on
// whichever side x is.
func beyondRatio(x, centre, factor float64) bool {
	x, centre = math.Abs(x), math.Abs(centre)
	return max(x, centre) > factor*min(x, centre)
}

// distances returns the absolute distances from the centre, ascending.
func distances(sorted []float64, centre float64) []float64 {
	out := make([]float64, len(sorted))
	for i, x := range sorted {
		out[i] = math.Abs(x - centre)
	}
	slices.Sort(out)
	return out
}

// usual is the fleet's own long-run level: an exponentially weighted mean with
// a half-life of half an hour. While the fleet is off its level it learns
// slowly, so that a fault does not soon become the rule, but a lasting change
// does.
type usual struct {
	known bool
	value float64
	at    time.Time
}

const (
	usualHalfLife = 30 * time.Minute
	movedHalfLife = 4 * time.Hour
)

func (u *usual) level() float64 {
	if !u.known {
		return math.NaN()
	}
	return u.value
}

func (u *usual) learn(now time.Time, level float64, moved bool) {
	if !u.known {
		u.known, u.value, u.at = true, level, now
		return
	}
	dt := now.Sub(u.at)
	if dt <= 0 {
		return
	}
	half := usualHalfLife
	if moved {
		half = movedHalfLife
	}
	keep := math.Exp2(-float64(dt) / float64(half))
	u.value, u.at = keep*u.value+(1-keep)*level, now
}
