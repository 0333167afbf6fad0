package anomaly

import "time"

// place is what is known of a pod besides its evidence.
type place struct {
	pod string
	// seen is when it was last among the samples, known when it last had data.
	seen, known time.Time
	// twice says that it came more than once in this tick.
	twice bool
	// outlier says that its last verdict was Outlier.
	outlier bool
	used    bool
}

// roster gives each pod a slot, a small number that the methods index their
// state by, and forgets the pods that left.
type roster struct {
	grace  time.Duration
	index  map[string]int
	places []place
	free   []int
	// slots has this tick's slot of each sample.
	slots []int
	swept time.Time
}

func newRoster(grace time.Duration) roster {
	return roster{grace: grace, index: map[string]int{}}
}

// enter finds or makes a slot for each sample.
func (r *roster) enter(now time.Time, samples []Sample, method method) {
	r.sweep(now, method)
	r.slots = resize(r.slots, len(samples))
	for i := range samples {
		slot, ok := r.index[samples[i].Pod]
		if !ok {
			slot = r.add(samples[i].Pod, method)
		}
		r.slots[i] = slot
		r.places[slot].twice = false
	}
	for i := range r.places {
		r.places[i].used = false
	}
	for _, slot := range r.slots {
		p := &r.places[slot]
		p.twice = p.twice || p.used
		p.used = true
		p.seen = now
	}
}

func (r *roster) add(pod string, method method) int {
	var slot int
	if n := len(r.free); n > 0 {
		slot, r.free = r.free[n-1], r.free[:n-1]
	} else {
		slot = len(r.places)
		r.places = append(r.places, place{})
		method.grow(len(r.places))
	}
	r.places[slot] = place{pod: pod}
	r.index[pod] = slot
	method.forget(slot)
	return slot
}

// sweep forgets the pods that have not been among the samples for a while. It
// looks once a grace period: nothing depends on when exactly.
func (r *roster) sweep(now time.Time, method method) {
	if now.Sub(r.swept) < r.grace {
		return
	}
	r.swept = now
	for slot := range r.places {
		p := &r.places[slot]
		if p.pod == "" && p.seen.IsZero() {
			continue
		}
		if now.Sub(p.seen) > r.grace {
			delete(r.index, p.pod)
			r.places[slot] = place{}
			r.free = append(r.free, slot)
			method.forget(slot)
		}
	}
}

// ticks is how many ticks a sample brings news of: more than one after missed
// scrapes, none when it comes too early. first says that there was none before.
func (p *place) ticks(now time.Time, interval time.Duration) (n int, first bool) {
	if p.known.IsZero() {
		p.known = now
		return 1, true
	}
	since := now.Sub(p.known)
	if since < 0 {
		p.known = now
		return 0, false
	}
	if since < interval/2 {
		return 0, false
	}
	p.known = now
	return int(min(since.Seconds()/interval.Seconds()+0.5, 1e6)), false
}
