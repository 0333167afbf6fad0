package anomaly

import (
	"math"
	"slices"
	"time"
)

// value gathers evidence from one number a pod. There are no counts, so there
// are no known error bars: they are learned. A pod's deviation is
//
//	l = asinh(v/c) − asinh(m/c)
//
// with m the median of its peers and c the recent mean distance from it: the
// log of the ratio to the peers far from 0, linear near it, so that it works
// for gauges that are often 0, or quantised so coarsely that most are equal.
// How surprising a deviation is in a healthy fleet is a conformal p-value (see
// learned), and the evidence is a bet against it. A deviation that is within
// what the user tolerates always loses the bet.
type value struct {
	cfg    Config
	limits cusum
	bar    float64
	pods   []valuePod
	// scale is c.
	scale float64
	// past is the fleet's own level.
	past    usual
	learned [2][len(blocks)]learned
	// groups are the values of each group's baseline, all of its whole, ascending.
	groups, all [][]float64
}

// blocks are the numbers of samples that are averaged before a bet: one sees
// large deviations fast, sixteen small ones in the noise at all.
var blocks = [...]int{1, 4, 16}

// bets are the three bets on a p-value.
const bets = 3

// stakes are the weights of the bets on each length of block.
var stakes = [len(blocks)]float64{1.0 / 6, 1.0 / 10, 1.0 / 15}

// valuePod is the state of one pod.
type valuePod struct {
	value, peers float64
	deviation    float64
	// offset is its own usual deviation, and beyond how often it is beyond the
	// boundary when it is well, out of so many samples.
	offset, offsets float64
	moved           int
	tracks          [2][len(blocks)]track
	totals          [2]float64
	trial           trial
}

// track is the state of one pod, direction and length of block.
type track struct {
	sum    float64
	count  int
	before before
	bets   [bets]float64
	queue  queue
	// often is how many of its own blocks were beyond the boundary, of known.
	often, known float64
}

func newValue(cfg Config, limits cusum, bar float64) *value {
	limits.ceiling = bar + 1 - math.Log(stakes[len(stakes)-1])
	v := &value{cfg: cfg, limits: limits, bar: bar}
	for d := range v.learned {
		for b := range v.learned[d] {
			v.learned[d][b].reset()
		}
	}
	return v
}

func (v *value) grow(n int) {
	for len(v.pods) < n {
		v.pods = append(v.pods, valuePod{})
	}
}

func (v *value) forget(slot int) {
	p := &v.pods[slot]
	for d := range p.tracks {
		for b := range p.tracks[d] {
			q := p.tracks[d][b].queue
			q.clear()
			p.tracks[d][b] = track{queue: q}
		}
	}
	*p = valuePod{value: math.NaN(), peers: math.NaN(), tracks: p.tracks, trial: newTrial()}
}

func (v *value) read(slot int, s *Sample) string {
	p := &v.pods[slot]
	p.value, p.peers = s.Value, math.NaN()
	if !finite(s.Value) || math.Abs(s.Value) > 1e150 {
		p.value = math.NaN()
		return "its value is not a number"
	}
	return ""
}

// enough is how many samples of healthy pods must have been learned, and
// longEnough over what time: a large fleet shows many at once, which say
// nothing about how long a deviation lasts.
const (
	enough     = 400
	longEnough = time.Hour
)

func (v *value) usable() string {
	d := 0
	if v.cfg.Direction == Low {
		d = 1
	}
	if known := &v.learned[d][0]; known.total < enough || known.time < longEnough {
		return "not enough history yet to know how much healthy pods vary"
	}
	return ""
}

func (v *value) evidence(slot int) float64 {
	p := &v.pods[slot]
	return max(p.totals[0], p.totals[1])
}

func (v *value) explain(slot int, out *Verdict) {
	p := &v.pods[slot]
	out.Level, out.Peers, out.Samples = p.value, p.peers, 1
	if math.IsNaN(p.value) {
		out.Samples = 0
	}
	out.Recovery = p.trial.evidence
}

