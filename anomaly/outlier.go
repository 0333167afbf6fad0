package anomaly

import (
	"fmt"
	"math"
	"time"
)

// Part names a part of the method that can be left out, to measure what it is
// worth. Nobody should leave one out for any other reason.
type Part uint

// The parts of the method.
const (
	// Floors is the practical difference that the user asks for.
	Floors Part = 1 << iota
	// Looks is the rule that no single tick may decide.
	Looks
	// Suspicion keeps suspects out of the baseline.
	Suspicion
	// Dispersion discounts events that come in clumps.
	Dispersion
	// Spread widens the margin by how much healthy pods differ.
	Spread
	// Typical asks that a pod be worse than the typical pod, and not only than
	// the pool.
	Typical
	// Overlap counts each event once when windows overlap.
	Overlap
	// Past compares with the fleet's own past, to see a common cause.
	Past
	// Mixture runs several alternatives side by side.
	Mixture
)

// Config says what an outlier is. Its zero fields take the defaults given.
type Config struct {
	// Kind is what the samples are made of.
	Kind Kind
	// Direction is the side on which a pod is worse; High unless told.
	Direction Direction
	// MinDifference is the least difference from the peers that anybody cares
	// about: a share (0.01 is one percentage point) for a ratio, the signal's unit
	// for a value, the unit of the bounds for a histogram. 0 means none; negative
	// means the default, 0.01 for a ratio and 0 for the others.
	MinDifference float64
	// MinRatio is the least ratio to the peers that anybody cares about, more than
	// 1. Default 2 for a ratio, 1.4 for a histogram, 1.5 for a value.
	MinRatio float64
	// Interval is the time between ticks (default 15 s), Window the time that the
	// counts of one sample span (default 1 min).
	Interval, Window time.Duration
	// PodDays is the budget: at most one false alarm in so many pod-days.
	// Default 30.
	PodDays float64
	// Signals is how many signals share the budget. Default 1.
	Signals int
	// Without leaves parts of the method out, for ablation.
	Without Part
}

func (c Config) has(p Part) bool { return c.Without&p == 0 }

// looks says whether direction d, 0 for high and 1 for low, is looked at.
func (c Config) looks(d int) bool {
	return c.Direction == Both || (c.Direction == Low) == (d == 1)
}

// DefaultFloors are the MinDifference and MinRatio of a kind of signal unless
// told; both 0 for a kind that there is not.
func DefaultFloors(kind Kind) (minDifference, minRatio float64) {
	switch kind {
	case Ratio:
		return 0.01, 2
	case Histogram:
		return 0, 1.4
	case Value:
		return 0, 1.5
	}
	return 0, 0
}

// complete fills in the defaults and refuses what makes no sense.
func (c Config) complete() (Config, error) {
	difference, ratio := DefaultFloors(c.Kind)
	if ratio == 0 {
		return c, fmt.Errorf("kind %q: want ratio, histogram or value", c.Kind)
	}
	c.Direction = orElse(c.Direction, High)
	c.MinRatio = orElse(c.MinRatio, ratio)
	c.Interval = orElse(c.Interval, 15*time.Second)
	c.Window = orElse(c.Window, time.Minute)
	c.PodDays = orElse(c.PodDays, 30)
	c.Signals = orElse(c.Signals, 1)
	if c.MinDifference < 0 {
		c.MinDifference = difference
	}
	switch {
	case c.Direction != High && c.Direction != Low && c.Direction != Both:
		return c, fmt.Errorf("direction %q: want High, Low or Both", c.Direction)
	case !finite(c.MinDifference) || (c.Kind == Ratio && c.MinDifference >= 1):
		return c, fmt.Errorf("minDifference %v: want a number, and for a ratio less than 1", c.MinDifference)
	case !finite(c.MinRatio) || c.MinRatio <= 1:
		return c, fmt.Errorf("minRatio %v: want a number above 1", c.MinRatio)
	case c.Interval <= 0 || c.Window <= 0:
		return c, fmt.Errorf("interval %v and window %v: want more than 0", c.Interval, c.Window)
	case !finite(c.PodDays) || c.PodDays <= 0:
		return c, fmt.Errorf("podDays %v: want more than 0", c.PodDays)
	case c.Signals < 1:
		return c, fmt.Errorf("signals %d: want at least 1", c.Signals)
	}
	if !c.has(Floors) {
		c.MinDifference, c.MinRatio = 0, 1+1e-9
	}
	return c, nil
}

// method is one kind of signal's way of reading samples and gathering evidence.
type method interface {
	// grow makes room for n slots.
	grow(n int)
	// forget makes a slot new again.
	forget(slot int)
	// read takes a sample into its slot, or says what is missing.
	read(slot int, s *Sample) (missing string)
	// step gathers the evidence of one tick and learns from it.
	step(t *tick) Fleet
	// evidence is what speaks against a slot now.
	evidence(slot int) float64
	// explain fills in the verdict's numbers.
	explain(slot int, v *Verdict)
	// gate notes that a slot was called an outlier, pause that it left the
	// traffic since.
	gate(slot int)
	pause(slot int)
	// usable says what is missing before this method can judge anybody.
	usable() (missing string)
}

