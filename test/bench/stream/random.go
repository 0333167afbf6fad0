package stream

import (
	"math"
	"math/rand/v2"
)

// source draws what the streams are made of.
type source struct{ *rand.Rand }

func newSource(seed uint64, purpose string) source {
	h := uint64(14695981039346656037)
	for _, c := range []byte(purpose) {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return source{rand.New(rand.NewPCG(seed, h))}
}

func (s source) normal(sd float64) float64 { return s.NormFloat64() * sd }

func (s source) chance(p float64) bool { return s.Float64() < p }

func (s source) between(a, b float64) float64 { return a + (b-a)*s.Float64() }

// poisson draws a count: exactly below a mean of 30, rounded normal above.
func (s source) poisson(mean float64) float64 {
	if mean <= 0 {
		return 0
	}
	if mean > 30 {
		return math.Max(0, math.Round(mean+math.Sqrt(mean)*s.NormFloat64()))
	}
	k, product, limit := 0.0, s.Float64(), math.Exp(-mean)
	for product > limit {
		k++
		product *= s.Float64()
	}
	return k
}

// binomial draws how many of n: exactly where few are expected on either side,
// rounded normal elsewhere.
func (s source) binomial(n, p float64) float64 {
	switch {
	case n <= 0 || p <= 0:
		return 0
	case p >= 1:
		return n
	case p > 0.5:
		return n - s.binomial(n, 1-p)
	case n*p > 15:
		return min(max(math.Round(n*p+math.Sqrt(n*p*(1-p))*s.NormFloat64()), 0), n)
	}
	// Gaps between successes are geometric.
	k, at, ln := 0.0, 0.0, math.Log1p(-p)
	for {
		at += math.Floor(math.Log(1-s.Float64())/ln) + 1
		if at > n {
			return k
		}
		k++
	}
}

// walk is a stationary AR(1) process.
type walk struct{ x, rho, sd float64 }

func (s source) walk(rho, sd float64) walk { return walk{s.normal(sd), rho, sd} }

func (w *walk) next(s source) float64 {
	w.x = w.rho*w.x + math.Sqrt(1-w.rho*w.rho)*s.normal(w.sd)
	return w.x
}
