package anomaly

// trimmed is the mean of values without its top tenth, at least one of three
// or more, so that one bad pod does not speak for the fleet. It reorders
// values.
func trimmed(values []float64, otherwise float64) float64 {
	n := len(values)
	if n == 0 {
		return otherwise
	}
	if n >= 3 {
		n -= max(n/10, 1)
		partition(values, n-1)
	}
	sum := 0.0
	for _, v := range values[:n] {
		sum += v
	}
	return sum / float64(n)
}

// medianOf is the middle of values, or otherwise when there are none. It
// reorders values.
func medianOf(values []float64, otherwise float64) float64 {
	n := len(values)
	if n == 0 {
		return otherwise
	}
	partition(values, n/2)
	upper := values[n/2]
	if n%2 == 1 {
		return upper
	}
	lower := values[0]
	for _, v := range values[:n/2] {
		lower = max(lower, v)
	}
	return (lower + upper) / 2
}

// partition reorders values so that the one of rank k is in its place, with
// none larger before it and none smaller after it: Hoare's quickselect, with
// the median of three as pivot. Sorting would cost several times as much.
func partition(values []float64, k int) {
	low, high := 0, len(values)-1
	for low < high {
		a, b, c := values[low], values[(low+high)/2], values[high]
		pivot := max(min(a, b), min(max(a, b), c))
		i, j := low, high
		for i <= j {
			for values[i] < pivot {
				i++
			}
			for values[j] > pivot {
				j--
			}
			if i <= j {
				values[i], values[j] = values[j], values[i]
				i, j = i+1, j-1
			}
		}
		switch {
		case k <= j:
			high = j
		case k >= i:
			low = i
		default:
			return
		}
	}
}
