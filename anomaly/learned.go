package anomaly

import (
	"math"
	"time"
)

// learned is the distribution of healthy pods' deviations, pooled over the
// pods, with a half-life of 12 hours. Samples enter it half an hour late, and
// never from a pod that there was evidence against, so that a fault does not
// teach itself. It answers with conformal p-values (Vovk, Gammerman, Shafer,
// Algorithmic Learning in a Random World, 2005): the share of healthy samples
// at or beyond this one. Gauges are autocorrelated and spiky, so the
// samples are those that came in the same situation: after one as high, and
// after as many high ones in a row. Where a situation is rare, the one before
// stands in.
type learned struct {
	counts [situations][bins]float64
	// tails has the sums of counts from each bin on.
	tails [situations][bins]float64
	total float64
	// edges are the first bins of the heights.
	edges [heights]int
}

const (
	heights    = 3
	lengths    = 4
	situations = 1 + heights*lengths
	bins       = 128
	// prior is how many samples the situation before is worth.
	prior = 2
	// persistence is the least chance that is assumed, before anything is known,
	// for a deviation to last another tick.
	persistence = 0.03
	// lateness is how late samples are learned.
	lateness = 30 * time.Minute
)

// rare are the shares of samples that reach each height.
var rare = [heights]float64{0.10, 0.03, 0.007}

func (l *learned) reset() { l.edges = [heights]int{1, 1, 1} }

// binOf is the bin of a deviation: 0 for none, then ever wider.
func binOf(x float64) int {
	if !(x > 0) {
		return 0
	}
	return min(1+int(20*math.Asinh(x/0.02)), bins-1)
}

// before is what came before a sample: how high the last one was, and how many
// in a row were high.
type before struct{ height, run int }

// situation numbers what came before: 0 after a sample that was not high.
func (b before) situation() int {
	if b.height == 0 {
		return 0
	}
	length := 3
	switch {
	case b.run <= 1:
		length = 0
	case b.run <= 3:
		length = 1
	case b.run <= 8:
		length = 2
	}
	return 1 + (b.height-1)*lengths + length
}

// next is what will have come before, after x.
func (l *learned) next(b before, x float64) before {
	bin, height := binOf(x), 0
	for h, edge := range l.edges {
		if bin >= edge {
			height = h + 1
		}
	}
	if height == 0 {
		return before{}
	}
	return before{height, min(b.run+1, 1000)}
}

// pvalue is the share of healthy samples in the same situation at or beyond x.
func (l *learned) pvalue(x float64, now before) float64 {
	b := binOf(x)
	u := (l.tails[0][b] + 1) / (l.tails[0][0] + 1)
	s := now.situation()
	if s == 0 {
		return u
	}
	for c := s - (s-1)%lengths; c <= s; c++ {
		u = (l.tails[c][b] + prior*max(u, persistence)) / (l.tails[c][0] + prior)
	}
	return min(u, 1)
}

// add learns one sample.
func (l *learned) add(x float64, context int) { l.counts[context][binOf(x)]++ }

// age forgets a little and sums up what was learned since the last tick.
func (l *learned) age(elapsed time.Duration) {
	keep := decay(elapsed, 12*time.Hour)
	l.total = 0
	var all [bins]float64
	for c := range l.counts {
		sum := 0.0
		for b := bins - 1; b >= 0; b-- {
			l.counts[c][b] *= keep
			sum += l.counts[c][b]
			l.tails[c][b] = sum
			all[b] += sum
		}
		l.total += sum
	}
	bin := 1
	for h, share := range rare {
		for bin < bins-1 && all[bin] > share*l.total {
			bin++
		}
		l.edges[h] = bin
	}
}

// entry is a sample that waits to be learned.
type entry struct {
	l            float32
	situation    uint8
	beyond, skip bool
}

// queue holds the samples of the last half hour.
type queue struct {
	ring []entry
	at   int
	full bool
}

func (q *queue) clear() { q.at, q.full = 0, false }

// push adds an entry and returns the one that has waited long enough.
func (q *queue) push(e entry, length int) (old entry, ok bool) {
	if len(q.ring) != length {
		q.ring = make([]entry, length)
		q.clear()
	}
	old, ok = q.ring[q.at], q.full
	q.ring[q.at] = e
	if q.at++; q.at == length {
		q.at, q.full = 0, true
	}
	return old, ok
}

// remember queues a sample, and learns the one that has waited long enough,
// unless there is evidence against the pod by now.
func (v *value) remember(p *valuePod, k *track, known *learned, e entry, b, d int) {
	length := int(lateness/v.cfg.Interval) / blocks[b]
	old, ok := k.queue.push(e, min(max(length, 2), 720))
	if !ok || old.skip || v.totalOf(p, d) > v.bar/2 {
		return
	}
	known.add(float64(old.l), int(old.situation))
	keep := 1 - math.Ln2*v.cfg.Interval.Hours()*float64(blocks[b])/12
	k.often, k.known = k.often*keep, k.known*keep+1
	if old.beyond {
		k.often++
	}
	if b == 0 && (d == 0 || v.cfg.Direction == Low) {
		l := float64(old.l)
		if d == 1 {
			l = -l
		}
		p.offsets = min(p.offsets+1, 480)
		p.offset += (l - p.offset) / p.offsets
	}
}
