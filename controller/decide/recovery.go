package decide

import (
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"time"

	"github.com/podgate/podgate/anomaly"
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

// jitter is by how much a stay may be shortened, as a share of it.
const jitter = 0.1

// stay is how long a pod stays out after so many relapses: the back-off, cut
// short by a share that is the pod's own, so that pods which went out together,
// here or in other fleets, do not all come back at once.
func (s *step) stay(uid string, relapses int) time.Duration {
	if s.without(RuleBackOff) {
		relapses = 0
	}
	hash := fnv.New64a()
	_, _ = fmt.Fprintf(hash, "%s/%d", uid, relapses)
	share := float64(hash.Sum64()%1000) / 1000
	cut := time.Duration(float64(s.Policy.BackOff(relapses)) * (1 - jitter*share))
	return max(cut, s.Policy.Window) // or the trial would be judged by what was before
}

// spent reports whether all of a gated pod's trials have failed, so that no
// other follows.
func (s *step) spent(p Pod) bool {
	return p.State(s.Gate) == Gated && !p.Memory.GatedUntil.IsZero() &&
		(s.Policy.Then == v1alpha1.ThenHold || s.Policy.Then == v1alpha1.ThenEvict) && p.Memory.Relapses >= s.Policy.Retries
}

// TrialPeriod is how long a pod that came back is watched: until the metrics
// speak of nothing but its time back in traffic, and one look more.
func (p Policy) TrialPeriod() time.Duration { return p.Window + 2*p.Interval }

// released is what is noted on a pod when it comes back into traffic: the
// relapses stay, so that another one costs more. A pod that was out for an
// override only is as it was before.
func (m Memory) released(now time.Time, why Reason) Memory {
	if why == ReasonOverride || why == ReasonNewPod { // a person's word, or the label that one took off
		m.Relapses = 0
	}
	switch {
	case m.GatedAt.IsZero():
		return m
	case !m.GatedUntil.IsZero():
		return Memory{Gate: m.Gate, ReleasedAt: now.Truncate(time.Second), ReleasedFor: why, Relapses: m.Relapses}
	case m.ReleasedAt.IsZero():
		return Memory{}
	default:
		return Memory{Gate: m.Gate, ReleasedAt: m.ReleasedAt, ReleasedFor: m.ReleasedFor, Relapses: m.Relapses}
	}
}

// onTrial reports whether the pod came back lately and is still watched. A pod
// that the metrics are silent about is watched for twice as long, so that it
// does not block the others' return for ever.
func (s *step) onTrial(p Pod) bool {
	if p.State(s.Gate) != Serving || p.Memory.ReleasedAt.IsZero() || p.Memory.ReleasedFor == ReasonRecovered {
		return false
	}
	back := s.Now.Sub(p.Memory.ReleasedAt)
	if back < -clockSlack { // the clock was ahead then
		return false
	}
	return back < s.Policy.TrialPeriod() || (!s.finding(p).Healthy() && back < 2*s.Policy.TrialPeriod())
}

// trials are the pods on trial, by UID.
func (s *step) trials() map[string]bool {
	out := map[string]bool{}
	for _, p := range s.pods {
		if s.onTrial(p) {
			out[p.UID] = true
		}
	}
	return out
}

// due is when a gated pod's stay is over. It never exceeds the longest stay
// that the policy allows, whatever the note says and whatever the clock did; and
// it is never before the metrics speak of nothing but its time out of traffic,
// also where the window was made longer since.
func (s *step) due(m Memory) time.Time {
	latest := m.GatedAt.Add(s.Policy.MaxAfter)
	if m.GatedAt.After(s.Now.Add(clockSlack)) { // the clock was ahead then
		return s.Now
	}
	due := m.GatedUntil
	if least := m.GatedAt.Add(s.Policy.Window); due.Before(least) {
		due = least
	}
	if due.After(latest) && !s.without(RuleLongestStay) {
		return latest
	}
	return due
}

// returnExcess brings pods back when more of them are out than may be, because
// the fleet or the limit shrank, when too few are left to serve, or when another
// Service would lose too many. The ones that have been out longest come first.
func (s *step) returnExcess() {
	c := s.count()
	excess := max(c.Gated-c.Limit, min(s.Policy.MinServing-c.Serving, c.Gated))
	for _, i := range s.gatedByAge() {
		if excess <= 0 {
			break
		}
		excess--
		s.giveBack(i, fmt.Sprintf("%d of %d pods are out, %d may be, and %d must serve where %d do",
			c.Gated, c.Total, c.Limit, s.Policy.MinServing, c.Serving))
	}
	s.returnToOtherServices()
}

// giveBack releases a gated pod because it exceeds a limit, and says which.
func (s *step) giveBack(i int, why string) {
	s.do(i, Decision{Action: Release, Reason: ReasonLimitShrunk, Traffic: v1alpha1.TrafficYes,
		Memory: s.pods[i].Memory.released(s.Now, ReasonLimitShrunk), Message: why})
}

// gatedByAge returns the indexes of the gated pods, the longest out first, and
// those that have no trial left after the others.
func (s *step) gatedByAge() (out []int) {
	for i, p := range s.pods {
		if p.State(s.Gate) == Gated {
			out = append(out, i)
		}
	}
	slices.SortStableFunc(out, func(a, b int) int {
		if x, y := s.spent(s.pods[a]), s.spent(s.pods[b]); x != y {
			if y {
				return -1
			}
			return 1
		}
		return s.pods[a].Memory.GatedAt.Compare(s.pods[b].Memory.GatedAt)
	})
	return out
}

// startTrial brings back the pod whose stay was over first, if no other is on
// trial.
func (s *step) startTrial() {
	if s.Unsure {
		return
	}
	if s.count().Trial > 0 && !s.without(RuleOneTrial) {
		return
	}
	best := -1
	for _, i := range s.gatedByAge() {
		p := s.pods[i]
		if s.mayTry(p) && (best < 0 || s.due(p.Memory).Before(s.due(s.pods[best].Memory))) {
			best = i
		}
	}
	if best < 0 {
		return
	}
	m := s.pods[best].Memory
	s.do(best, Decision{Action: Release, Reason: ReasonTrial, Traffic: v1alpha1.TrafficYes, Memory: m.released(s.Now, ReasonTrial),
		Message: fmt.Sprintf("was out for %s, and is on trial now", s.Now.Sub(m.GatedAt).Round(time.Second))})
}

// mayTry reports whether a gated pod is due for a trial. One that is not Ready
// waits, because it could not show anything; so does one that a probe says is
// not healthy, but no longer than the longest stay: the probe may be wrong.
func (s *step) mayTry(p Pod) bool {
	return !s.spent(p) && p.Ready && !s.due(p.Memory).After(s.Now) && !s.probedIll(p)
}

// probedIll reports whether recovery.signal says that the pod is not healthy,
// and may be believed.
func (s *step) probedIll(p Pod) bool {
	healthy, known := s.Probes[p.UID]
	return known && !healthy && s.Now.Before(p.Memory.GatedAt.Add(s.Policy.MaxAfter)) && !p.Memory.GatedAt.After(s.Now.Add(clockSlack))
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
		healthy := s.finding(p).Healthy() || s.without(RuleHealthForgives)
		if p.State(s.Gate) != Serving || m.Gate != s.Gate || s.written(p) {
			continue // what is noted in this step is not forgotten for what was seen before it
		}
		what := ""
		if m.Voided != "" {
			if s.finding(p).Class == anomaly.Outlier {
				continue // its next gating takes the note off
			}
			m.Voided = ""
			if m == (Memory{Gate: m.Gate}) {
				m = Memory{}
			}
			s.do(i, Decision{Action: Note, Reason: ReasonVoided, Traffic: p.Traffic, Memory: m, Message: "a gating that was begun and not known to have happened was called off"})
			continue
		}
		if !healthy {
			continue
		}
		if !m.GatedUntil.IsZero() {
			m.GatedUntil, what = zero, "is normal again after a person put it back"
		}
		if !m.ReleasedAt.IsZero() && s.Now.Sub(m.ReleasedAt) >= max(s.Policy.MaxAfter, s.Policy.TrialPeriod()) {
			what = "has been healthy for long"
			if m.Relapses > 0 {
				m.Relapses, m.ReleasedAt, m.ReleasedFor = m.Relapses-1, s.Now.Truncate(time.Second), ReasonRecovered
			} else {
				m = Memory{}
			}
		}
		if what != "" {
			s.do(i, Decision{Action: Note, Reason: ReasonRecovered, Traffic: p.Traffic, Memory: m, Message: what})
		}
	}
}

// next is when the next gated pod falls due, or the next override ends. A pod whose
// time has passed, and that waits for something else, must not stand before them.
func (s *step) next() (at time.Time) {
	sooner := func(t time.Time) {
		if t.After(s.Now) && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	for _, p := range append(slices.Clone(s.pods), s.Strays...) {
		if p.Override != "" {
			sooner(p.OverrideUntil)
		}
		if p.State(s.Gate) != Gated || s.ReleaseAll != "" || s.spent(p) {
			continue
		}
		due := s.due(p.Memory)
		if latest := p.Memory.GatedAt.Add(s.Policy.MaxAfter); s.probedIll(p) && latest.After(due) {
			due = latest
		}
		sooner(due)
	}
	return at
}
