package anomaly

import "math"

// curve is the distribution function of a histogram: between bucket bounds the
// probit of the cumulative share is interpolated in log time. That is exact for
// log-normal times; straight lines on the coarse default buckets overstate the
// tail by half and more, and cost most of the power.
type curve struct {
	logs, probits []float64
}

// set builds the curve of a cumulative histogram; bounds of zero and below, and
// buckets that nothing or everything is in, have no place on it.
func (c *curve) set(bounds, cumulative []float64) {
	c.logs, c.probits = c.logs[:0], c.probits[:0]
	n := cumulative[len(cumulative)-1]
	if n <= 0 {
		return
	}
	edge := 0.25 / (n + 1)
	for i, b := range bounds[:len(bounds)-1] {
		share := min(max(cumulative[i]/n, edge), 1-edge)
		if b <= 0 {
			continue
		}
		z := probit(share)
		if k := len(c.probits); k > 0 && z <= c.probits[k-1] {
			z = c.probits[k-1] + 1e-9
		}
		c.logs, c.probits = append(c.logs, math.Log(b)), append(c.probits, z)
	}
}

// at is the probit of the share at or below e^log. Beyond the ends the last
// line goes on.
func (c *curve) at(log float64) float64 {
	n := len(c.logs)
	if n < 2 {
		return math.NaN()
	}
	i := 1
	for i < n-1 && c.logs[i] < log {
		i++
	}
	f := (log - c.logs[i-1]) / (c.logs[i] - c.logs[i-1])
	return c.probits[i-1] + f*(c.probits[i]-c.probits[i-1])
}

// beyond is the share beyond e^log in direction d.
func (c *curve) beyond(log float64, d int) float64 {
	z := c.at(log)
	if d == 0 {
		z = -z
	}
	return phi(z)
}

// phi is the standard normal distribution function, probit its inverse.
func phi(z float64) float64 { return 0.5 * math.Erfc(-z/math.Sqrt2) }

func probit(p float64) float64 { return -math.Sqrt2 * math.Erfcinv(2*p) }

// stretches says how a share beyond a bound grows when the distribution is
// stretched: as far as is tolerated, to the user's floor, and by each of the
// alternatives, all relative to the share itself.
type stretches struct {
	share       float64
	null, floor float64
	worse       sums
}

// alternativeStretch is how much slower than the floor the alternatives are.
var alternativeStretch = sums{1.15, 1.6, 3.5}

// guaranteeTime places the null on the way to the floor, in log time; see
// relative.
const guaranteeTime = 0.85

// stretch computes the growth of the share beyond bound b in direction d.
func (h *histogram) stretch(c *curve, b, share float64, d int) stretches {
	log := math.Log(b)
	to := func(ratio, difference float64) float64 {
		// A pod slower by ratio has beyond b what its peers have beyond b/ratio.
		if d == 0 {
			at := b / ratio
			if difference > 0 {
				at = min(at, b-difference)
			}
			if at <= 0 {
				return 1
			}
			return c.beyond(math.Log(at), d)
		}
		return c.beyond(math.Log(max(b*ratio, b+difference)), d)
	}
	base := max(c.beyond(log, d), 1e-9)
	s := stretches{share: share}
	s.null = max(to(math.Pow(h.cfg.MinRatio, guaranteeTime), guaranteeTime*h.cfg.MinDifference)/base, 1.12)
	s.floor = max(to(h.cfg.MinRatio, h.cfg.MinDifference)/base, 1.25, s.null)
	for i, k := range alternativeStretch {
		s.worse[i] = max(to(h.cfg.MinRatio*k, h.cfg.MinDifference)/base, s.floor)
	}
	return s
}

// nowhere is no bound at all.
var nowhere = [tails]int{-1, -1, -1, -1}

// choose picks the bounds where the share beyond is nearest to each aim. The
// choice is the last minutes', without this tick, so that it cannot follow the
// data that it is used on.
func choose(bounds, cumulative []float64, d int) (chosen [tails]int) {
	taken := -1
	for l, aim := range aims {
		chosen[l] = -1
		best := math.Log(3.5)
		for i := range len(bounds) - 1 {
			share, n := beyond(cumulative, i, d)
			if bounds[i] <= 0 || share <= 0 || share > 0.9 || share*n < 1 {
				continue
			}
			off := math.Abs(math.Log(share / aim))
			if further := d == 0 && i > taken || d == 1 && (taken < 0 || i < taken); further && off < best {
				chosen[l], best = i, off
			}
		}
		if chosen[l] >= 0 {
			taken = chosen[l]
		}
	}
	return chosen
}

