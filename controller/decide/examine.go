package decide

import (
	"slices"

	"github.com/podgate/podgate/api/v1alpha1"
)

// Examination is what speaks for and against gating one pod now, whether or not
// anybody does: for people who ask why.
type Examination struct {
	// Finding is the worst of what the signals say of the pod.
	Finding Finding
	// Guards are all guards in the order in which they are asked.
	Guards []GuardAnswer
}

// GuardAnswer is what one guard says of gating a pod.
type GuardAnswer struct {
	Guard Reason
	// Holds is what holds the gating back, as a sentence; empty if the guard lets
	// the pod pass.
	Holds string
}

// Examine asks every guard about one pod of the fleet, by UID. A pod that is out
// of traffic is examined as if it were back, with everything else as it is. The
// zero value means that there is no such pod.
func Examine(in Input, uid string) (e Examination) {
	s := newStep(in)
	i := slices.IndexFunc(s.pods, func(p Pod) bool { return p.UID == uid })
	if i < 0 {
		return e
	}
	s.plan.Domain = s.findDomain()
	s.plan.CommonCause = s.commonCauseNowOrLately()
	if p := &s.pods[i]; p.State(s.Gate) == Gated {
		p.Traffic, p.Memory = v1alpha1.TrafficYes, p.Memory.released(s.Now, ReasonTrial)
	}
	e.Finding = s.finding(s.pods[i])
	for _, g := range guards {
		e.Guards = append(e.Guards, GuardAnswer{g.reason, g.holds(s, s.pods[i])})
	}
	return e
}
