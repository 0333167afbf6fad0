package anomaly_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/podgate/podgate/anomaly"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// at is the time of a tick.
func at(tick int) time.Time { return epoch.Add(time.Duration(tick) * 15 * time.Second) }

func newOutlier(t testing.TB, cfg anomaly.Config) *anomaly.Sequential {
	t.Helper()
	d, err := anomaly.NewOutlier(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// script makes a fleet's samples tick by tick.
type script func(rnd *rand.Rand, tick int) []anomaly.Sample

// found plays a script and returns the pods that were called outliers, with
// the tick of the first time.
func found(t testing.TB, cfg anomaly.Config, ticks int, s script) map[string]int {
	d, rnd := newOutlier(t, cfg), rand.New(rand.NewPCG(1, 2))
	first := map[string]int{}
	for i := range ticks {
		for _, v := range d.Step(at(i), s(rnd, i)).Verdicts {
			if _, ok := first[v.Pod]; v.Class == anomaly.Outlier && !ok {
				first[v.Pod] = i
			}
		}
	}
	return first
}

func sample(i int) anomaly.Sample {
	return anomaly.Sample{Pod: fmt.Sprintf("pod-%02d", i), Judged: true, Known: true}
}

// binomial counts, near enough.
func binomial(rnd *rand.Rand, n, p float64) float64 {
	return min(max(math.Round(n*p+math.Sqrt(n*p*(1-p))*rnd.NormFloat64()), 0), n)
}

// shares is a fleet in which pod i has the share of bad requests that share
// says, in independent windows of n requests.
func shares(pods int, n float64, share func(pod, tick int) float64) script {
	return func(rnd *rand.Rand, tick int) (out []anomaly.Sample) {
		for i := range pods {
			s := sample(i)
			s.Total = n
			s.Bad = binomial(rnd, n, share(i, tick))
			out = append(out, s)
		}
		return out
	}
}

// gauges is a fleet with log-normal noise around the values.
func gauges(pods int, noise float64, value func(pod, tick int) float64) script {
	return func(rnd *rand.Rand, tick int) (out []anomaly.Sample) {
		for i := range pods {
			s := sample(i)
			s.Value = value(i, tick) * math.Exp(noise*rnd.NormFloat64())
			out = append(out, s)
		}
		return out
	}
}

var bounds = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, math.Inf(1)}

// latencies is a fleet with log-normal latencies around 60 ms, slower by
// factor.
func latencies(pods int, n float64, factor func(pod, tick int) float64) script {
	return func(rnd *rand.Rand, tick int) (out []anomaly.Sample) {
		for i := range pods {
			s := sample(i)
			s.Bounds, s.Counts = bounds, make([]float64, len(bounds))
			for range int(n) {
				x := 0.06 * factor(i, tick) * math.Exp(0.7*rnd.NormFloat64())
				for b := len(bounds) - 1; b >= 0 && bounds[b] >= x; b-- {
					s.Counts[b]++
				}
			}
			out = append(out, s)
		}
		return out
	}
}

// from is b from tick 800 on for the first bad pods, a otherwise.
func from(a, b float64, bad int) func(pod, tick int) float64 {
	return func(pod, tick int) float64 {
		if pod < bad && tick >= 800 {
			return b
		}
		return a
	}
}

func TestOutlier(t *testing.T) {
	ratio := anomaly.Config{Kind: anomaly.Ratio, Window: 15 * time.Second, MinDifference: 0.01}
	low := ratio
	low.Direction = anomaly.Low
	both := ratio
	both.Direction = anomaly.Both
	histogram := anomaly.Config{Kind: anomaly.Histogram, Window: 15 * time.Second, MinDifference: 0.005}
	faster := histogram
	faster.Direction = anomaly.Low
	value := anomaly.Config{Kind: anomaly.Value}
	lowValue := value
	lowValue.Direction = anomaly.Low
	few := value
	few.MinDifference = 10
	for name, row := range map[string]struct {
		cfg    anomaly.Config
		script script
		want   string
		within int
	}{
		"one pod fails 20 % of requests":                          {ratio, shares(10, 150, from(0.002, 0.2, 1)), "pod-00", 5},
		"one pod fails 2 % where the others fail 0.2 %":           {ratio, shares(10, 150, from(0.002, 0.02, 1)), "pod-00", 40},
		"a healthy fleet":                                         {ratio, shares(10, 150, from(0.002, 0.002, 1)), "", 0},
		"a healthy fleet that fails a fifth":                      {ratio, shares(10, 150, from(0.2, 0.2, 1)), "", 0},
		"less than the least difference that matters":             {ratio, shares(10, 150, from(0.001, 0.008, 1)), "", 0},
		"less than the least ratio that matters":                  {ratio, shares(10, 150, from(0.05, 0.085, 1)), "", 0},
		"one of three pods":                                       {ratio, shares(3, 150, from(0.002, 0.1, 1)), "pod-00", 6},
		"one of two pods: nobody can tell which":                  {ratio, shares(2, 150, from(0.002, 0.5, 1)), "", 0},
		"a single pod has no peers":                               {ratio, shares(1, 150, from(0.002, 0.5, 1)), "", 0},
		"six of ten pods: no fault of pods":                       {ratio, shares(10, 150, from(0.002, 0.2, 6)), "", 0},
		"three of ten pods":                                       {ratio, shares(10, 150, from(0.002, 0.2, 3)), "pod-00 pod-01 pod-02", 8},
		"fewer errors than the others is not worse":               {ratio, shares(10, 150, from(0.2, 0.01, 1)), "", 0},
		"fewer good answers, direction Low":                       {low, shares(10, 150, from(0.998, 0.8, 1)), "pod-00", 5},
		"fewer of a rare event, direction Low":                    {low, shares(10, 1500, from(0.2, 0.02, 1)), "pod-00", 5},
		"more is not worse, direction Low":                        {low, shares(10, 150, from(0.2, 0.6, 1)), "", 0},
		"more, direction Both":                                    {both, shares(10, 150, from(0.1, 0.6, 1)), "pod-00", 5},
		"less, direction Both":                                    {both, shares(10, 1500, from(0.2, 0.02, 1)), "pod-00", 5},
		"one pod is 3 times slower":                               {histogram, latencies(8, 150, from(1, 3, 1)), "pod-00", 6},
		"one pod is 1.7 times slower":                             {histogram, latencies(8, 150, from(1, 1.7, 1)), "pod-00", 60},
		"one pod is 1.25 times slower: who cares":                 {histogram, latencies(8, 150, from(1, 1.25, 1)), "", 0},
		"one pod is faster: good for it":                          {histogram, latencies(8, 150, from(1, 0.3, 1)), "", 0},
		"one pod is suspiciously fast, direction Low":             {faster, latencies(8, 150, from(1, 0.3, 1)), "pod-00", 8},
		"one gauge is 2.5 times as high":                          {value, gauges(10, 0.12, from(1, 2.5, 1)), "pod-00", 9},
		"one gauge is 1.3 times as high: who cares":               {value, gauges(10, 0.05, from(1, 1.3, 1)), "", 0},
		"six of ten gauges are 2.5 times as high":                 {value, gauges(10, 0.12, from(1, 2.5, 6)), "", 0},
		"one gauge is a third, direction Low":                     {lowValue, gauges(10, 0.12, from(1, 0.33, 1)), "pod-00", 9},
		"a gauge that is high by less than the least difference":  {few, gauges(10, 0.12, from(1, 2.5, 1)), "", 0},
		"equal gauges, one of which is not":                       {value, gauges(10, 0, from(2, 6, 1)), "pod-00", 9},
		"a gauge that was always 3 times as high is no new fault": {value, gauges(10, 0.12, func(pod, _ int) float64 { return 1 + 2*float64(pod/9) }), "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			first := found(t, row.cfg, 960, row.script)
			var pods []string
			for pod, tick := range first {
				pods = append(pods, pod)
				if tick < 800 || tick > 800+row.within {
					t.Errorf("%s found at tick %d, want within %d of 800", pod, tick, row.within)
				}
			}
			slices.Sort(pods)
			if got := strings.Join(pods, " "); got != row.want {
				t.Errorf("outliers %q, want %q", got, row.want)
			}
		})
	}
}

