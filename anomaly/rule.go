package anomaly

import (
	"fmt"
	"math"
	"slices"
	"time"

	"gonum.org/v1/gonum/stat"
)

// RuleOptions are what all plain rules have in common.
type RuleOptions struct {
	// Kind of the signal: Ratio or Value.
	Kind Kind
	// MinSamples is how many events a ratio must count before a pod is judged by
	// it; at least one is needed. Value signals ignore it.
	MinSamples float64
	// For is how long a pod must look bad, look after look, before it is an
	// outlier.
	For time.Duration
}

// scorer is the part in which the plain rules differ.
type scorer interface {
	// score fills in Peers, Evidence and Bar of the verdicts of all pods that can
	// be judged now; their Level and Samples are there already. Evidence at or
	// above Bar means that the pod looks bad now. It returns the fleet's part.
	score(now time.Time, judged []*Verdict) Fleet
	// within is score for a part of the fleet: it learns nothing of it.
	within(judged []*Verdict)
	unit() string
	// needs is how many pods with data the rule needs, and looks how many bad
	// looks in a row.
	needs() int
	looks() int
}

// rule turns a scorer into a Detector: it sorts out who can be judged, and asks
// for persistence.
type rule struct {
	options RuleOptions
	scorer  scorer
	bad     map[string]badSpell
	result  []Verdict
	judged  []*Verdict
}

// badSpell is how long, and for how many looks, a pod has looked bad. outlier
// says that it was called one, and has not looked well since: while it is out of
// traffic that is kept, and a relapse takes half as long.
type badSpell struct {
	since   time.Time
	looks   int
	outlier bool
}

func newRule(o RuleOptions, s scorer) *rule {
	return &rule{options: o, scorer: s, bad: map[string]badSpell{}}
}

// Unit implements Detector.
func (r *rule) Unit() string { return r.scorer.unit() }

// Step implements Detector.
func (r *rule) Step(now time.Time, samples []Sample) Result {
	r.result = slices.Grow(r.result[:0], len(samples))
	r.judged = r.judged[:0]
	candidates := 0
	for _, s := range samples {
		v := Verdict{Pod: s.Pod, Class: Unknown, Level: math.NaN(), Peers: math.NaN()}
		v.Missing = r.missing(s)
		if s.Judged {
			candidates++
		}
		if v.Missing == "" {
			v.Level, v.Samples = s.level(r.options.Kind), 1
			if r.options.Kind == Ratio {
				v.Samples = s.Total
			}
		}
		r.result = append(r.result, v)
	}
	for i := range r.result {
		if r.result[i].Missing == "" {
			r.judged = append(r.judged, &r.result[i])
		}
	}
	fleet := Fleet{Level: math.NaN(), Usual: math.NaN()}
	if len(r.judged) >= r.scorer.needs() {
		fleet = r.score(now, samples)
		r.persist(now, r.unseen())
	} else {
		for _, v := range r.judged {
			v.Missing = fmt.Sprintf("%d pods with data where %d are needed", len(r.judged), r.scorer.needs())
		}
		r.bad = r.unseen()
	}
	fleet.Judged, fleet.Known = candidates, len(r.judged)
	return Result{Verdicts: r.result, Fleet: fleet}
}

// score judges all pods together, and then those of each stratum that is large
// enough within it: what they are to the others is not held against them.
func (r *rule) score(now time.Time, samples []Sample) Fleet {
	fleet := r.scorer.score(now, r.judged)
	strata := map[string][]*Verdict{}
	for i, s := range samples {
		if v := &r.result[i]; v.Missing == "" && s.Stratum != "" {
			strata[s.Stratum] = append(strata[s.Stratum], v)
		}
	}
	for _, vs := range strata {
		if len(vs) >= ownStratum && len(vs) < len(r.judged) {
			r.scorer.within(vs)
		}
	}
	if math.IsNaN(fleet.Usual) { // a rule without a past: half of the fleet beyond its limit is as good
		fleet.Moved = countBad(r.judged)
	}
	return fleet
}

// missing says what keeps a sample from being judged, or nothing.
func (r *rule) missing(s Sample) string {
	switch {
	case !s.Judged:
		return "not judged: not serving, or still warming up"
	case !s.Known:
		return "no data"
	case r.options.Kind == Ratio && !(s.Bad >= 0 && s.Total >= 0 && !math.IsInf(s.Total, 0)):
		return fmt.Sprintf("unusable counts: %g bad of %g", s.Bad, s.Total)
	case r.options.Kind == Ratio && s.Bad > s.Total:
		return fmt.Sprintf("more bad events than events: %g of %g", s.Bad, s.Total)
	case r.options.Kind == Ratio && (s.Total < r.options.MinSamples || s.Total == 0):
		return fmt.Sprintf("%.3g events where %g are needed", s.Total, max(r.options.MinSamples, 1))
	case r.options.Kind == Value && (math.IsNaN(s.Value) || math.IsInf(s.Value, 0)):
		return fmt.Sprintf("unusable value %g", s.Value)
	}
	return ""
}

// unseen returns the spells of the outliers of which nothing is known now: they
// are out of traffic, or have hardly come back.
func (r *rule) unseen() map[string]badSpell {
	kept := make(map[string]badSpell, len(r.bad))
	for _, v := range r.result {
		if v.Missing != "" && r.bad[v.Pod].outlier {
			kept[v.Pod] = badSpell{outlier: true}
		}
	}
	return kept
}

// persist turns bad looks into outliers, once there were enough of them; next
// are the spells that go on without this look. A look that does not speak
// against a pod, or is missing, starts the count anew.
func (r *rule) persist(now time.Time, next map[string]badSpell) {
	for _, v := range r.judged {
		v.Class = Normal
		if v.Excess() < 1 {
			continue
		}
		spell := r.bad[v.Pod]
		if spell.looks == 0 || now.Before(spell.since) {
			spell.since, spell.looks = now, 0
		}
		spell.looks++
		looks, long := r.scorer.looks(), r.options.For
		if spell.outlier {
			looks, long = (looks+1)/2, long/2
		}
		if spell.looks >= looks && now.Sub(spell.since) >= long {
			v.Class, spell.outlier = Outlier, true
		}
		next[v.Pod] = spell
	}
	r.bad = next
}

// levels returns the levels of the verdicts in ascending order.
func levels(vs []*Verdict) []float64 {
	out := make([]float64, len(vs))
	for i, v := range vs {
		out[i] = v.Level
	}
	slices.Sort(out)
	return out
}

// median of ascending numbers: the middle one, or the mean of the middle two.
func median(sorted []float64) float64 {
	n := len(sorted)
	return stat.Mean(sorted[(n-1)/2:n/2+1], nil)
}

// countBad counts the verdicts that speak against their pods.
func countBad(vs []*Verdict) (n int) {
	for _, v := range vs {
		if v.Excess() >= 1 {
			n++
		}
	}
	return n
}
