package anomaly

import "math"

// A pod exactly at the user's floor must not gather evidence, and one between
// its peers and the floor must not either. Testing against the floor itself as
// the null hypothesis grants that, but wastes most of the data of a pod a
// little beyond it. So the null lies part of the way to the floor, and the
// nearest alternative as far beyond the floor as makes the likelihood ratio of
// a pod at the floor even: with the null at a and the floor at b, at b²/a (the
// break-even share of two Poisson rates is their logarithmic mean, which is
// more than their geometric mean). The rate of false alarms is thus guaranteed
// for pods up to the null, and pods up to the floor lose evidence on average.

// relative is the two-sample leg, conditional on the events of pod and peers
// together (Przyborowski and Wilenski, Biometrika 31, 1940): with relative
// risk ρ, a bad event falls on this pod with probability ρn/(ρn + N).
func (r *ratio) relative(x, X, n, N, margin float64) (out sums) {
	floor := max(r.cfg.MinRatio, min(10, math.Exp(3*margin)))
	null := max(math.Pow(r.cfg.MinRatio, guaranteeRatio), min(10, math.Exp(2*margin)))
	null = min(null, floor)
	nearest := floor * floor / null
	for i, m := range [...]float64{2, 5, 20} {
		out[i] = max(m*null, nearest)
	}
	return conditional(x, X, n, N, null, out)
}

// relativeLow is the same for a pod with too few events.
func (r *ratio) relativeLow(x, X, n, N, margin float64) (out sums) {
	floor := 1 / max(r.cfg.MinRatio, min(10, math.Exp(3*margin)))
	null := 1 / max(math.Pow(r.cfg.MinRatio, guaranteeRatio), min(10, math.Exp(2*margin)))
	null = max(null, floor)
	nearest := floor * floor / null
	for i, m := range [...]float64{2, 5, 20} {
		out[i] = min(null/m, nearest)
	}
	return conditional(x, X, n, N, null, out)
}

// conditional is the log-likelihood ratio of the relative risks r1 against r0.
func conditional(x, X, n, N, r0 float64, r1 sums) sums {
	if N <= 0 || n <= 0 || x+X <= 0 {
		return sums{}
	}
	for i, r := range r1 {
		r1[i] = r * n / (r*n + N)
	}
	return bernoullis(x, x+X, r0*n/(r0*n+N), r1)
}

// absolute is the leg against the peers' share plus the least difference that
// matters.
func (r *ratio) absolute(x, n, peers float64) (out sums) {
	floor := min(peers+r.cfg.MinDifference, 0.985)
	null := min(peers+guaranteeShare*r.cfg.MinDifference, floor)
	nearest := floor * floor / null
	for i, m := range [...]float64{2, 5, 20} {
		p1 := min(m*null, null+(1-null)/float64(6-2*i+i/2)+0.2*null)
		out[i] = min(max(p1, nearest), 0.5+floor/2, 0.99)
	}
	return bernoullis(x, n, null, out)
}

// absoluteLow is the same for a pod with too few events; where the peers have
// no more than the least difference, nobody can have too few.
func (r *ratio) absoluteLow(x, n, peers float64) (out sums) {
	floor := peers - r.cfg.MinDifference
	if floor <= 0 || !(peers > 0) {
		return sums{-r.limits.ceiling, -r.limits.ceiling, -r.limits.ceiling}
	}
	null := peers - guaranteeShare*r.cfg.MinDifference
	nearest := floor * floor / null
	for i, m := range [...]float64{2, 5, 20} {
		out[i] = min(null/m, nearest)
	}
	return bernoullis(x, n, null, out)
}

// gatherPast is the history guard: the same kind of evidence against the
// fleet's own long-run share, by both floors at once.
func (r *ratio) gatherPast(s *side, p *ratioPod, d int, weight float64) {
	if r.pastN < 100 || d == 1 && r.pastX < 10 {
		return
	}
	var inc sums
	switch past := (r.pastX + 0.5) / (r.pastN + 100); {
	case d == 0:
		inc = r.absolute(p.bad, p.total, max(past, past*r.cfg.MinRatio-r.cfg.MinDifference))
	case past > 0.5:
		past = 1 - past
		inc = r.absolute(p.total-p.bad, p.total, max(past, past*r.cfg.MinRatio-r.cfg.MinDifference))
	default:
		inc = r.absoluteLow(p.bad, p.total, min(past, past/r.cfg.MinRatio+r.cfg.MinDifference))
	}
	for i := range inc {
		s.past[i] = r.limits.add(s.past[i], weight*inc[i])
	}
}

// worsePast says whether a pod is worse than the fleet's own past.
func (r *ratio) worsePast(p *ratioPod) bool {
	for d := range p.sides {
		if mix(p.sides[d].past[:]) >= suspect {
			return true
		}
	}
	return false
}