// A pod on trial that stays within what is tolerated speaks for health as an
// event of nine in ten against one in ten does.
const illShare, wellShare = 0.9, 0.1

func (v *value) gate(slot int) { v.pods[slot].trial.begin(illShare) }

func (v *value) pause(slot int) {
	p := &v.pods[slot]
	for d := range p.tracks {
		for b := range p.tracks[d] {
			k := &p.tracks[d][b]
			for i := range k.bets {
				k.bets[i] /= 2
			}
			k.sum, k.count, k.before = 0, 0, before{}
		}
		p.totals[d] /= 2
	}
	p.trial.wait()
}

func (v *value) step(t *tick) Fleet {
	fleet := Fleet{Level: math.NaN(), Usual: v.past.level()}
	v.deviations(t)
	if len(v.groups[0]) == 0 {
		return fleet
	}
	fleet.Level = middle(v.groups[0])
	for d := range v.learned {
		for b := range v.learned[d] {
			if v.cfg.looks(d) {
				v.learned[d][b].age(t.elapsed)
			}
		}
	}
	for k := range t.members {
		m := &t.members[k]
		p := &v.pods[m.slot]
		if math.IsNaN(p.peers) {
			continue
		}
		beyond := false
		for d := range p.tracks {
			if !v.cfg.looks(d) {
				continue
			}
			beyond = v.bet(p, d, m.baseline) || beyond
		}
		x := 0.0
		if beyond {
			x = 1
		}
		p.trial.step(v.limits, x, 1, wellShare, 1)
		if v.worsePast(p) {
			fleet.Moved++
		}
	}
	v.past.learn(t.now, fleet.Level, 2*fleet.Moved >= len(t.members))
	return fleet
}

// deviations computes each member's deviation from the median of its peers.
func (v *value) deviations(t *tick) {
	for len(v.groups) < len(t.groups) {
		v.groups, v.all = append(v.groups, nil), append(v.all, nil)
	}
	for g := range t.groups {
		v.groups[g], v.all[g] = v.groups[g][:0], v.all[g][:0]
		for k := range t.members {
			m := &t.members[k]
			if m.inGroup(g) {
				v.groups[g] = append(v.groups[g], v.pods[m.slot].value)
			}
			if g == 0 || m.group == g {
				v.all[g] = append(v.all[g], v.pods[m.slot].value)
			}
		}
		slices.Sort(v.groups[g])
		slices.Sort(v.all[g])
	}
	if len(v.groups[0]) == 0 {
		return
	}
	distance, n := 0.0, 0
	for k := range t.members {
		m := &t.members[k]
		p := &v.pods[m.slot]
		if t.groups[m.group].peers(m) < 2 {
			p.peers = math.NaN()
			continue
		}
		p.peers = without(v.groups[m.group], p.value, m.baseline)
		if m.baseline {
			distance += math.Abs(p.value - p.peers)
			n++
		}
	}
	if n > 0 {
		distance /= float64(n)
		if v.scale == 0 {
			v.scale = distance
		}
	}
	// Equal values have no spread; a thousandth of the level stands in.
	c := max(v.scale, 1e-3*math.Abs(middle(v.groups[0])), 1e-12)
	for k := range t.members {
		m := &t.members[k]
		p := &v.pods[m.slot]
		if math.IsNaN(p.peers) {
			continue
		}
		own := math.Asinh(p.value / c)
		p.deviation = own - math.Asinh(p.peers/c)
		if !v.cfg.has(Typical) {
			continue
		}
		// With the suspects left out, the rest may be a minority: a pod must stand
		// out from all of them as well.
		if d := own - math.Asinh(without(v.all[m.group], p.value, true)/c); math.Abs(d) < math.Abs(p.deviation) || d*p.deviation < 0 {
			p.deviation = d
		}
	}
	if n > 0 {
		v.scale = blend(v.scale, distance, decay(t.elapsed, 7*time.Minute))
	}
}

