package decide

import (
	"fmt"

	"github.com/podgate/podgate/api/v1alpha1"
)

// evict evicts the pod that has been out longest of those whose trials have all
// failed, one at a look.
func (s *step) evict() {
	if s.Policy.Then != v1alpha1.ThenEvict || !s.Looked {
		return
	}
	begun := false
	for _, i := range s.gatedByAge() {
		p := s.pods[i]
		if !s.spent(p) {
			continue
		}
		why := s.notEvictable(p)
		if why == "" && begun {
			why = "another pod is evicted first"
		}
		if why != "" {
			s.do(i, Decision{Action: Hold, Reason: HeldEviction, Message: "is to be evicted, but " + why})
			continue
		}
		begun = true
		s.do(i, Decision{Action: Evict, Reason: ReasonRetriesSpent, Traffic: p.Traffic, Memory: p.Memory,
			Message: fmt.Sprintf("%d trials failed; last: %s", p.Memory.Relapses, p.Memory.Reason)})
	}
}

// notEvictable says why a pod may not be evicted now: nothing would replace it,
// the last replacement is not there yet, or nobody can see what it would do to
// the others.
func (s *step) notEvictable(p Pod) string {
	if p.Override != "" || s.expired[p.UID] {
		return "a person's override is on it"
	}
	if !p.Owned && !s.without(RuleReplaceable) {
		return "no workload controls it, so nothing would replace it: put it back or delete it"
	}
	if c := s.count(); c.NotReady+c.Unlabelled > 0 {
		return fmt.Sprintf("%d other pods are not ready", c.NotReady+c.Unlabelled)
	}
	if s.Leaving > 0 {
		return fmt.Sprintf("%d other pods are terminating", s.Leaving)
	}
	if why := s.commonCauseNowOrLately(); why != "" {
		return why
	}
	for _, sig := range s.Signals {
		if sig.Err == "" && sig.Answered > 0 {
			return ""
		}
	}
	return "there are no metrics to see what that does to the others"
}
