package decide

import (
	"fmt"

	"github.com/podgate/podgate/api/v1alpha1"
)

// obeyOverrides does what people's override labels say, whatever the verdicts
// and whether or not Prometheus answers.
func (s *step) obeyOverrides() {
	for i, p := range s.pods {
		switch {
		case p.Override == v1alpha1.OverrideYes && p.Traffic != v1alpha1.TrafficYes:
			s.do(i, Decision{Action: Release, Reason: ReasonOverride, Traffic: v1alpha1.TrafficYes,
				Memory: p.Memory.released(s.Now), Message: "a person's override says yes"})
		case p.Override == v1alpha1.OverrideNo && (p.Traffic == v1alpha1.TrafficYes || !p.Labelled):
			m := p.Memory
			m.Gate, m.GatedAt, m.GatedUntil, m.Reason = s.Gate, s.Now, zero, "a person's override says no"
			s.do(i, Decision{Action: HoldOut, Reason: ReasonOverride, Traffic: v1alpha1.TrafficNo,
				Memory: m, Message: m.Reason})
		case p.Override != v1alpha1.OverrideNo && p.Ours(s.Gate) && p.Memory.GatedUntil.IsZero():
			s.do(i, Decision{Action: Release, Reason: ReasonOverrideRemoved, Traffic: v1alpha1.TrafficYes,
				Memory: p.Memory.released(s.Now), Message: "the override that kept it out is gone"})
		case s.Looked && p.Override != "" && p.Override != v1alpha1.OverrideYes && p.Override != v1alpha1.OverrideNo:
			s.do(i, Decision{Action: Hold, Reason: UnknownOverride,
				Message: fmt.Sprintf("the label %s=%s has no effect: it must be yes or no", v1alpha1.LabelOverride, p.Override)})
		}
	}
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
			m.GatedAt, m.ReleasedAt, m.Reason = zero, s.Now, ""
			s.do(i, Decision{Action: Note, Reason: ReasonPutBack, Traffic: p.Traffic, Memory: m,
				Message: "a person put it back into traffic"})
		case p.ByOther:
			s.do(i, Decision{Action: Note, Reason: ReasonPutBack, Traffic: p.Traffic,
				Message: "a person took it out of traffic: it is theirs"})
		}
	}
}

// pardoned reports whether a person has put the pod back and it may not be
// gated yet.
func (s *step) pardoned(p Pod) bool {
	return p.Memory.GatedAt.IsZero() && s.Now.Before(p.Memory.GatedUntil)
}
