package anomaly

import (
	"math"
	"slices"
	"time"
)

// histogram compares distributions by counting: from the peers' pooled
// histogram it chooses up to four bucket bounds in the tail, and for each,
// "slower than this bound" is a ratio with exact error bars, x slow of n. What
// is tolerated is a pod that is minRatio times slower. The bounds' evidence is
// averaged, so that a shifted body, a fat shoulder and a rare slow tail are
// each seen. For direction Low everything is mirrored: "faster than this
// bound".
type histogram struct {
	cfg    Config
	limits cusum
	bounds []float64
	pods   []histogramPod
	// window, now and recent are the cumulative counts of each slot, one stride
	// each: this tick's sample, what is new in it, and the last minutes'; earlier
	// has what was new in the window's earlier ticks.
	window, now, recent, earlier []float64
	span                         int
	groups                       []histogramGroup
	// past is the fleet's long-run histogram.
	past   []float64
	phi    [2][tails]float64
	agreed int
}

// tails is how many bounds are looked at.
const tails = 4

// aims are the shares beyond a bound that the bounds are chosen for.
var aims = [tails]float64{0.35, 0.10, 0.025, 0.005}

// histogramPod is the state of one pod.
type histogramPod struct {
	n, fresh float64
	seen     bool
	sides    [2]histogramSide
	// well has, while it looked well, Pearson's χ² at each bound, and over how many
	// ticks: two numbers a bound and side; see wellAt.
	well  healthy
	trial trial
}

// wellAt is where the sums of bound i in direction d are.
func wellAt(d, i int) (chi, ticks int) { return 2 * (d*tails + i), 2*(d*tails+i) + 1 }

// chi is a pod's mean Pearson χ² a tick at bound i in direction d.
func (p *histogramPod) chi(d, i int) float64 {
	chi, ticks := wellAt(d, i)
	return p.well.all(chi) / max(p.well.all(ticks), 1e-9)
}

func newHistogramPod() histogramPod {
	return histogramPod{trial: newTrial(), well: newHealthy(2 * 2 * tails)}
}

type histogramSide struct {
	sums     [tails]sums
	past     [tails]float64
	evidence float64
	// atBound is the bound that tells most, own and peers the shares there.
	own, peers, atBound float64
}

// histogramGroup is a group's pooled baseline: this tick, the last minutes,
// and the typical pod's own share beyond each chosen bound.
type histogramGroup struct {
	now, recent []float64
	curve       curve
	typical     [2][tails]float64
	chosen      [2][tails]int
	stretch     [2][tails]stretches
}

func newHistogram(cfg Config, limits cusum, bar float64) *histogram {
	h := &histogram{cfg: cfg, limits: limits, span: overlap(cfg)}
	// Twelve sums share the mean; each alone must be able to clear the bar.
	h.limits.ceiling = bar + math.Log(3*tails) + 1
	for d := range h.phi {
		for i := range h.phi[d] {
			h.phi[d][i] = 1
		}
	}
	return h
}

func (h *histogram) grow(n int) {
	for len(h.pods) < n {
		h.pods = append(h.pods, histogramPod{})
	}
	h.window = lengthen(h.window, n*len(h.bounds))
	h.now = lengthen(h.now, n*len(h.bounds))
	h.earlier = lengthen(h.earlier, n*len(h.bounds)*h.span)
	h.recent = lengthen(h.recent, n*len(h.bounds))
}

func lengthen(s []float64, n int) []float64 {
	for len(s) < n {
		s = append(s, 0)
	}
	return s
}

func (h *histogram) forget(slot int) {
	h.pods[slot] = newHistogramPod()
	clear(h.of(h.now, slot))
	clear(h.of(h.recent, slot))
}

// of is a slot's stride.
func (h *histogram) of(s []float64, slot int) []float64 {
	b := len(h.bounds)
	return s[slot*b : (slot+1)*b]
}