// A burst of errors is one look, however many overlapping windows it is in.
func TestBurstIsOneLook(t *testing.T) {
	cfg := anomaly.Config{Kind: anomaly.Ratio, MinDifference: 0.01}
	burst := func(length int) script {
		return func(_ *rand.Rand, tick int) (out []anomaly.Sample) {
			for i := range 10 {
				s := sample(i)
				s.Total = 400
				if i == 0 {
					// The window of four ticks slides over the bad ones.
					for k := tick - 3; k <= tick; k++ {
						if k >= 100 && k < 100+length {
							s.Bad += 50
						}
					}
				}
				out = append(out, s)
			}
			return out
		}
	}
	if got := found(t, cfg, 200, burst(1)); len(got) > 0 {
		t.Errorf("one burst made an outlier: %v", got)
	}
	if got := found(t, cfg, 200, burst(6)); got["pod-00"] < 102 || got["pod-00"] > 104 {
		t.Errorf("six in a row: %v, want pod-00 at the third or soon after", got)
	}
}

func TestStrata(t *testing.T) {
	// A canary of five with ten times the errors is compared with itself, and an
	// outlier within it is still found.
	cfg := anomaly.Config{Kind: anomaly.Ratio, Window: 15 * time.Second, MinDifference: 0.01}
	play := func(strata bool, bad float64) map[string]int {
		inner := shares(20, 150, func(pod, tick int) float64 {
			switch {
			case pod == 0 && tick >= 100:
				return bad
			case pod < 5 && tick >= 50:
				return 0.03
			}
			return 0.003
		})
		return found(t, cfg, 200, func(rnd *rand.Rand, tick int) []anomaly.Sample {
			out := inner(rnd, tick)
			for i := range out {
				if strata {
					out[i].Stratum = fmt.Sprint("canary ", i < 5)
				}
			}
			return out
		})
	}
	if got := play(true, 0.03); len(got) != 0 {
		t.Errorf("a canary in a stratum of its own: %v", got)
	}
	if got := play(true, 0.4); len(got) != 1 || got["pod-00"] == 0 {
		t.Errorf("one of the canaries: %v", got)
	}
	if got := play(false, 0.03); len(got) != 5 {
		t.Errorf("a canary without strata: %v, want all five", got)
	}
}

