package decide

import (
	"fmt"
	"slices"
	"time"

	"github.com/podgate/podgate/api/v1alpha1"
)

// endOverrides takes overrides off whose time is up. For everything that follows
// they are as good as gone. What is left on a pod of an override that a person
// took off goes as well, so that an old time cannot end the next override.
func (s *step) endOverrides() {
	for i, p := range s.pods {
		d := s.expiry(p)
		switch {
		case p.overrideOver(s.Now):
		case p.Override == "" && (p.OverrideTime != "" || p.OverrideReason != ""):
			d.Reason, d.Message = ReasonOverrideRemoved, "the override is gone, and so is what was noted of it"
		default:
			continue
		}
		s.do(i, d)
		s.pods[i] = s.pods[i].withoutOverride()
		s.expired[p.UID] = d.Reason == ReasonOverrideExpired
	}
}

// expiry ends a pod's override because its time is up.
func (s *step) expiry(p Pod) Decision {
	return Decision{Action: Expire, Reason: ReasonOverrideExpired, Traffic: p.Traffic, Memory: p.Memory,
		Message: fmt.Sprintf("the override %s was to last until %s", p.Override, p.OverrideTime)}
}

// overrideOver reports whether the override's time is up.
func (p Pod) overrideOver(now time.Time) bool {
	return p.Override != "" && !p.OverrideUntil.IsZero() && !now.Before(p.OverrideUntil)
}

func (p Pod) withoutOverride() Pod {
	p.Override, p.OverrideUntil, p.OverrideTime, p.OverrideReason = "", zero, "", ""
	return p
}

// WithoutExpired are the pods as they are once the overrides are off whose time
// is up: for a rehearsal, beside which the real fleet is seen to as well.
func WithoutExpired(pods []Pod, now time.Time) []Pod {
	out := slices.Clone(pods)
	for i, p := range out {
		if p.Override == "" || p.overrideOver(now) {
			out[i] = p.withoutOverride()
		}
	}
	return out
}

// obeyOverrides does what people's override labels say, whatever the verdicts
// and whether or not Prometheus answers.
func (s *step) obeyOverrides() {
	for i, p := range s.pods {
		switch {
		case p.lost() && p.Override != v1alpha1.OverrideNo:
			s.do(i, Decision{Action: Release, Reason: ReasonNoteLost, Traffic: v1alpha1.TrafficYes,
				Memory: p.Memory.released(s.Now, ReasonNoteLost), Message: "was taken out by Podgate, and what was noted of it is gone"})
		case p.Override == v1alpha1.OverrideYes && p.Traffic != v1alpha1.TrafficYes:
			s.do(i, Decision{Action: Release, Reason: ReasonOverride, Traffic: v1alpha1.TrafficYes,
				Memory: p.Memory.released(s.Now, ReasonOverride), Message: p.says("yes")})
		case p.Override == v1alpha1.OverrideNo && (p.Traffic == v1alpha1.TrafficYes || !p.Labelled):
			m := p.Memory
			m.Gate, m.GatedAt, m.GatedUntil, m.Reason = s.Gate, s.Now, zero, p.says("no")
			s.do(i, Decision{Action: HoldOut, Reason: ReasonOverride, Traffic: v1alpha1.TrafficNo,
				Memory: m, Message: m.Reason})
		case p.Override == v1alpha1.OverrideNo && p.Ours(s.Gate) && p.FirstToGo:
			s.do(i, Decision{Action: Note, Reason: ReasonOverride, Traffic: p.Traffic, Memory: p.Memory,
				Message: p.says("no") + ": it is not the first to go any more when its workload is scaled in"})
		case p.Override != v1alpha1.OverrideNo && p.Ours(s.Gate) && p.Memory.GatedUntil.IsZero():
			s.do(i, Decision{Action: Release, Reason: ReasonOverrideRemoved, Traffic: v1alpha1.TrafficYes,
				Memory: p.Memory.released(s.Now, ReasonOverrideRemoved), Message: "the override that kept it out is gone"})
		case s.Looked && p.Override != "" && p.Override != v1alpha1.OverrideYes && p.Override != v1alpha1.OverrideNo:
			s.do(i, Decision{Action: Hold, Reason: UnknownOverride,
				Message: fmt.Sprintf("the label %s=%s has no effect: it must be yes or no", v1alpha1.LabelOverride, p.Override)})
		case s.Looked && p.Override != "" && p.OverrideTime != "" && p.OverrideUntil.IsZero():
			s.do(i, Decision{Action: Hold, Reason: UnknownOverride,
				Message: fmt.Sprintf("the annotation %s=%q is no time such as 2026-03-01T15:04:05Z, so the override stays until a person takes it off",
					v1alpha1.AnnotationOverrideUntil, p.OverrideTime)})
		}
	}
}

// says is what a person's override says, and why if they told.
func (p Pod) says(what string) string {
	text := "a person's override says " + what
	if p.OverrideReason != "" {
		text += ": " + p.OverrideReason
	}
	return text
}

// respectPeople notes when a person changed the traffic label of a pod that we
// had gated. A pod put back to "yes" is released, and not gated again until it
// has been normal once or its back-off time has passed. A pod that a person set
// to "no" is theirs, and our notes go.
func (s *step) respectPeople() {
	for i, p := range s.pods {
		if p.Memory.GatedAt.IsZero() || p.Memory.Gate != s.Gate {
			continue
		}
		switch {
		case p.Traffic == v1alpha1.TrafficYes:
			m := p.Memory
			m.GatedAt, m.ReleasedAt, m.ReleasedFor, m.Relapses, m.Reason = zero, s.Now.Truncate(time.Second), ReasonPutBack, 0, ""
			m.GatedUntil = s.Policy.Pardon(m, m.ReleasedAt)
			s.do(i, Decision{Action: Note, Reason: ReasonPutBack, Traffic: p.Traffic, Memory: m,
				Message: "a person put it back into traffic"})
		case p.ByOther:
			s.do(i, Decision{Action: Note, Reason: ReasonPutBack, Traffic: p.Traffic,
				Message: "a person took it out of traffic: it is theirs"})
		}
	}
}

// Pardon is until when a gated pod that a person puts back may not be gated again,
// unless it is normal once before: until its stay would have been over, and for as
// long as the first stay at least.
func (p Policy) Pardon(m Memory, now time.Time) time.Time {
	if least := now.Add(p.After); m.GatedUntil.Before(least) {
		return least
	}
	return m.GatedUntil
}

// pardoned reports whether a person has put the pod back and it may not be
// gated yet.
func (s *step) pardoned(p Pod) bool {
	return p.Memory.GatedAt.IsZero() && s.Now.Before(p.Memory.GatedUntil)
}
