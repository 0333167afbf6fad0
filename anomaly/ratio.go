package anomaly

import (
	"math"
	"time"
)

const (
	// recent is how long the peers' average looks back.
	recent = 5 * time.Minute
	// longRun is the half-life of the fleet's own past.
	longRun = 2 * time.Hour
	// guaranteeShare and guaranteeRatio place the null hypotheses between no
	// difference (0) and the user's floor (1); see relative.
	guaranteeShare, guaranteeRatio = 0.2, 0.5
)

// sums are the e-CUSUMs of a small, a medium and a large effect.
type sums [3]float64

// side is what is gathered against a pod in one direction.
type side struct {
	relative, absolute, past sums
	evidence                 float64
	// peers is the share it was last compared with.
	peers float64
}

// ratioPod is the state of one pod.
type ratioPod struct {
	// windowBad and windowTotal are this tick's sample, bad and total what is new
	// in it; past has what was new before.
	windowBad, windowTotal float64
	bad, total             float64
	past                   [2][]float64
	// sx and sn are its counts of the last minutes.
	sx, sn float64
	// well has its sums of the last hour while it looked well.
	well  healthy
	sides [2]side
	trial trial
}

// What healthy pods' sums are of: their counts, bad and total; the total with
// squared weights, which is what the counts vary by; Pearson's χ² and its ticks.
const (
	wellBad = iota
	wellTotal
	wellSquared
	wellChi
	wellTicks
	wellWidth
)

// chi is a pod's mean Pearson χ² a tick.
func (p *ratioPod) chi() float64 {
	return p.well.all(wellChi) / max(p.well.all(wellTicks), 1e-9)
}

// ratio gathers evidence from bad and total counts, on two legs that must both
// clear the bar: the pod's share is more than minRatio times its peers', and
// more than minDifference above it.
type ratio struct {
	cfg    Config
	limits cusum
	pods   []ratioPod
	groups []ratioGroup
	// phi is the dispersion, spread the healthy differences.
	phi    float64
	spread delayed
	// pastX and pastN are the fleet's long-run counts.
	pastX, pastN float64
	past         float64
}

// ratioGroup is a group's counts in one tick.
type ratioGroup struct{ x, n, sx, sn, typical float64 }

func newRatio(cfg Config, limits cusum) *ratio {
	return &ratio{cfg: cfg, limits: limits, phi: 1, spread: newDelayed(), past: math.NaN()}
}

func (r *ratio) grow(n int) {
	for len(r.pods) < n {
		r.pods = append(r.pods, ratioPod{})
	}
}

func (r *ratio) forget(slot int) {
	past := r.pods[slot].past
	for i := range past {
		if past[i] == nil {
			past[i] = make([]float64, overlap(r.cfg))
		}
	}
	r.pods[slot] = ratioPod{trial: newTrial(), past: past, well: newHealthy(wellWidth)}
}

func (r *ratio) read(slot int, s *Sample) string {
	p := &r.pods[slot]
	p.windowBad, p.windowTotal = 0, 0
	switch {
	case !finite(s.Bad) || !finite(s.Total) || s.Bad < 0 || s.Total < 0 || s.Total > 1e15:
		return "its counts are not numbers of events"
	case s.Bad > s.Total*(1+1e-6):
		return "more bad events than events"
	case s.Total == 0:
		return noEvents
	}
	p.windowBad, p.windowTotal = min(s.Bad, s.Total), s.Total
	return ""
}

func (r *ratio) usable() string { return "" }

func (r *ratio) evidence(slot int) float64 {
	p := &r.pods[slot]
	return max(p.sides[0].evidence, p.sides[1].evidence)
}

// worst is the side that speaks most against a pod.
func (p *ratioPod) worst() *side {
	if p.sides[1].evidence > p.sides[0].evidence {
		return &p.sides[1]
	}
	return &p.sides[0]
}