func TestCommonCause(t *testing.T) {
	d, rnd := newOutlier(t, anomaly.Config{Kind: anomaly.Ratio, Window: 15 * time.Second, MinDifference: 0.01}), rand.New(rand.NewPCG(1, 2))
	s := shares(10, 150, func(_, tick int) float64 {
		if tick >= 400 {
			return 0.2
		}
		return 0.002
	})
	for i := range 410 {
		fleet := d.Step(at(i), s(rnd, i)).Fleet
		if i == 399 && (fleet.Moved != 0 || math.Abs(fleet.Usual-0.002) > 0.001 || fleet.Known != 10 || fleet.Judged != 10) {
			t.Errorf("before: %+v", fleet)
		}
		if i == 404 && (fleet.Moved < 9 || fleet.Level < 0.15) {
			t.Errorf("after: %+v, want all moved", fleet)
		}
	}
}

func TestUnknown(t *testing.T) {
	d := newOutlier(t, anomaly.Config{Kind: anomaly.Ratio})
	good := func(i int) anomaly.Sample { s := sample(i); s.Total = 100; return s }
	with := func(change func(*anomaly.Sample)) anomaly.Sample { s := good(9); change(&s); return s }
	for name, row := range map[string]struct {
		sample  anomaly.Sample
		missing string
	}{
		"no metrics":           {with(func(s *anomaly.Sample) { s.Known, s.Total = false, 0 }), "no metrics"},
		"not judged":           {with(func(s *anomaly.Sample) { s.Judged = false }), "not in traffic, or still warming up"},
		"no events":            {with(func(s *anomaly.Sample) { s.Total = 0 }), "no events"},
		"NaN":                  {with(func(s *anomaly.Sample) { s.Bad = math.NaN() }), "its counts are not numbers of events"},
		"infinite":             {with(func(s *anomaly.Sample) { s.Total = math.Inf(1) }), "its counts are not numbers of events"},
		"negative":             {with(func(s *anomaly.Sample) { s.Bad = -1 }), "its counts are not numbers of events"},
		"more bad than events": {with(func(s *anomaly.Sample) { s.Bad = 101 }), "more bad events than events"},
		"twice":                {good(1), "the pod is there twice"},
		"nothing is missing":   {good(9), ""},
	} {
		t.Run(name, func(t *testing.T) {
			v := d.Step(at(0), []anomaly.Sample{good(1), good(2), good(3), good(4), row.sample}).Verdicts[4]
			if v.Missing != row.missing || (v.Class == anomaly.Unknown) != (row.missing != "") {
				t.Errorf("%s %q, want %q", v.Class, v.Missing, row.missing)
			}
		})
	}
}

