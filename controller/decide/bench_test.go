package decide_test

import (
	"fmt"
	"testing"
)

// BenchmarkDecide is the cost of one decision about a fleet with one outlier.
func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprint(n, " pods"), func(b *testing.B) {
			w := fleet(n).bad(n/2, 9)
			b.ReportAllocs()
			for b.Loop() {
				w.decide()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/pod")
		})
	}
}
