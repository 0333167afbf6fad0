package anomaly

import "slices"

// trimmed is the mean of values without its top tenth, at least one of three
// or more, so that one bad pod does not speak for the fleet. It sorts values.
func trimmed(values []float64, otherwise float64) float64 {
	n := len(values)
	if n == 0 {
		return otherwise
	}
	slices.Sort(values)
	if n >= 3 {
		n -= max(n/10, 1)
	}
	sum := 0.0
	for _, v := range values[:n] {
		sum += v
	}
	return sum / float64(n)
}

// medianOf sorts values and returns the middle one, or otherwise when there are
// none.
func medianOf(values []float64, otherwise float64) float64 {
	n := len(values)
	if n == 0 {
		return otherwise
	}
	slices.Sort(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}
