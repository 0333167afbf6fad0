package decide

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/podgate/podgate/api/v1alpha1"
)

var zero time.Time

// clockSlack is how far apart the clocks of two controllers may be; a note from
// further in the future was made by a clock that was wrong.
const clockSlack = time.Minute

// BackOff is how long a pod stays out after so many relapses.
func (p Policy) BackOff(relapses int) time.Duration {
	stay := float64(p.After) * math.Exp2(float64(min(relapses, 62)))
	return time.Duration(min(stay, float64(p.MaxAfter)))
}

// trialPeriod is how long a pod that came back is watched: until the metrics
// speak of nothing but its time back in traffic, and one look more.
func (p Policy) trialPeriod() time.Duration { return p.Window + 2*p.Interval }

// released is what is noted on a pod when it comes back into traffic: the
// relapses stay, so that another one costs more. A pod that was out for an
// override only is as it was before.
func (m Memory) released(now time.Time) Memory {
	switch {
	case m.GatedAt.IsZero():
		return m
	case !m.GatedUntil.IsZero():
		return Memory{Gate: m.Gate, ReleasedAt: now, Relapses: m.Relapses}
	case m.ReleasedAt.IsZero():
		return Memory{}
	default:
		return Memory{Gate: m.Gate, ReleasedAt: m.ReleasedAt, Relapses: m.Relapses}
	}
}

// onTrial reports whether the pod came back lately and is still watched. A pod
// that the metrics are silent about is watched for twice as long, so that it
// does not block the others' return for ever.
func (s *step) onTrial(p Pod) bool {
	if p.State(s.Gate) != Serving || p.Memory.ReleasedAt.IsZero() {
		return false
	}
	back := s.Now.Sub(p.Memory.ReleasedAt)
	if back < -clockSlack { // the clock was ahead then
		return false
	}
	return back < s.Policy.trialPeriod() || (!s.finding(p).Healthy() && back < 2*s.Policy.trialPeriod())
}

// due is when a gated pod's stay is over. It never exceeds the longest stay
// that the policy allows, whatever the note says and whatever the clock did.
func (s *step) due(m Memory) time.Time {
	latest := m.GatedAt.Add(s.Policy.MaxAfter)
	if m.GatedAt.After(s.Now.Add(clockSlack)) { // the clock was ahead then
		return s.Now
	}
	if m.GatedUntil.After(latest) {
		return latest
	}
	return m.GatedUntil
}

// returnExcess brings pods back when more of them are out than may be, because
// the fleet or the limit shrank, or when too few are left to serve. The ones
// that have been out longest come first.
func (s *step) returnExcess() {
	c := s.count()
	excess := max(c.Gated-c.Limit, min(s.Policy.MinServing-c.Serving, c.Gated))
	for _, i := range s.gatedByAge() {
		if excess <= 0 {
			return
		}
		excess--
		s.do(i, Decision{Action: Release, Reason: ReasonLimitShrunk, Traffic: v1alpha1.TrafficYes,
			Memory: s.pods[i].Memory.released(s.Now),
			Message: fmt.Sprintf("%d of %d pods are out, %d may be, and %d must serve where %d do",
				c.Gated, c.Total, c.Limit, s.Policy.MinServing, c.Serving)})
	}
}

// gatedByAge returns the indexes of the gated pods, the longest out first.
func (s *step) gatedByAge() (out []int) {
	for i, p := range s.pods {
		if p.State(s.Gate) == Gated {
			out = append(out, i)
		}
	}
	slices.SortStableFunc(out, func(a, b int) int {
		return s.pods[a].Memory.GatedAt.Compare(s.pods[b].Memory.GatedAt)
	})
	return out
}

// startTrial brings back the pod whose stay was over first, if no other is on
// trial. A pod that is not Ready waits: it could not show anything.
func (s *step) startTrial() {
	if s.count().Trial > 0 {
		return
	}
	best := -1
	for _, i := range s.gatedByAge() {
		p := s.pods[i]
		if p.Ready && !s.due(p.Memory).After(s.Now) && (best < 0 || s.due(p.Memory).Before(s.due(s.pods[best].Memory))) {
			best = i
		}
	}
	if best < 0 {
		return
	}
	m := s.pods[best].Memory
	s.do(best, Decision{Action: Release, Reason: ReasonTrial, Traffic: v1alpha1.TrafficYes, Memory: m.released(s.Now),
		Message: fmt.Sprintf("was out for %s, and is on trial now", s.Now.Sub(m.GatedAt).Round(time.Second))})
}

// forget takes back what is noted against a pod, but only on evidence of
// health: a person's pardon at once, a relapse after each longest stay in
// traffic.
func (s *step) forget() {
	if !s.Looked {
		return
	}
	for i, p := range s.pods {
		m := p.Memory
		if p.State(s.Gate) != Serving || !s.finding(p).Healthy() || m.Gate != s.Gate {
			continue
		}
		what := ""
		if !m.GatedUntil.IsZero() {
			m.GatedUntil, what = zero, "is normal again after a person put it back"
		}
		if !m.ReleasedAt.IsZero() && s.Now.Sub(m.ReleasedAt) >= max(s.Policy.MaxAfter, s.Policy.trialPeriod()) {
			what = "has been healthy for long"
			if m.Relapses > 0 {
				m.Relapses, m.ReleasedAt = m.Relapses-1, s.Now
			} else {
				m = Memory{}
			}
		}
		if what != "" {
			s.do(i, Decision{Action: Note, Reason: ReasonRecovered, Traffic: p.Traffic, Memory: m, Message: what})
		}
	}
}

// next is when the first gated pod falls due.
func (s *step) next() (at time.Time) {
	for _, p := range s.pods {
		if p.State(s.Gate) != Gated || s.ReleaseAll != "" {
			continue
		}
		if due := s.due(p.Memory); at.IsZero() || due.Before(at) {
			at = due
		}
	}
	return at
}
