package source

import "math"

// Quantile of a histogram (0 < q < 1; NaN without events), as Prometheus' histogram_quantile has it:
// on a straight line within its bucket, from 0, and the last finite bound beyond
// it.
func (s Sample) Quantile(q float64) float64 {
	n := len(s.Counts)
	if n < 2 || !(s.Counts[n-1] > 0) {
		return math.NaN()
	}
	rank := q * s.Counts[n-1]
	for i, c := range s.Counts {
		if c < rank {
			continue
		}
		lower, below := 0.0, 0.0
		if i > 0 {
			lower, below = s.Bounds[i-1], s.Counts[i-1]
		}
		switch {
		case math.IsInf(s.Bounds[i], 1):
			return lower
		case i == 0 && s.Bounds[0] <= 0, c == below:
			return s.Bounds[i]
		}
		return lower + (s.Bounds[i]-lower)*(rank-below)/(c-below)
	}
	return math.NaN()
}