// What a pod was gated for is remembered by half while it is out; back in
// traffic it is believed to be well after a few healthy looks, and caught
// sooner when it is not.
func TestRecovery(t *testing.T) {
	for name, row := range map[string]struct {
		after    float64
		recovers bool
	}{"it got well": {0.002, true}, "it did not": {0.2, false}} {
		t.Run(name, func(t *testing.T) {
			d, rnd := newOutlier(t, anomaly.Config{Kind: anomaly.Ratio, Window: 15 * time.Second, MinDifference: 0.01}), rand.New(rand.NewPCG(1, 2))
			s := shares(10, 150, func(pod, tick int) float64 {
				switch {
				case pod > 0 || tick < 100:
					return 0.002
				case tick < 150:
					return 0.2
				}
				return row.after
			})
			for i := range 160 {
				samples := s(rnd, i)
				samples[0].Judged = i < 104 || i >= 150
				v := d.Step(at(i), samples).Verdicts[0]
				if i == 103 && v.Class != anomaly.Outlier {
					t.Fatalf("tick %d: %+v", i, v)
				}
				if i == 120 && (v.Class != anomaly.Unknown || v.Evidence < v.Bar/3 || v.Evidence > 0.7*v.Bar) {
					t.Errorf("while out: %+v", v)
				}
				if i == 152 && ((v.Recovery >= anomaly.Recovered) != row.recovers || (v.Class == anomaly.Outlier) == row.recovers) {
					t.Errorf("on trial: %+v", v)
				}
			}
		})
	}
}

// A detector that is rebuilt from history through the same step gives the same
// verdicts.
func TestRestart(t *testing.T) {
	kinds := map[anomaly.Kind]script{
		anomaly.Ratio:     shares(10, 150, from(0.002, 0.05, 1)),
		anomaly.Histogram: latencies(6, 100, from(1, 3, 1)),
		anomaly.Value:     gauges(10, 0.12, from(1, 2.5, 1)),
	}
	for kind, s := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			cfg := anomaly.Config{Kind: kind, Window: 15 * time.Second}
			rnd := rand.New(rand.NewPCG(1, 2))
			const ticks, crash = 830, 803
			history := make([][]anomaly.Sample, ticks)
			for i := range history {
				history[i] = s(rnd, i)
			}
			steady := newOutlier(t, cfg)
			all, part := newOutlier(t, cfg), newOutlier(t, cfg)
			for i, samples := range history {
				want := steady.Step(at(i), samples)
				if got := all.Step(at(i), samples); i >= crash && !reflect.DeepEqual(text(got), text(want)) {
					t.Fatalf("tick %d: rebuilt from all of it:\n%v\nwant\n%v", i, text(got), text(want))
				}
				if i < crash-720 {
					continue
				}
				got := part.Step(at(i), samples)
				for k, v := range got.Verdicts {
					if i >= crash && v.Class != want.Verdicts[k].Class {
						t.Errorf("tick %d: rebuilt from three hours: %+v, want %+v", i, v, want.Verdicts[k])
					}
				}
			}
		})
	}
}

