package anomaly

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestFresh(t *testing.T) {
	// Windows of four ticks over a stream of events give back the events, nearly.
	for name, events := range map[string][]float64{
		"steady":  {5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5},
		"a burst": {0, 0, 0, 0, 0, 20, 0, 0, 0, 0, 0, 0},
		"a step":  {0, 0, 0, 0, 0, 8, 8, 8, 8, 8, 8, 8},
		"an end":  {8, 8, 8, 8, 8, 8, 0, 0, 0, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			past := make([]float64, 4)
			for i := 3; i < len(events); i++ {
				window := events[i] + events[i-1] + events[i-2] + events[i-3]
				got := fresh(past, window, 1, i == 3)
				if off := math.Abs(got - events[i]); i > 6 && off > 0.1*window+0.6 {
					t.Errorf("tick %d: %v of %v, want %v", i, got, window, events[i])
				}
			}
		})
	}
	// Nothing is known of how the first window's events were spread; what was
	// wrong about it dies out.
	rnd := rand.New(rand.NewPCG(5, 6))
	events, past := make([]float64, 120), make([]float64, 4)
	for i := range events {
		events[i] = float64(rnd.IntN(12))
		if i < 3 {
			continue
		}
		got := fresh(past, events[i]+events[i-1]+events[i-2]+events[i-3], 1, i == 3)
		if off := math.Abs(got - events[i]); i > 100 && off > 1.5 {
			t.Errorf("tick %d: %v, want %v", i, got, events[i])
		}
	}
	past = []float64{5, 5, 5, 5}
	if got := fresh(past, 20, 2, false); math.Abs(got-10) > 1e-9 {
		t.Errorf("two ticks at once: %v, want 10", got)
	}
	if got := fresh(past, 20, 9, false); got != 20 {
		t.Errorf("after a long gap: %v, want all of the window", got)
	}
	if got := fresh(past, 0, 1, false); got != 0 {
		t.Errorf("a counter that was reset: %v, want none", got)
	}
}

func TestPartition(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for n := range 40 {
		values := make([]float64, n)
		for i := range values {
			values[i] = float64(rnd.IntN(10))
		}
		sorted := slices.Sorted(slices.Values(values))
		want := math.NaN()
		if n > 0 {
			want = (sorted[(n-1)/2] + sorted[n/2]) / 2
		}
		if got := medianOf(slices.Clone(values), math.NaN()); got != want && n > 0 {
			t.Errorf("median of %v: %v, want %v", values, got, want)
		}
		kept := n
		if n >= 3 {
			kept = n - max(n/10, 1)
		}
		sum := 0.0
		for _, v := range sorted[:kept] {
			sum += v
		}
		if got := trimmed(values, 7); n > 0 && math.Abs(got-sum/float64(kept)) > 1e-12 || n == 0 && got != 7 {
			t.Errorf("trimmed mean of %v: %v, want %v", sorted, got, sum/float64(kept))
		}
	}
}

func TestMix(t *testing.T) {
	for name, row := range map[string]struct {
		sums []float64
		want float64
	}{
		"no evidence":         {[]float64{0, 0, 0}, 0},
		"all the same":        {[]float64{7, 7, 7}, 7},
		"one of three":        {[]float64{30, 0, 0}, 30 - math.Log(3)},
		"the mean of the two": {[]float64{math.Log(3), math.Log(5)}, math.Log(4)},
	} {
		if got := mix(row.sums); math.Abs(got-row.want) > 1e-9 {
			t.Errorf("%s: %v, want %v", name, got, row.want)
		}
	}
}