func (r *ratio) explain(slot int, v *Verdict) {
	p := &r.pods[slot]
	v.Samples = p.windowTotal
	if p.windowTotal > 0 {
		v.Level = p.windowBad / p.windowTotal
	}
	if w := p.worst(); w.peers > 0 {
		v.Peers = w.peers
	}
	v.Recovery = p.trial.evidence
}

func (r *ratio) gate(slot int) {
	p := &r.pods[slot]
	p.trial.begin(p.windowBad / p.windowTotal)
}

func (r *ratio) pause(slot int) {
	p := &r.pods[slot]
	for i := range p.sides {
		s := &p.sides[i]
		s.relative.halve()
		s.absolute.halve()
		s.evidence /= 2
	}
	p.trial.wait()
	p.sx, p.sn = 0, 0
	p.well.reset() // what it did is not how healthy pods differ
}

func (s *sums) halve() {
	for i := range s {
		s[i] /= 2
	}
}

func (r *ratio) step(t *tick) Fleet {
	r.refresh(t)
	r.pool(t)
	fleet := Fleet{Level: r.groups[0].x / r.groups[0].n, Usual: r.past}
	phi, margin := r.phi, r.spread.now()
	if !r.cfg.has(Dispersion) {
		phi = 1
	}
	if !r.cfg.has(Spread) {
		margin = 0
	}
	for k := range t.members {
		m := &t.members[k]
		if t.groups[m.group].peers(m) < 2 || m.ticks == 0 {
			continue
		}
		p := &r.pods[m.slot]
		for d := range p.sides {
			if !r.cfg.looks(d) {
				continue
			}
			r.gather(t, m, p, d, 1/phi, margin)
		}
		if r.worsePast(p) {
			fleet.Moved++
		}
		p.trial.step(r.limits, p.bad, p.total, p.worst().peers, 1/phi)
	}
	t.moved = float64(fleet.Moved) > crowd*float64(len(t.members))
	r.learn(t)
	return fleet
}

// refresh recovers what is new in each member's window.
func (r *ratio) refresh(t *tick) {
	for k := range t.members {
		m := &t.members[k]
		p := &r.pods[m.slot]
		if m.ticks == 0 {
			p.bad, p.total = 0, 0
			continue
		}
		p.total = fresh(p.past[1], p.windowTotal, m.ticks, m.first)
		p.bad = min(fresh(p.past[0], p.windowBad, m.ticks, m.first), p.total)
	}
}

// pool sums up each group's baseline: this tick's counts, those of the last
// minutes, and the typical pod's own share.
func (r *ratio) pool(t *tick) {
	r.groups = resize(r.groups, len(t.groups))
	for g := range r.groups {
		r.groups[g] = ratioGroup{}
		pool := &r.groups[g]
		if t.groups[g].base == 0 {
			continue
		}
		t.floats = t.floats[:0]
		for k := range t.members {
			m := &t.members[k]
			p := &r.pods[m.slot]
			if (g == 0 || m.group == g) && p.sn > 0 {
				t.floats = append(t.floats, p.sx/p.sn)
			}
			if !m.inGroup(g) {
				continue
			}
			pool.x, pool.n = pool.x+p.bad, pool.n+p.total
			pool.sx, pool.sn = pool.sx+p.sx, pool.sn+p.sn
		}
		pool.typical = medianOf(t.floats, 0)
		if len(t.floats) < 3 || !r.cfg.has(Typical) {
			pool.typical = math.NaN()
		}
	}
}

