package anomaly_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/podgate/podgate/anomaly"
)

// TestARelapseIsCaughtSooner: every rule judges a pod that comes back with what
// it knew of it before, so that a trial which ends badly costs less traffic than
// the first detection did.
func TestARelapseIsCaughtSooner(t *testing.T) {
	const minute = time.Minute
	outlier := func(kind anomaly.Kind) func(t *testing.T) anomaly.Detector {
		return func(t *testing.T) anomaly.Detector {
			return newOutlier(t, anomaly.Config{Kind: kind, MinDifference: -1, Window: 15 * time.Second})
		}
	}
	rule := func(d anomaly.Detector) func(t *testing.T) anomaly.Detector {
		return func(*testing.T) anomaly.Detector { return d }
	}
	ratio := anomaly.RuleOptions{Kind: anomaly.Ratio, MinSamples: 5}
	long := anomaly.RuleOptions{Kind: anomaly.Ratio, MinSamples: 5, For: 2 * minute}
	for name, row := range map[string]struct {
		make   func(t *testing.T) anomaly.Detector
		script script
	}{
		"outlier, errors":  {outlier(anomaly.Ratio), shares(10, 100, from(0.001, 0.06, 1))},
		"outlier, latency": {outlier(anomaly.Histogram), latencies(10, 100, from(1, 1.8, 1))},
		"outlier, gauge":   {outlier(anomaly.Value), gauges(10, 0.05, from(100, 190, 1))},
		"robust": {rule(anomaly.NewRobust(anomaly.RobustOptions{RuleOptions: ratio, Direction: anomaly.High, K: 3.5, MinDifference: 0.01, MinRatio: 2})),
			shares(10, 100, from(0.001, 0.3, 1))},
		"threshold for a while": {rule(anomaly.NewThreshold(long, anomaly.High, 0.05)),
			shares(10, 100, from(0.001, 0.3, 1))},
		"deviation for a while": {rule(anomaly.NewDeviation(long, 200, false)),
			shares(10, 100, from(0.01, 0.3, 1))},
	} {
		t.Run(name, func(t *testing.T) {
			first, relapse := exposures(t, row.make(t), row.script)
			t.Logf("%d looks at first, %d at the relapse", first, relapse)
			if relapse >= first {
				t.Errorf("the relapse took %d looks, the first detection %d", relapse, first)
			}
		})
	}
}

// exposures steps through a script whose first pod goes bad in tick 800, takes
// it out of traffic for twenty ticks when it is called an outlier, and puts it
// back; it returns how many looks it was bad in traffic, the first time and then.
func exposures(t *testing.T, d anomaly.Detector, s script) (first, relapse int) {
	t.Helper()
	const healthy = 800
	rnd := rand.New(rand.NewPCG(7, 7))
	out := 0
	for tick := range healthy + 400 {
		samples := s(rnd, tick)
		samples[0].Judged = out == 0
		bad := d.Step(at(tick), samples).Verdicts[0].Class == anomaly.Outlier
		switch {
		case out > 0:
			out--
		case tick < healthy && bad:
			t.Fatalf("an outlier in tick %d, before the fault", tick)
		case tick < healthy:
		case first == 0 && bad:
			first, out = tick-healthy+1, 20
		case first > 0:
			if relapse++; bad {
				return first, relapse
			}
		}
	}
	t.Fatalf("never both: first %d, relapse %d", first, relapse)
	return 0, 0
}

// TestAPodThatGotNoTrafficIsNotWhatItWas: history tells nothing of who took a pod
// out of traffic, when the notes are gone with the gate that wrote them. That a
// pod had no events for a while must be enough not to take it for what it was
// before: it came back well.
func TestAPodThatGotNoTrafficIsNotWhatItWas(t *testing.T) {
	const out = 20
	for name, kind := range map[string]anomaly.Config{
		"errors":  {Kind: anomaly.Ratio, MinDifference: 0.01},
		"latency": {Kind: anomaly.Histogram},
	} {
		t.Run(name, func(t *testing.T) {
			script := shares(10, 8, from(0.001, 0.3, 1))
			if kind.Kind == anomaly.Histogram {
				script = latencies(10, 8, from(1, 3, 1))
			}
			d, rnd := newOutlier(t, kind), rand.New(rand.NewPCG(3, 3))
			called := 0
			for tick := range 900 {
				samples := script(rnd, tick)
				switch since := tick - called; {
				case called > 0 && since < out:
					samples[0] = sample(0)
					samples[0].Bounds, samples[0].Counts = samples[1].Bounds, make([]float64, len(samples[1].Counts))
				case called > 0:
					samples[0] = script(rnd, 0)[0] // well
				}
				v := d.Step(at(tick), samples).Verdicts[0]
				if v.Class != anomaly.Outlier {
					continue
				}
				if called > 0 {
					t.Fatalf("%d ticks after it was called an outlier, %d after it came back: %+v", tick-called, tick-called-out, v)
				}
				called = tick
			}
			if called == 0 {
				t.Fatal("it was never called an outlier")
			}
		})
	}
}

