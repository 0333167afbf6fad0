package anomaly_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/podgate/podgate/anomaly"
)

// BenchmarkStep measures one tick of each kind; kubervisor is the decision of
// Amadeus' Kubervisor on the same counts, robust-z the simplest good rule.
func BenchmarkStep(b *testing.B) {
	for _, pods := range []int{20, 1000} {
		for _, kind := range []anomaly.Kind{anomaly.Ratio, anomaly.Histogram, anomaly.Value} {
			b.Run(fmt.Sprintf("%s/%d", kind, pods), func(b *testing.B) {
				measure(b, newOutlier(b, anomaly.Config{Kind: kind, MinDifference: 0.01}), kind, pods)
			})
		}
		b.Run(fmt.Sprintf("robust-z/%d", pods), func(b *testing.B) {
			measure(b, anomaly.NewRobust(anomaly.RobustOptions{
				RuleOptions: anomaly.RuleOptions{Kind: anomaly.Ratio, For: 3 * time.Minute}, K: 3.5, MinDifference: 0.01, MinRatio: 2,
			}), anomaly.Ratio, pods)
		})
		b.Run(fmt.Sprintf("kubervisor/%d", pods), func(b *testing.B) {
			samples := ticks(anomaly.Ratio, pods)[0]
			b.ReportAllocs()
			for b.Loop() {
				// Per pod, good and bad values are summed by name, then judged.
				counts := map[string][2]float64{}
				for _, s := range samples {
					c := counts[s.Pod]
					counts[s.Pod] = [2]float64{c[0] + s.Total - s.Bad, c[1] + s.Bad}
				}
				var bad []string
				for pod, c := range counts {
					if c[0]+c[1] >= 2 && math.Floor(100*c[1]/(c[0]+c[1])) > 50 {
						bad = append(bad, pod)
					}
				}
				_ = bad
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(pods), "ns/pod")
		})
	}
}

// ticks are some ticks of a healthy fleet.
func ticks(kind anomaly.Kind, pods int) (out [8][]anomaly.Sample) {
	rnd := rand.New(rand.NewPCG(1, 2))
	s := map[anomaly.Kind]script{
		anomaly.Ratio:     shares(pods, 600, func(int, int) float64 { return 0.01 }),
		anomaly.Histogram: latencies(pods, 100, func(int, int) float64 { return 1 }),
		anomaly.Value:     gauges(pods, 0.12, func(int, int) float64 { return 1 }),
	}[kind]
	for i := range out {
		out[i] = s(rnd, i)
	}
	return out
}

func measure(b *testing.B, d anomaly.Detector, kind anomaly.Kind, pods int) {
	fleet := ticks(kind, pods)
	n := 0
	for ; n < 300; n++ {
		d.Step(at(n), fleet[n%len(fleet)])
	}
	b.ReportAllocs()
	for b.Loop() {
		d.Step(at(n), fleet[n%len(fleet)])
		n++
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(pods), "ns/pod")
}