// gather adds one tick's evidence in one direction.
func (r *ratio) gather(t *tick, m *member, p *ratioPod, d int, weight, margin float64) {
	g := r.groups[m.group]
	if m.baseline {
		g.x, g.n, g.sx, g.sn = g.x-p.bad, g.n-p.total, g.sx-p.sx, g.sn-p.sn
	}
	s := &p.sides[d]
	s.peers = peersShare(g, d)
	var rel, abs sums
	if x, X, q := p.bad, max(g.x, 0), s.peers; d == 0 {
		rel = r.relative(x, X, p.total, g.n, margin)
		abs = r.absolute(x, p.total, q)
	} else if q > 0.5 {
		// Fewer of what most events are is more of the rest.
		rel = r.relative(p.total-x, max(g.n-X, 0), p.total, g.n, margin)
		abs = r.absolute(p.total-x, p.total, 1-q)
	} else {
		rel = r.relativeLow(x, X, p.total, g.n, margin)
		abs = r.absoluteLow(x, p.total, q)
	}
	if !r.cfg.has(Mixture) {
		rel[0], rel[2], abs[0], abs[2] = rel[1], rel[1], abs[1], abs[1]
	}
	for i := range rel {
		s.relative[i] = r.limits.add(s.relative[i], weight*rel[i])
		s.absolute[i] = r.limits.add(s.absolute[i], weight*abs[i])
	}
	s.evidence = min(mix(s.relative[:]), mix(s.absolute[:]))
	if r.cfg.has(Past) {
		r.gatherPast(s, p, d, weight)
	}
}

// peersShare is the share that a pod is compared with: of the peers' share
// now, over the last minutes, and the typical pod's own, the one most in the
// pod's favour. Half an event in a hundred is added to small counts.
func peersShare(g ratioGroup, d int) float64 {
	share := (max(g.x, 0) + 0.5) / (max(g.n, 0) + 100)
	others := [2]float64{(max(g.sx, 0) + 0.5) / (max(g.sn, 0) + 100), g.typical}
	if d == 1 {
		share = g.x / g.n
		others[0] = g.sx / g.sn
	}
	for _, o := range others {
		if d == 0 && o > share || d == 1 && o < share {
			share = o
		}
	}
	return min(max(share, 0), 1)
}

// learn takes what this tick says about healthy pods.
func (r *ratio) learn(t *tick) {
	short, hour := decay(t.elapsed, recent*7/10), decay(t.elapsed, 40*time.Minute)
	long := decay(t.elapsed, longRun)
	keep := [wellWidth]float64{hour, hour, hour * hour, hour, hour}
	for k := range t.members {
		m := &t.members[k]
		p, g := &r.pods[m.slot], &r.groups[m.group]
		p.sx, p.sn = short*p.sx+p.bad, short*p.sn+p.total
		if t.doubtful(m, r.evidence(m.slot)) {
			p.well.takeBack()
			continue
		}
		if !m.baseline || g.n <= 0 || m.ticks == 0 {
			continue
		}
		p.well.age(keep[:])
		p.well.add(wellBad, p.bad)
		p.well.add(wellTotal, p.total)
		p.well.add(wellSquared, p.total)
		q := (g.x + 0.5) / (g.n + 100)
		diff := p.bad - p.total*q
		p.well.add(wellChi, min(diff*diff/max(p.total*q*(1-min(q, 0.99)), 1e-9), 200))
		p.well.add(wellTicks, 1)
	}
	r.phi = dispersion(t, func(m *member) float64 { return r.pods[m.slot].chi() })
	r.learnSpread(t)
	if g := r.groups[0]; g.n > 0 {
		r.pastX, r.pastN = long*r.pastX+g.x, long*r.pastN+g.n
		r.past = r.pastX / r.pastN
	}
}

// dispersion is how much more events vary than independent ones would: the
// mean of the pods' Pearson χ² a tick, without the top tenth. Errors come in
// clumps; evidence is divided by this (quasi-likelihood: McCullagh and Nelder,
// Generalized Linear Models, 1989).
func dispersion(t *tick, chi func(*member) float64) float64 {
	t.floats = t.floats[:0]
	for k := range t.members {
		if m := &t.members[k]; m.everywhere {
			t.floats = append(t.floats, chi(m))
		}
	}
	return min(max(trimmed(t.floats, 1), 1), 8)
}