// Sequential finds the pods that are worse than their peers by more than chance,
// and by more than the user cares about: a sequential test with a stated rate
// of false alarms. Its evidence is in nats.
type Sequential struct {
	cfg      Config
	bar      float64
	roster   roster
	method   method
	tick     tick
	verdicts []Verdict
	fleet    Fleet
}

var _ Detector = (*Sequential)(nil)

// NewOutlier returns a detector without any history.
func NewOutlier(cfg Config) (*Sequential, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	o := &Sequential{cfg: cfg, bar: barFor(cfg.PodDays, cfg.Interval, cfg.Signals)}
	o.roster = newRoster(5 * time.Minute)
	o.tick.doubt = o.bar / 2
	// A hair more than a third, so that three full looks clear the bar however their
	// sum is rounded.
	limits := cusum{step: o.bar / looks * (1 + 1e-9), ceiling: o.bar + 2}
	if !cfg.has(Looks) {
		limits.step = math.Inf(1)
	}
	switch cfg.Kind {
	case Ratio:
		o.method = newRatio(cfg, limits)
	case Histogram:
		o.method = newHistogram(cfg, limits, o.bar)
	case Value:
		o.method = newValue(cfg, limits, o.bar)
	}
	o.fleet = Fleet{Level: math.NaN(), Usual: math.NaN()}
	return o, nil
}

// noEvents is missing from a pod that has metrics, but had nothing to do.
const noEvents = "no events"

// Unit implements Detector.
func (o *Sequential) Unit() string { return "nats" }

// Bar is the evidence that makes an outlier.
func (o *Sequential) Bar() float64 { return o.bar }

// Step implements Detector. A step at or before the time of the last one
// brings no evidence.
func (o *Sequential) Step(now time.Time, samples []Sample) Result {
	t := &o.tick
	t.start(now, o.cfg)
	o.roster.enter(now, samples, o.method)
	o.read(t, samples)
	t.choose(o.method, o.cfg.has(Suspicion))
	if t.elapsed > 0 {
		o.fleet = o.method.step(t)
	}
	o.fleet.Judged, o.fleet.Known = t.judged, t.known
	o.fleet.Moved = min(o.fleet.Moved, t.known)
	o.judge(t, samples)
	return Result{Verdicts: o.verdicts, Fleet: o.fleet}
}

// read sorts the samples into members of this tick and the rest.
func (o *Sequential) read(t *tick, samples []Sample) {
	o.verdicts = resize(o.verdicts, len(samples))
	for i := range samples {
		s, v := &samples[i], &o.verdicts[i]
		p := &o.roster.places[o.roster.slots[i]]
		*v = Verdict{Pod: s.Pod, Class: Unknown, Level: math.NaN(), Peers: math.NaN(), Bar: o.bar}
		v.Missing = o.method.read(o.roster.slots[i], s)
		switch {
		case p.twice:
			v.Missing = "the pod is there twice"
		case !s.Judged:
			v.Missing = "not in traffic, or still warming up"
			if p.outlier {
				o.method.pause(o.roster.slots[i])
				p.outlier = false
			}
			continue
		case !s.Known:
			v.Missing = "no metrics"
		}
		if !p.twice {
			t.judged++
		}
		if idle := v.Missing == noEvents; v.Missing == "" || idle {
			n, first := p.ticks(t.now, o.cfg.Interval)
			t.join(member{slot: o.roster.slots[i], sample: i, ticks: n, first: first, idle: idle}, s.Stratum)
		}
	}
}

// judge turns evidence into verdicts.
func (o *Sequential) judge(t *tick, samples []Sample) {
	for i := range samples {
		v := &o.verdicts[i]
		slot := o.roster.slots[i]
		if !o.roster.places[slot].twice {
			o.method.explain(slot, v)
			v.Evidence = o.method.evidence(slot)
		}
	}
	missing := o.method.usable()
	for k := range t.members {
		m := &t.members[k]
		v, g := &o.verdicts[m.sample], &t.groups[m.group]
		switch {
		case m.idle:
			// Whether or not anybody says so, it is out of traffic.
			if p := &o.roster.places[m.slot]; p.outlier {
				o.method.pause(m.slot)
				p.outlier = false
			}
		case g.peers(m) < 2:
			v.Missing = "fewer than two peers with data"
		case missing != "":
			v.Missing = missing
		case g.crowded && v.Evidence >= suspect:
			v.Missing = "too many pods look bad to tell them from their peers"
		case v.Evidence >= o.bar && v.Recovery >= Recovered:
			// It got well while it was in traffic; low traffic would take long to say
			// so by itself.
			v.Class = Normal
			o.method.pause(m.slot)
			o.roster.places[m.slot].outlier = false
		case v.Evidence >= o.bar:
			v.Class = Outlier
			if p := &o.roster.places[m.slot]; !p.outlier {
				p.outlier = true
				o.method.gate(m.slot)
			}
		default:
			v.Class = Normal
			o.roster.places[m.slot].outlier = false
		}
	}
}

func orElse[T comparable](x, other T) T {
	var zero T
	if x == zero {
		return other
	}
	return x
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/4)
	}
	return s[:n]
}
