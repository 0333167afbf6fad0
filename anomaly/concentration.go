package anomaly

import (
	"math"

	"gonum.org/v1/gonum/stat/combin"
)

// Concentration is how probable it is that at least badIn of the bad pods are
// among the in pods of one group, when bad of all pods are bad and the group has
// nothing to do with it: Fisher's exact test, one-sided (R. A. Fisher, The Design
// of Experiments, 1935). It is between 0 and 1, and 1 for numbers that do not go
// together.
func Concentration(badIn, in, bad, all int) float64 {
	if badIn < 0 || badIn > in || badIn > bad || in > all || bad > all {
		return 1
	}
	sum := 0.0
	for k := badIn; k <= min(in, bad); k++ {
		if bad-k <= all-in {
			sum += math.Exp(logChoose(in, k) + logChoose(all-in, bad-k) - logChoose(all, bad))
		}
	}
	return min(sum, 1)
}

func logChoose(n, k int) float64 {
	return combin.LogGeneralizedBinomial(float64(n), float64(k))
}
