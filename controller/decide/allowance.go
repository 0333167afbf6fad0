package decide

import (
	"time"

	"github.com/podgate/podgate/anomaly"
)

// Policy is a gate's spec as plain values.
type Policy struct {
	// Interval is the time between two looks, Window what each look takes into
	// account.
	Interval, Window time.Duration
	// WarmUp is how long after it became Ready a pod is not judged.
	WarmUp time.Duration
	// MaxGated is how many pods may be out: a count, or a percentage of the fleet
	// if MaxGatedIsPercent.
	MaxGated          int
	MaxGatedIsPercent bool
	// MinServing is how many pods must stay in traffic.
	MinServing int
	// After is the first stay out; it doubles with each relapse up to MaxAfter.
	After, MaxAfter time.Duration
}

// Allowance is how many of n pods may be out of traffic at once: what the user
// allows, but always a strict minority. n counts the pods that are out already,
// so the limit cannot erode from tick to tick. A percentage rounds down, but
// allows one pod where there are at least three.
func (p Policy) Allowance(n int) int {
	minority := max((n-1)/2, 0)
	allowed := p.MaxGated
	if p.MaxGatedIsPercent {
		allowed = n * p.MaxGated / 100
		if allowed == 0 && n >= 3 && p.MaxGated > 0 {
			allowed = 1
		}
	}
	return max(min(allowed, minority), 0)
}

// Counts is the fleet by state.
type Counts struct {
	Total, Serving, NotReady, Unlabelled, Gated, HeldOut, Trial int
	// Outliers is how many pods look bad now, Unknown how many nothing can be said
	// of although they are judged.
	Outliers, Unknown int
	// Limit is how many pods may be out at once.
	Limit int
}

// Out is how many pods use up the allowance: those that Podgate or a person
// keeps out, and those that could not serve anyway.
func (c Counts) Out() int { return c.Gated + c.HeldOut + c.NotReady + c.Unlabelled }

func (s *step) count() Counts {
	c := Counts{Total: len(s.pods), Limit: s.Policy.Allowance(len(s.pods))}
	for _, p := range s.pods {
		switch p.State(s.Gate) {
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
		if s.onTrial(p) {
			c.Trial++
		}
		switch f := s.finding(p); {
		case f.Class == anomaly.Outlier:
			c.Outliers++
		case f.Class != anomaly.Normal && p.Judged(s.Gate, s.Policy, s.Now, s.Now):
			c.Unknown++
		}
	}
	return c
}