// pool sums up each group's baseline.
func (h *histogram) pool(t *tick) {
	for len(h.groups) < len(t.groups) {
		h.groups = append(h.groups, histogramGroup{})
	}
	b := len(h.bounds)
	for gi := range t.groups {
		g := &h.groups[gi]
		g.now, g.recent = resize(g.now, b), resize(g.recent, b)
		clear(g.now)
		clear(g.recent)
		for k := range t.members {
			m := &t.members[k]
			if !m.inGroup(gi) {
				continue
			}
			now, mean := h.of(h.now, m.slot), h.of(h.recent, m.slot)
			for i := range b {
				g.now[i] += now[i]
				g.recent[i] += mean[i]
			}
		}
		g.curve.set(h.bounds, g.recent)
		for d := range g.chosen {
			if !h.cfg.looks(d) {
				g.chosen[d] = nowhere
				continue
			}
			g.chosen[d] = choose(h.bounds, g.recent, d)
			for l, i := range g.chosen[d] {
				if i >= 0 {
					share, _ := beyond(g.recent, i, d)
					g.stretch[d][l] = h.stretch(&g.curve, h.bounds[i], share, d)
					g.typical[d][l] = h.typical(t, gi, i, d)
				}
			}
		}
	}
}

// typical is the median of the pods' own shares beyond a bound, suspects
// included: without them, the rest may be a minority.
func (h *histogram) typical(t *tick, g, i, d int) float64 {
	t.floats = t.floats[:0]
	for k := range t.members {
		if m := &t.members[k]; g == 0 || m.group == g {
			if share, n := beyond(h.of(h.recent, m.slot), i, d); n > 0 {
				t.floats = append(t.floats, share)
			}
		}
	}
	if len(t.floats) < 3 || !h.cfg.has(Typical) {
		return 0
	}
	return medianOf(t.floats, 0)
}

// gather adds one tick's evidence in one direction.
func (h *histogram) gather(m *member, p *histogramPod, d int) {
	g, s := &h.groups[m.group], &p.sides[d]
	now, mean := h.of(h.now, m.slot), h.of(h.recent, m.slot)
	best := -1.0
	for l, i := range g.chosen[d] {
		if i < 0 {
			s.sums[l] = sums{}
			s.past[l] = 0
			continue
		}
		share, n := beyond(now, i, d)
		x := share * n
		st := &g.stretch[d][l]
		// The peers now, leaning on their last minutes, and one standard error.
		all, count := beyond(g.now, i, d)
		X, N := all*count, count
		usual, un := beyond(g.recent, i, d)
		if m.baseline {
			X, N = X-x, N-n
			own, on := beyond(mean, i, d)
			if un > on {
				usual = max(usual*un-own*on, 0) / (un - on)
			}
		}
		f := (max(X, 0) + 20*usual) / (max(N, 0) + 20)
		f += math.Sqrt(f * (1 - f) / (max(N, 0) + 20))
		f = max(f, g.typical[d][l], 1e-6)
		weight := 1 / h.phi[d][l]
		if !h.cfg.has(Dispersion) {
			weight = 1
		}
		inc := st.increments(x, n, f)
		if !h.cfg.has(Mixture) {
			inc = sums{inc[1], inc[1], inc[1]}
		}
		for a := range inc {
			s.sums[l][a] = h.limits.add(s.sums[l][a], weight*inc[a])
		}
		if h.cfg.has(Past) {
			h.gatherPast(s, l, i, d, x, n, weight)
		}
		if e := max(s.sums[l][0], s.sums[l][1], s.sums[l][2]); e > best {
			best, s.peers, s.atBound = e, min(f, 1), h.bounds[i]
			s.own, _ = beyond(h.of(h.window, m.slot), i, d)
		}
	}
	s.evidence = mixAll(&s.sums)
}

// mixAll is the mean evidence of all bounds and alternatives.
func mixAll(all *[tails]sums) float64 {
	var flat [tails * len(sums{})]float64
	for l := range all {
		copy(flat[l*len(sums{}):], all[l][:])
	}
	return mix(flat[:])
}

// increments are the log-likelihood ratios of x of n beyond the bound, for
// each alternative against what is tolerated of peers with share f; see
// relative for where the two lie.
func (st *stretches) increments(x, n, f float64) (out sums) {
	null := min(st.null*f, 0.97)
	floor := min(max(st.floor*f, null), 0.975)
	nearest := floor * floor / null
	for i, w := range st.worse {
		out[i] = max(min(max(w*f, nearest), 0.5+floor/2, 0.99), null)
	}
	return bernoullis(x, n, null, out)
}

// gatherPast is the history guard: evidence against the fleet's own long-run
// histogram.
func (h *histogram) gatherPast(s *histogramSide, l, i, d int, x, n, weight float64) {
	usual, pn := beyond(h.past, i, d)
	if pn < 500 || usual <= 0 {
		return
	}
	st := &h.groups[0].stretch[d][l]
	if h.groups[0].chosen[d][l] < 0 {
		return
	}
	null := min(st.null*usual, 0.97)
	if worse := min(max(st.worse[1]*usual, null*1.2), 0.985); worse > null {
		s.past[l] = h.limits.add(s.past[l], weight*bernoulli(x, n, null, worse))
	}
}
