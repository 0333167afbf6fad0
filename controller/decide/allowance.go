package decide

import (
	"time"

	"github.com/podgate/podgate/anomaly"
	"github.com/podgate/podgate/api/v1alpha1"
)

// Policy is a gate's spec as plain values.
type Policy struct {
	// Interval is the time between two looks, Window what each look takes into
	// account.
	Interval, Window time.Duration
	// WarmUp is how long after it became Ready a pod is not judged.
	WarmUp time.Duration
	// MaxGated is how many pods may be out, PerDomain how many of one domain.
	MaxGated, PerDomain Limit
	// MinServing is how many pods must stay in traffic.
	MinServing int
	// After is the first stay out; it doubles with each relapse up to MaxAfter.
	After, MaxAfter time.Duration
	// Retries is how many trials may fail before Then applies; the zero value of
	// Then is to go on trying.
	Retries int
	Then    v1alpha1.Then
}

// Limit is a number of pods, or a percentage.
type Limit struct {
	Max     int
	Percent bool
}

// of n pods. A percentage rounds down, but allows one pod where there are at
// least so many.
func (l Limit) of(n, oneFrom int) int {
	if !l.Percent {
		return l.Max
	}
	allowed := n * l.Max / 100
	if allowed == 0 && n >= oneFrom && l.Max > 0 {
		allowed = 1
	}
	return allowed
}

// Allowance is how many of n pods may be out of traffic at once: what the user
// allows, but always a strict minority. n counts the pods that are out already,
// so the limit cannot erode from tick to tick. A percentage rounds down, but
// allows one pod where there are at least three.
func (p Policy) Allowance(n int) int {
	return max(min(p.MaxGated.of(n, 3), minority(n)), 0)
}

// minority is the largest part of n that is smaller than the rest.
func minority(n int) int { return max((n-1)/2, 0) }

// Counts is the fleet by state.
type Counts struct {
	Total, Serving, NotReady, Unlabelled, Gated, HeldOut, Trial int
	// Waiting is how many gated pods wait for a person, or for their eviction.
	Waiting int
	// Outliers is how many pods look bad now, Unknown how many nothing can be said
	// of although they are judged.
	Outliers, Unknown int
	// Limit is how many pods may be out at once.
	Limit int
}

// Out is how many pods use up the allowance: those that Podgate or a person
// keeps out, and those that could not serve anyway.
func (c Counts) Out() int { return c.Gated + c.HeldOut + c.NotReady + c.Unlabelled }

// add counts one pod.
func (c *Counts) add(state State) {
	c.Total++
	switch state {
	case Serving:
		c.Serving++
	case NotReady:
		c.NotReady++
	case Unlabelled:
		c.Unlabelled++
	case Gated:
		c.Gated++
	case HeldOut:
		c.HeldOut++
	}
}

// countOf counts some of the pods by state, as limits need it.
func (s *step) countOf(some func(Pod) bool) (c Counts) {
	for _, p := range s.pods {
		if some(p) {
			c.add(p.State(s.Gate))
		}
	}
	return c
}

func (s *step) count() Counts {
	var c Counts
	for _, p := range s.pods {
		c.add(p.State(s.Gate))
		if s.onTrial(p) {
			c.Trial++
		}
		if s.spent(p) {
			c.Waiting++
		}
		switch f := s.finding(p); {
		case f.Class == anomaly.Outlier:
			c.Outliers++
		case f.Class != anomaly.Normal && p.Judged(s.Gate, s.Policy, s.Now, s.Now):
			c.Unknown++
		}
	}
	c.Limit = s.limit(c)
	return c
}

// limit is how many pods may be out. What it is without one of its rules shows
// that the tests would notice.
func (s *step) limit(c Counts) int {
	switch {
	case s.without(RuleWholeFleet):
		return c.Out() + s.Policy.Allowance(c.Serving)
	case s.without(RuleMinority):
		return s.Policy.MaxGated.of(c.Total, 3)
	}
	return s.Policy.Allowance(c.Total)
}
