package source

import (
	"math"
	"testing"
)

// TestQuantile holds what Prometheus' histogram_quantile(0.95) answers.
func TestQuantile(t *testing.T) {
	inf := math.Inf(1)
	for name, row := range map[string]struct {
		bounds, counts []float64
		want           float64
	}{
		"within a bucket":                 {[]float64{0.1, 0.5, inf}, []float64{90, 100, 100}, 0.3},
		"within the first bucket":         {[]float64{0.1, 0.5, inf}, []float64{100, 100, 100}, 0.095},
		"beyond the last finite bucket":   {[]float64{0.1, 0.5, inf}, []float64{10, 20, 100}, 0.5},
		"the first bound is not positive": {[]float64{-0.1, 0.5, inf}, []float64{100, 100, 100}, -0.1},
		"no events":                       {[]float64{0.1, inf}, []float64{0, 0}, math.NaN()},
		"no buckets":                      {nil, nil, math.NaN()},
	} {
		got := Sample{Bounds: row.bounds, Counts: row.counts}.Quantile(0.95)
		if math.Abs(got-row.want) > 1e-12 || math.IsNaN(got) != math.IsNaN(row.want) {
			t.Errorf("%s: %g, want %g", name, got, row.want)
		}
	}
}