// without is the median of ascending numbers, without one that equals x if
// without it is asked for.
func without(sorted []float64, x float64, drop bool) float64 {
	if !drop {
		return middle(sorted)
	}
	n := len(sorted) - 1
	i, _ := slices.BinarySearch(sorted, x)
	at := func(k int) float64 {
		if k >= i {
			k++
		}
		return sorted[k]
	}
	return (at((n-1)/2) + at(n/2)) / 2
}

func middle(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// boundary is the deviation in direction d that is tolerated: minRatio, and a
// pod that has always been somewhat off is forgiven up to a quarter of that.
func (v *value) boundary(p *valuePod, d int) float64 {
	floor := math.Log(v.cfg.MinRatio)
	own := p.offset
	if d == 1 {
		own = -own
	}
	return max(floor, min(own, math.Log(1.25))+floor/2)
}

// bet places this tick's bets against a pod, and says whether it is beyond
// what is tolerated.
func (v *value) bet(p *valuePod, d int, baseline bool) bool {
	l := p.deviation
	if d == 1 {
		l = -l
	}
	edge := v.boundary(p, d)
	small := math.Abs(p.value-p.peers) < v.cfg.MinDifference
	for b := range blocks {
		k, known := &p.tracks[d][b], &v.learned[d][b]
		k.sum += l
		if k.count++; k.count < blocks[b] {
			continue
		}
		mean := k.sum / float64(k.count)
		k.sum, k.count = 0, 0
		beyond := mean > edge && !small
		u := 1.0
		if beyond {
			u = known.pvalue(mean, &k.before)
			u = max(u, (k.often+prior*u)/(k.known+prior))
		}
		if known.total > 0 {
			k.place(v.limits, u)
		}
		v.remember(p, k, known, entry{
			l: float32(mean), last: float32(k.before.last[0]), rise: float32(k.before.rise(mean)),
			follows: k.before.known > 0, situation: uint8(k.before.situation()), beyond: beyond,
			skip: !baseline || p.totals[d] > v.bar/2,
		}, b, d)
		jump := math.Inf(1)
		if b == 0 {
			jump = 0.85 * math.Log(v.cfg.MinRatio)
		}
		known.next(&k.before, mean, jump)
	}
	p.totals[d] = v.totalOf(p, d)
	return l > edge && !small
}

// place is the bets on one p-value: on its being within the least 20th, and
// two that grow the smaller it is. Each multiplies a stake by one on average
// when p-values are uniform.
func (k *track) place(limits cusum, u float64) {
	steep := math.Log(0.8 / 0.05)
	if u > 0.05 {
		steep = math.Log(0.2 / 0.95)
	}
	ln := math.Log(u)
	for i, inc := range [bets]float64{steep, math.Log(0.2) - 0.8*ln, math.Log(0.55) - 0.45*ln} {
		k.bets[i] = limits.add(k.bets[i], inc)
	}
}

// totalOf is the mean evidence of all bets in one direction.
func (v *value) totalOf(p *valuePod, d int) float64 {
	top, total := 0.0, 0.0
	for b := range p.tracks[d] {
		for _, s := range p.tracks[d][b].bets {
			top = max(top, s)
		}
	}
	if top == 0 {
		return 0
	}
	for b := range p.tracks[d] {
		for _, s := range p.tracks[d][b].bets {
			total += stakes[b] * math.Exp(s-top)
		}
	}
	return max(top+math.Log(total), 0)
}

// worsePast says whether a pod has been beyond what is tolerated of the
// fleet's own usual level for a few looks.
func (v *value) worsePast(p *valuePod) bool {
	if !v.past.known || !v.cfg.has(Past) {
		return false
	}
	c := max(v.scale, 1e-3*math.Abs(v.past.value), 1e-12)
	l := math.Asinh(p.value/c) - math.Asinh(v.past.value/c)
	edge := math.Log(v.cfg.MinRatio)
	high, low := v.cfg.Direction != Low, v.cfg.Direction != High
	if math.Abs(p.value-v.past.value) >= v.cfg.MinDifference && (high && l > edge || low && -l > edge) {
		p.moved++
	} else {
		p.moved = 0
	}
	return p.moved >= looks
}
