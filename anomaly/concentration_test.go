package anomaly_test

import (
	"math"
	"testing"

	"github.com/podgate/podgate/anomaly"
)

// TestConcentration holds values that were worked out by hand, and Fisher's own
// tea-tasting experiment.
func TestConcentration(t *testing.T) {
	for name, row := range map[string]struct {
		badIn, in, bad, all int
		want                float64
	}{
		"the lady tasting tea: all four cups":       {4, 4, 4, 8, 1.0 / 70},
		"the lady tasting tea: three of four":       {3, 4, 4, 8, 17.0 / 70},
		"both bad pods on one node of two":          {2, 2, 2, 10, 1.0 / 45},
		"three of three in a zone":                  {3, 3, 3, 10, 1.0 / 120},
		"one bad pod is no concentration":           {1, 5, 1, 10, 0.5},
		"none is certain":                           {0, 3, 2, 10, 1},
		"everything bad says nothing":               {3, 3, 10, 10, 1},
		"a domain that is everything says nothing":  {2, 10, 2, 10, 1},
		"numbers that do not go together: no proof": {5, 3, 5, 10, 1},
		"of no pods at all":                         {0, 0, 0, 0, 1},
	} {
		if got := anomaly.Concentration(row.badIn, row.in, row.bad, row.all); math.Abs(got-row.want) > 1e-9 {
			t.Errorf("%s: %g, want %g", name, got, row.want)
		}
	}
}