// text compares results with NaN in them.
func text(r anomaly.Result) string { return fmt.Sprintf("%+v", r) }

func TestConfig(t *testing.T) {
	for name, row := range map[string]struct {
		cfg  anomaly.Config
		want string
	}{
		"defaults are enough":      {anomaly.Config{Kind: anomaly.Value}, ""},
		"no kind":                  {anomaly.Config{}, "kind"},
		"a ratio that is none":     {anomaly.Config{Kind: anomaly.Ratio, MinRatio: 0.5}, "minRatio"},
		"a share above one":        {anomaly.Config{Kind: anomaly.Ratio, MinDifference: 1.5}, "minDifference"},
		"not a number":             {anomaly.Config{Kind: anomaly.Value, MinDifference: math.NaN()}, "minDifference"},
		"sideways":                 {anomaly.Config{Kind: anomaly.Value, Direction: "Sideways"}, "direction"},
		"no budget":                {anomaly.Config{Kind: anomaly.Value, PodDays: -1}, "podDays"},
		"backwards":                {anomaly.Config{Kind: anomaly.Value, Interval: -1}, "interval"},
		"fewer signals than there": {anomaly.Config{Kind: anomaly.Value, Signals: -1}, "signals"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := anomaly.NewOutlier(row.cfg)
			if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
				t.Errorf("error %v, want one about %q", err, row.want)
			}
		})
	}
}

// The bar follows from the budget alone.
func TestBar(t *testing.T) {
	d := newOutlier(t, anomaly.Config{Kind: anomaly.Value, PodDays: 30})
	if got, want := d.Bar(), math.Log(30*86400/15.0); math.Abs(got-want) > 1e-12 {
		t.Errorf("bar %v, want %v", got, want)
	}
	three := newOutlier(t, anomaly.Config{Kind: anomaly.Value, PodDays: 30, Signals: 3})
	if got := three.Bar() - d.Bar(); math.Abs(got-math.Log(3)) > 1e-12 {
		t.Errorf("three signals raise the bar by %v, want ln 3", got)
	}
}

// Many healthy pod-days, in short: no more false alarms than the budget allows.
func TestCalibration(t *testing.T) {
	false_, podDays := 0, 0.0
	for _, pods := range []int{3, 10, 40} {
		for _, n := range []float64{1, 30, 3000} {
			for _, share := range []float64{0, 0.002, 0.05, 0.2} {
				cfg := anomaly.Config{Kind: anomaly.Ratio, Window: 15 * time.Second, MinDifference: 0.01}
				false_ += len(found(t, cfg, 1000, shares(pods, n, from(share, share, 0))))
				podDays += float64(pods) * 1000 * 15 / 86400
			}
		}
		for _, noise := range []float64{0.05, 0.2} {
			false_ += len(found(t, anomaly.Config{Kind: anomaly.Value}, 1000, gauges(pods, noise, from(1, 1, 0))))
			podDays += float64(pods) * 1000 * 15 / 86400
		}
	}
	if allowed := 1 + int(podDays/30*2); false_ > allowed {
		t.Errorf("%d false alarms in %.0f pod-days, allowed is one in 30", false_, podDays)
	}
}