// The sum of a test that is true half of the time exceeds the bar as rarely as
// the bar promises: under the null, e to the evidence is 1 on average.
func TestBernoulliIsFair(t *testing.T) {
	const p0, p1, n = 0.02, 0.06, 50
	mean, choose := 0.0, 1.0
	for x := 0.0; x <= n; x++ {
		mean += choose * math.Pow(p0, x) * math.Pow(1-p0, n-x) * math.Exp(bernoulli(x, n, p0, p1))
		choose *= (n - x) / (x + 1)
	}
	if math.Abs(mean-1) > 1e-9 {
		t.Errorf("e^evidence is %v on average, want 1", mean)
	}
	together := bernoullis(3, n, p0, sums{0.03, 0.06, 0.2})
	for i, p := range []float64{0.03, 0.06, 0.2} {
		if want := bernoulli(3, n, p0, p); math.Abs(together[i]-want) > 1e-9 {
			t.Errorf("alternative %v: %v, want %v", p, together[i], want)
		}
	}
}

// A pod at the user's floor loses evidence on average, and one beyond it gains.
func TestFloorsBreakEven(t *testing.T) {
	cfg, err := Config{Kind: Ratio, MinDifference: 0.01}.complete()
	if err != nil {
		t.Fatal(err)
	}
	r := newRatio(cfg, cusum{step: 4, ceiling: 14})
	for _, peers := range []float64{0, 0.002, 0.05} {
		const n = 1000.0
		drift := func(share float64) float64 {
			a := r.absolute(n*share, n, peers)
			return max(a[0], a[1], a[2])
		}
		if at := drift(peers + 0.01); at > 0 {
			t.Errorf("peers %v: %v nats a tick at the floor, want a loss", peers, at)
		}
		if beyond := drift(peers + 0.05); beyond < 0.1 {
			t.Errorf("peers %v: %v nats a tick far beyond the floor", peers, beyond)
		}
		if peers == 0 {
			continue
		}
		b := r.relative(n*peers*2, 10*n*peers, n, 10*n, 0)
		if at := max(b[0], b[1], b[2]); at > 0 {
			t.Errorf("peers %v: %v nats a tick at twice as much, want a loss", peers, at)
		}
		b = r.relative(n*peers*3, 10*n*peers, n, 10*n, 0)
		if beyond := max(b[0], b[1], b[2]); beyond < 0.1 {
			t.Errorf("peers %v: %v nats a tick at three times as much", peers, beyond)
		}
	}
}

// Between coarse buckets the curve of a log-normal is exact.
func TestCurve(t *testing.T) {
	bounds := []float64{0.025, 0.05, 0.1, 0.25, 0.5, 1, math.Inf(1)}
	cumulative := make([]float64, len(bounds))
	for i, b := range bounds {
		cumulative[i] = 1e6 * phi((math.Log(b)-math.Log(0.06))/0.7)
	}
	var c curve
	c.set(bounds, cumulative)
	for _, x := range []float64{0.03, 0.08, 0.15, 0.4, 0.7} {
		want := 1 - phi((math.Log(x)-math.Log(0.06))/0.7)
		if got := c.beyond(math.Log(x), 0); math.Abs(got/want-1) > 0.01 {
			t.Errorf("share beyond %v: %v, want %v", x, got, want)
		}
	}
}

// Conformal p-values of healthy gauges, autocorrelated or not, are no smaller
// than chance has them.
func TestPValues(t *testing.T) {
	for _, rho := range []float64{0, 0.9} {
		rnd := rand.New(rand.NewPCG(3, 4))
		var l learned
		l.reset()
		var b before
		x, small, n := 0.0, 0, 0
		for tick := range 40000 {
			x = rho*x + math.Sqrt(1-rho*rho)*0.2*rnd.NormFloat64()
			if tick > 20000 && b.height > 0 {
				n++
				if l.pvalue(x, &b) <= 0.05 {
					small++
				}
			}
			l.add(entry{l: float32(x), last: float32(b.last[0]), rise: float32(b.rise(x)), follows: b.known > 0, situation: uint8(b.situation())})
			l.next(&b, x, math.Inf(1))
			if tick%20 == 0 {
				l.age(15 * time.Second)
			}
		}
		if share := float64(small) / float64(n); share > 0.06 {
			t.Errorf("autocorrelation %v: %.3f of %d p-values are below 0.05", rho, share, n)
		}
	}
}
