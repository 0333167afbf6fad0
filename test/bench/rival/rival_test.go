package rival

import (
	"math"
	"slices"
	"testing"
	"time"
)

func TestSuccessThreshold(t *testing.T) {
	// Envoy's own example: with a factor of 1.9, hosts below mean − 1.9 σ go.
	rates := []float64{1, 1, 1, 1, 0.5}
	threshold, ok := SuccessThreshold(rates, 1.9)
	if want := 0.9 - 1.9*0.2; !ok || math.Abs(threshold-want) > 1e-12 {
		t.Errorf("threshold %v %v, want %v", threshold, ok, want)
	}
	if _, ok := SuccessThreshold(rates[:4], 1.9); ok {
		t.Error("four hosts are too few")
	}
	// A share f of bad hosts lies √((1−f)/f) deviations off, so that with more
	// than 21.7 % of them nobody is seen.
	for bad, seen := range map[int]bool{21: true, 22: false} {
		rates := make([]float64, 100)
		for i := range rates {
			if i >= bad {
				rates[i] = 1
			}
		}
		if threshold, _ := SuccessThreshold(rates, 1.9); (0 < threshold) != seen {
			t.Errorf("%d %% bad: threshold %v", bad, threshold)
		}
	}
}

func TestEjection(t *testing.T) {
	for ejections, want := range map[int]time.Duration{1: 10 * time.Second, 2: 20 * time.Second, 3: 30 * time.Second} {
		if got := EjectionTime(10*time.Second, 300*time.Second, ejections); got != want {
			t.Errorf("ejection %d lasts %v, want %v", ejections, got, want)
		}
	}
	if got := EjectionTime(30*time.Second, 300*time.Second, 99); got != 300*time.Second {
		t.Errorf("at most 300 s, got %v", got)
	}
	for hosts, want := range map[int]int{9: 0, 10: 1, 19: 1, 20: 2} {
		n := 0
		for MayEject(n, hosts, 10) {
			n++
		}
		if n != want {
			t.Errorf("%d of %d hosts may go, want %d", n, hosts, want)
		}
	}
}

func TestBadValues(t *testing.T) {
	pods := map[string][2]float64{"A": {10, 0}, "B": {10, 8}, "C": {0, 10}}
	for tolerance, want := range map[float64]string{50: "C", 10: "BC"} {
		got := ""
		for _, name := range []string{"A", "B", "C"} {
			if (BadValues{tolerance, 2}).Bad(pods[name][0], pods[name][1]) {
				got += name
			}
		}
		if got != want {
			t.Errorf("tolerance %v: %s, want %s", tolerance, got, want)
		}
	}
	if (BadValues{50, 2}).Bad(0, 1) {
		t.Error("one value is too few")
	}
}

func TestMedianMAD(t *testing.T) {
	centre, mad := medianMAD([]float64{1, 1, 2, 2, 4, 6, 9})
	if centre != 2 || math.Abs(mad-1.4826) > 1e-12 {
		t.Errorf("median %v, scaled deviation %v; want 2 and 1.4826", centre, mad)
	}
}

func TestOutside(t *testing.T) {
	got := Outside([][]float64{{1, 1}, {1.1, 1}, {0.9, 1}, {1, 1.1}, {5, 5}}, 3)
	if !slices.Equal(got, []bool{false, false, false, false, true}) {
		t.Errorf("outside: %v", got)
	}
}

func TestLargestDifference(t *testing.T) {
	// 100 bad of 1,000 requests each, but for one pod of four with 160: expected
	// 115 each, χ² = 3·15²/115 + 45²/115 = 23.48 with 3 degrees of freedom.
	worst, p := LargestDifference([]float64{100, 100, 160, 100}, []float64{1000, 1000, 1000, 1000})
	if worst != 2 || p > 1e-4 || p < 1e-6 {
		t.Errorf("pod %d with p = %g", worst, p)
	}
	// The textbook's 5 % points.
	for freedom, x := range map[float64]float64{1: 3.841, 9: 16.919, 19: 30.144} {
		if p := ChiSquaredTail(x, freedom); math.Abs(p-0.05) > 0.003 {
			t.Errorf("χ² %v with %v degrees: p = %v, want 0.05", x, freedom, p)
		}
	}
}

func TestMannWhitney(t *testing.T) {
	// Mann and Whitney's tortoise and hare: ranks 1 and 7 to 11 for the hares, and
	// U = 25 of 36 for the tortoises.
	hares := []float64{1, 7, 8, 9, 10, 11}
	all := []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
	z := rankZ(hares, all)
	if want := (25.0 - 18) / math.Sqrt(36*13/12.0); math.Abs(z-want) > 1e-9 {
		t.Errorf("z = %v, want %v", z, want)
	}
	if shift, _ := hodgesLehmann([]float64{11, 12, 13}, []float64{1, 2, 3, 11, 12, 13}); shift != 5 {
		t.Errorf("shift %v, want 5, the median of all differences", shift)
	}
}
