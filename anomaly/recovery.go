package anomaly

import "math"

// trial is the mirrored test for a pod that was called an outlier: from the
// level it had then to the level that its peers have. Recovered nats of it
// count as health. What spoke against the pod is halved while it is out, not
// dropped, so that a relapse is caught quickly.
type trial struct {
	// from is the share it was called an outlier at, NaN when it never was.
	from     float64
	evidence float64
}

func newTrial() trial { return trial{from: math.NaN()} }

// begin notes the level of a pod that has just become an outlier.
func (r *trial) begin(level float64) { r.from, r.evidence = level, 0 }

// wait notes that the pod is out of traffic.
func (r *trial) wait() { r.evidence = 0 }

// step adds what x bad events of n say for the peers' share against the level
// that the pod was called an outlier at.
func (r *trial) step(limits cusum, x, n, peers, weight float64) {
	if math.IsNaN(r.from) || !(peers > 0) || !(peers < r.from) {
		return
	}
	well, ill := min(max(peers, 1e-6), 1-1e-6), min(max(r.from, 1e-6), 1-1e-6)
	c := cusum{step: Recovered / looks, ceiling: limits.ceiling}
	r.evidence = c.add(r.evidence, weight*bernoulli(x, n, ill, well))
}
