package anomaly

// block is how many ticks what is learned of a pod stays in doubt, at least.
const block = 12

// healthy is sums over what a pod did while it looked well. What came last is
// kept apart, so that a pod that begins to look bad, or a fleet in which many do,
// has not taught how healthy pods differ by what it did just before: with that in
// it a fault would widen the margin for all later ones. The three sums are those
// that are sure, those of the block before, and those of the block that runs.
type healthy struct {
	sure, before, runs []float64
	ticks              int
}

// newHealthy returns empty sums of so many numbers.
func newHealthy(width int) healthy {
	return healthy{sure: make([]float64, width), before: make([]float64, width), runs: make([]float64, width)}
}

// age forgets a little of every sum, and begins a new block when it is time; keep
// is what stays of each number.
func (h *healthy) age(keep []float64) {
	for i, k := range keep {
		h.sure[i] *= k
		h.before[i] *= k
		h.runs[i] *= k
	}
	if h.ticks++; h.ticks < block {
		return
	}
	for i := range h.sure {
		h.sure[i] += h.before[i]
	}
	h.before, h.runs, h.ticks = h.runs, h.before, 0
	clear(h.runs)
}

// add takes something in.
func (h *healthy) add(i int, x float64) { h.runs[i] += x }

// all is the sum of a number over everything that was not taken back.
func (h *healthy) all(i int) float64 { return h.sure[i] + h.before[i] + h.runs[i] }

// takeBack unlearns what is still in doubt.
func (h *healthy) takeBack() {
	clear(h.before)
	clear(h.runs)
	h.ticks = 0
}

// reset unlearns everything.
func (h *healthy) reset() {
	clear(h.sure)
	h.takeBack()
}
