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
// samples are those that came in the same situation: after one as high, and so
// many looks after a jump. A pod that drifted up, as autocorrelated noise does,
// must moreover beat what is left of its last deviation by more than healthy
// pods do.
type learned struct {
	counts [situations][bins]float64
	// tails has the sums of counts from each bin on.
	tails [situations][bins]float64
	total float64
	// time is for how long samples have come in.
	time time.Duration
	// slope is what is usually left of a deviation after one sample, from the sums
	// of its regression; left has the distribution of what comes on top, and rises
	// that of the rise over four samples.
	slope, sumXX, sumXY  float64
	left, rises          [bins]float64
	leftTails, riseTails [bins]float64
	// edges are the first bins of the heights.
	edges [heights]int
}

const (
	heights    = 3
	lengths    = 5
	situations = 1 + heights*lengths
	bins       = 128
	// prior is how many samples the situation before is worth.
	prior = 2
	// sudden is for how many looks a jump is news.
	sudden = 12
	// persistence is the chance that a high one lasts, for gauges of which not one
	// was ever high.
	persistence = 0.05
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
// looks ago it jumped there; 0 when it drifted.
type before struct {
	height, jumped int
	// origin is where it jumped from.
	origin float64
	// last are the deviations before, the latest first; known of them.
	last  [4]float64
	known int
}

// situation numbers what came before: 0 after a sample that was not high.
func (b *before) situation() int {
	if b.height == 0 {
		return 0
	}
	length := 4
	switch {
	case b.jumped == 0:
		length = 0
	case b.jumped <= 1:
		length = 1
	case b.jumped <= 3:
		length = 2
	case b.jumped <= 8:
		length = 3
	}
	return 1 + (b.height-1)*lengths + length
}

// rise is how much higher x is than the lowest of the last samples.
func (b *before) rise(x float64) float64 {
	low := x
	for _, l := range b.last[:b.known] {
		low = min(low, l)
	}
	return x - low
}

// next is what will have come before, after x; floor is the least rise that
// counts as a jump, if healthy pods rarely make it.
func (l *learned) next(b *before, x, floor float64) {
	bin, rise := binOf(x), b.rise(x)
	b.height = 0
	for h, edge := range l.edges {
		if bin >= edge {
			b.height = h + 1
		}
	}
	switch {
	case b.height == 0, b.jumped > 0 && x-b.origin < floor/2:
		// It came back, or to where it had drifted before a spike.
		b.jumped = 0
	case b.jumped > 0:
		b.jumped = min(b.jumped+1, 1000)
	case rise >= floor && l.riseTails[binOf(rise)] <= 0.003*l.riseTails[0]:
		b.jumped, b.origin = 1, x-rise
	}
	copy(b.last[1:], b.last[:3])
	b.last[0] = x
	b.known = min(b.known+1, len(b.last))
}

// pvalue is the share of healthy samples in the same situation at or beyond x.
// Where there are few, those of all runs of that height stand in, and where
// there are few of them, it is assumed that a high one lasts as it does one
// height below.
func (l *learned) pvalue(x float64, now *before) float64 {
	b := binOf(x)
	u, lasts := (l.tails[0][b]+1)/(l.tails[0][0]+1), persistence
	for h := range now.height {
		var beyond, stay, all float64
		for c := 1 + h*lengths; c <= (h+1)*lengths; c++ {
			beyond += l.tails[c][b]
			stay += l.tails[c][l.edges[h]]
			all += l.tails[c][0]
		}
		u = (beyond + prior*lasts) / (all + prior)
		lasts = (stay + prior*lasts) / (all + prior)
	}
	if c := now.situation(); c > 0 {
		u = (l.tails[c][b] + prior*u) / (l.tails[c][0] + prior)
	}
	if (now.jumped == 0 || now.jumped > sudden) && now.known > 0 {
		top := x - l.slope*now.last[0]
		u = max(u, (l.leftTails[binOf(top)]+1)/(l.leftTails[0]+1))
	}
	return min(u, 1)
}

// add learns one sample.
func (l *learned) add(e entry) {
	x := float64(e.l)
	l.counts[e.situation][binOf(x)]++
	if !e.follows {
		return
	}
	last := float64(e.last)
	if binOf(x) < l.edges[heights-1] && binOf(last) < l.edges[heights-1] {
		l.sumXX += last * last
		l.sumXY += last * x
	}
	l.left[binOf(x-l.slope*last)]++
	l.rises[binOf(float64(e.rise))]++
}

// age forgets a little and sums up what was learned since the last tick.
func (l *learned) age(elapsed time.Duration) {
	keep := decay(elapsed, 12*time.Hour)
	if l.total > 0 {
		l.time += elapsed
	}
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
	ageTails(&l.left, &l.leftTails, keep)
	ageTails(&l.rises, &l.riseTails, keep)
	l.sumXX, l.sumXY = l.sumXX*keep, l.sumXY*keep
	if l.sumXX > 0 {
		l.slope = min(max(l.sumXY/l.sumXX, 0), 1)
	}
	bin := 1
	for h, share := range rare {
		for bin < bins-1 && all[bin] > share*l.total {
			bin++
		}
		l.edges[h] = bin
	}
}

// ageTails decays counts and sums them up from each bin on.
func ageTails(counts, tails *[bins]float64, keep float64) {
	sum := 0.0
	for b := bins - 1; b >= 0; b-- {
		counts[b] *= keep
		sum += counts[b]
		tails[b] = sum
	}
}

// entry is a sample that waits to be learned.
type entry struct {
	l, last, rise float32
	situation     uint8
	// follows says that there was a sample before.
	follows      bool
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
	if !ok || old.skip || p.totals[d] > v.bar/2 {
		return
	}
	known.add(old)
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