// TestEarlierFaultsHideNoLaterOnes: what pods did before they were called
// outliers is not how much healthy pods differ. In its first minutes several of
// ten pods fail one after the other, each until it is taken out; then three fail
// at once, and are found as soon as in a fleet without that past.
func TestEarlierFaultsHideNoLaterOnes(t *testing.T) {
	const pods, every, out = 10, 20, 8
	for episodes := range pods {
		start := 5 + episodes*every
		until := make([]int, pods) // out of traffic until then, and well again
		play := shares(pods, 50, func(pod, tick int) float64 {
			episode := (tick - 5) / every
			if tick >= start && pod < 3 || tick >= 5 && episode < episodes && pod == (episode+3)%pods && until[pod] == 0 {
				return 0.3
			}
			return 0
		})
		d := newOutlier(t, anomaly.Config{Kind: anomaly.Ratio, MinDifference: 0.01, Window: 15 * time.Second})
		rnd := rand.New(rand.NewPCG(5, uint64(episodes)))
		late := map[string]bool{}
		for tick := range start + 10 {
			samples := play(rnd, tick)
			for i := range samples {
				samples[i].Judged = tick >= until[i]
			}
			for i, v := range d.Step(at(tick), samples).Verdicts {
				if v.Class == anomaly.Outlier {
					if until[i] = tick + out; tick >= start {
						late[v.Pod] = true
					}
				}
			}
		}
		if n := len(late); n != 3 {
			t.Errorf("after %d faults of single pods, %d of 3 pods were found within 10 ticks", episodes, n)
		}
	}
}

// TestACommonCauseHidesNoLaterFault: what pods did while many of them looked bad
// is not how healthy pods differ either. In a fleet's first minutes six of ten
// fail for a while; a little later three do, and are found soon.
func TestACommonCauseHidesNoLaterFault(t *testing.T) {
	for name, row := range map[string]struct {
		cfg    anomaly.Config
		script func(bad func(pod, tick int) bool) script
	}{
		"errors": {anomaly.Config{Kind: anomaly.Ratio, MinDifference: 0.01, Window: 15 * time.Second}, func(bad func(pod, tick int) bool) script {
			return shares(10, 50, func(pod, tick int) float64 {
				if bad(pod, tick) {
					return 0.3
				}
				return 0.001
			})
		}},
		"latency": {anomaly.Config{Kind: anomaly.Histogram, Window: 15 * time.Second}, func(bad func(pod, tick int) bool) script {
			return latencies(10, 50, func(pod, tick int) float64 {
				if bad(pod, tick) {
					return 4
				}
				return 1
			})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, lasts := range []int{1, 2, 4, 8, 20} {
				const began, pause = 20, 10
				again := began + lasts + pause
				play := row.script(func(pod, tick int) bool {
					return pod < 6 && tick >= began && tick < began+lasts || pod < 3 && tick >= again
				})
				d, rnd := newOutlier(t, row.cfg), rand.New(rand.NewPCG(5, uint64(lasts)))
				late := map[string]bool{}
				for tick := range again + 10 {
					for _, v := range d.Step(at(tick), play(rnd, tick)).Verdicts {
						if v.Class == anomaly.Outlier && tick >= again {
							late[v.Pod] = true
						}
					}
				}
				if len(late) != 3 || late["pod-03"] {
					t.Errorf("after a common cause of %d ticks these were found within 10 ticks: %v", lasts, late)
				}
			}
		})
	}
}