func (h *histogram) read(slot int, s *Sample) string {
	p := &h.pods[slot]
	p.n = 0
	if !s.Judged || !s.Known {
		return ""
	}
	if missing := valid(s); missing != "" {
		return missing
	}
	if !slices.Equal(s.Bounds, h.bounds) {
		// The first to come sets the bounds; they change when nobody has had them
		// for a while.
		if h.agreed > 0 {
			return "its buckets are not those of its peers"
		}
		h.adopt(s.Bounds)
	}
	h.agreed = patience
	copy(h.of(h.window, slot), s.Counts)
	p.n = s.Counts[len(s.Counts)-1]
	if p.n == 0 {
		return noEvents
	}
	return ""
}

// patience is for how many ticks nobody may have the fleet's bounds before
// they change.
const patience = 8

// valid says what is wrong with a histogram.
func valid(s *Sample) string {
	n := len(s.Counts)
	if n < 2 || len(s.Bounds) != n || n > 1000 {
		return "its histogram has no buckets"
	}
	for i := range n {
		if !finite(s.Counts[i]) || s.Counts[i] < 0 || s.Counts[i] > 1e15 {
			return "its counts are not numbers of events"
		}
		if i > 0 && (s.Counts[i] < s.Counts[i-1]*(1-1e-6) || !(s.Bounds[i] > s.Bounds[i-1])) {
			return "its buckets are not in order"
		}
	}
	if !math.IsInf(s.Bounds[n-1], 1) || !finite(s.Bounds[0]) {
		return "its last bucket is not +Inf"
	}
	return ""
}

// adopt starts anew with other bounds.
func (h *histogram) adopt(bounds []float64) {
	h.bounds = slices.Clone(bounds)
	n := len(h.pods) * len(bounds)
	h.window, h.now, h.recent = make([]float64, n), make([]float64, n), make([]float64, n)
	h.earlier = make([]float64, n*h.span)
	h.past = make([]float64, len(bounds))
	for i := range h.pods {
		h.pods[i] = newHistogramPod()
	}
}

func (h *histogram) usable() string { return "" }

func (h *histogram) evidence(slot int) float64 {
	p := &h.pods[slot]
	return max(p.sides[0].evidence, p.sides[1].evidence)
}

func (p *histogramPod) worst() *histogramSide {
	if p.sides[1].evidence > p.sides[0].evidence {
		return &p.sides[1]
	}
	return &p.sides[0]
}

func (h *histogram) explain(slot int, v *Verdict) {
	p := &h.pods[slot]
	w := p.worst()
	v.Samples, v.Recovery = p.n, p.trial.evidence
	v.Faster = w == &p.sides[1]
	if p.n > 0 && w.atBound > 0 {
		v.Level, v.Peers, v.Bound = w.own, w.peers, w.atBound
	}
}

func (h *histogram) gate(slot int) {
	p := &h.pods[slot]
	p.trial.begin(p.worst().own)
}

func (h *histogram) pause(slot int) {
	p := &h.pods[slot]
	for d := range p.sides {
		s := &p.sides[d]
		for i := range s.sums {
			s.sums[i].halve()
		}
		s.evidence /= 2
	}
	p.well.reset()
	p.trial.wait()
	clear(h.of(h.recent, slot))
}

func (h *histogram) step(t *tick) Fleet {
	h.agreed--
	fleet := Fleet{Level: math.NaN(), Usual: math.NaN()}
	if len(h.bounds) == 0 || len(t.members) == 0 {
		return fleet
	}
	h.refresh(t)
	h.pool(t)
	for k := range t.members {
		m := &t.members[k]
		if t.groups[m.group].peers(m) < 2 || m.ticks == 0 {
			continue
		}
		p, moved := &h.pods[m.slot], false
		for d := range p.sides {
			if !h.cfg.looks(d) {
				continue
			}
			h.gather(m, p, d)
			moved = moved || mix(p.sides[d].past[:]) >= suspect
		}
		if moved {
			fleet.Moved++
		}
		w := p.worst()
		p.trial.step(h.limits, w.own*p.fresh, p.fresh, w.peers, 1)
	}
	h.report(&fleet)
	t.moved = float64(fleet.Moved) > crowd*float64(len(t.members))
	h.learn(t)
	return fleet
}

