package anomaly

// Windows overlap: increase(x[1m]) asked every 15 s sees each event four times.
// Weighing each tick by a quarter would count each event once, but would also
// make four looks of one burst of errors, and no single burst must decide. So
// the counts since the last sample are recovered: what is in the window now
// that was not known to be in it before.

// memory is how much of the recovered count is kept; the rest is an even share
// of the window, so that errors (Prometheus extrapolates to the window's edges)
// die out.
const memory = 0.95

// maxOverlap is the most ticks a window is taken to span.
const maxOverlap = 24

// overlap is how many ticks a window spans.
func overlap(cfg Config) int {
	if !cfg.has(Overlap) {
		return 1
	}
	return min(max(int(cfg.Window.Seconds()/cfg.Interval.Seconds()+0.5), 1), maxOverlap)
}

// fresh returns how much of a window's count came in the last k ticks, and
// remembers it: past has the counts of the window's earlier ticks, the latest
// first. A pod's first sample counts its even share.
func fresh(past []float64, window float64, k int, first bool) float64 {
	m := len(past)
	if first {
		for i := range past {
			past[i] = window / float64(m)
		}
		return window / float64(m)
	}
	if k >= m {
		k = m
	}
	count := window
	for _, x := range past[:m-k] {
		count -= x
	}
	even := window * float64(k) / float64(m)
	count = memory*max(count, 0) + (1-memory)*even
	if k == m {
		count = window
	}
	copy(past[k:], past[:m-k])
	for i := range past[:k] {
		past[i] = count / float64(k)
	}
	return count
}
