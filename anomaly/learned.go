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
// at or beyond this one. Gauges are autocorrelated, so the samples are those
// that came in the same situation: after as many samples in a row in the top
// twentieth. Where a situation is rare, the one before stands in.
type learned struct {
	counts [situations][bins]float64
	// tails has the sums of counts from each bin on.
	tails [situations][bins]float64
	total float64
	// hotBin is the first bin of the top twentieth.
	hotBin int
}

const (
	situations = 8
	bins       = 128
	// prior is how many samples the situation before is worth.
	prior = 2
	// persistence is the least chance that is assumed, before anything is known,
	// for a deviation to last another tick.
	persistence = 0.03
	// lateness is how late samples are learned.
	lateness = 30 * time.Minute
)

func (l *learned) reset() { l.hotBin = 1 }

// binOf is the bin of a deviation: 0 for none, then ever wider.
func binOf(x float64) int {
	if !(x > 0) {
		return 0
	}
	return min(1+int(20*math.Asinh(x/0.02)), bins-1)
}

// contextOf is the situation after a run of so many hot samples.
func contextOf(run int) int {
	switch {
	case run < 4:
		return run
	case run < 6:
		return 4
	case run < 9:
		return 5
	case run < 15:
		return 6
	}
	return 7
}

// hot says whether a deviation is in the top twentieth.
func (l *learned) hot(x float64) bool { return binOf(x) >= l.hotBin }

// pvalue is the share of healthy samples in the same situation at or beyond x.
func (l *learned) pvalue(x float64, run int) float64 {
	b := binOf(x)
	u := (l.tails[0][b] + 1) / (l.tails[0][0] + 1)
	for c := 1; c <= contextOf(run); c++ {
		before := max(u, persistence)
		u = (l.tails[c][b] + prior*before) / (l.tails[c][0] + prior)
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
	l.hotBin = 1
	for l.hotBin < bins-1 && all[l.hotBin] > 0.05*l.total {
		l.hotBin++
	}
}

// entry is a sample that waits to be learned.
type entry struct {
	l            float32
	run          uint8
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
	known.add(float64(old.l), int(old.run))
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