// refresh recovers what is new in each member's window, bucket by bucket.
func (h *histogram) refresh(t *tick) {
	for k := range t.members {
		m := &t.members[k]
		p := &h.pods[m.slot]
		now, window := h.of(h.now, m.slot), h.of(h.window, m.slot)
		p.fresh = 0
		if m.ticks == 0 {
			clear(now)
			continue
		}
		earlier := h.earlier[m.slot*len(now)*h.span:]
		for i := range now {
			now[i] = fresh(earlier[i*h.span:(i+1)*h.span], window[i], m.ticks, !p.seen)
			if i > 0 {
				now[i] = max(now[i], now[i-1])
			}
		}
		p.seen = true
		p.fresh = now[len(now)-1]
	}
}

// report gives the fleet's share beyond the second bound, now and usually.
func (h *histogram) report(fleet *Fleet) {
	d := 0
	if h.cfg.Direction == Low {
		d = 1
	}
	i := h.groups[0].chosen[d][1]
	if i < 0 {
		return
	}
	fleet.Level, _ = beyond(h.groups[0].now, i, d)
	if share, n := beyond(h.past, i, d); n > 0 {
		fleet.Usual = share
	}
}

// beyond is the share of a cumulative histogram beyond bound i in direction d,
// and of how many.
func beyond(cumulative []float64, i, d int) (share, n float64) {
	n = cumulative[len(cumulative)-1]
	if n <= 0 {
		return 0, 0
	}
	share = min(max(cumulative[i]/n, 0), 1)
	if d == 0 {
		share = 1 - share
	}
	return share, n
}

// learn takes what this tick says about healthy pods.
func (h *histogram) learn(t *tick) {
	short, hour := decay(t.elapsed, recent*7/10), decay(t.elapsed, 40*time.Minute)
	long := decay(t.elapsed, longRun)
	var keep [2 * 2 * tails]float64
	for i := range keep {
		keep[i] = hour
	}
	for k := range t.members {
		m := &t.members[k]
		p := &h.pods[m.slot]
		now, mean := h.of(h.now, m.slot), h.of(h.recent, m.slot)
		for i := range mean {
			mean[i] = short*mean[i] + now[i]
		}
		if t.doubtful(m, h.evidence(m.slot)) {
			p.well.takeBack()
			continue
		}
		if !m.baseline || m.ticks == 0 {
			continue
		}
		p.well.age(keep[:])
		h.clumps(p, &h.groups[m.group], now)
	}
	for d := range h.phi {
		for i := range h.phi[d] {
			if h.groups[0].chosen[d][i] >= 0 {
				h.phi[d][i] = dispersion(t, func(m *member) float64 { return h.pods[m.slot].chi(d, i) })
			}
		}
	}
	for i, x := range h.groups[0].now {
		h.past[i] = long*h.past[i] + x
	}
}

// clumps adds a pod's Pearson χ² at each bound.
func (h *histogram) clumps(p *histogramPod, g *histogramGroup, now []float64) {
	for d := range p.sides {
		for l, i := range g.chosen[d] {
			if i < 0 {
				continue
			}
			q, _ := beyond(g.now, i, d)
			share, n := beyond(now, i, d)
			x := n * share
			diff := x - n*q
			x2 := diff * diff / max(n*q*(1-min(q, 0.99)), 1e-9)
			if q == 0 {
				x2 = 0
			}
			chi, ticks := wellAt(d, l)
			p.well.add(chi, min(x2, 200))
			p.well.add(ticks, 1)
		}
	}
}
