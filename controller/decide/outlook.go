package decide

import (
	"fmt"

	"github.com/podgate/podgate/api/v1alpha1"
)

// outlook says of each gated pod, by UID, what happens next and what it waits
// for.
func (s *step) outlook() map[string]string {
	out := map[string]string{}
	trial := ""
	for _, p := range s.pods {
		if s.onTrial(p) {
			trial = p.Name
		}
	}
	for _, p := range s.pods {
		if p.State(s.Gate) == Gated && s.ReleaseAll == "" {
			out[p.UID] = s.outlookOf(p, trial)
		}
	}
	return out
}

func (s *step) outlookOf(p Pod, trial string) string {
	due := s.due(p.Memory)
	switch {
	case s.spent(p) && s.Policy.Then == v1alpha1.ThenEvict:
		if why := s.notEvictable(p); why != "" {
			return "is to be evicted, but " + why
		}
		return fmt.Sprintf("is to be evicted: %d trials failed", p.Memory.Relapses)
	case s.spent(p):
		return fmt.Sprintf("waits for a person: %d trials failed. Put it back with kubectl label pod %s %s=yes, or delete it",
			p.Memory.Relapses, p.Name, v1alpha1.LabelOverride)
	case due.After(s.Now):
		return "trial at " + clock(due)
	case !p.Ready:
		return "trial as soon as it is Ready"
	case s.probedIll(p):
		return "recovery.signal says that it is not healthy; trial as soon as it is, or at " + clock(p.Memory.GatedAt.Add(s.Policy.MaxAfter))
	case trial != "":
		return "trial when that of " + trial + " is over"
	}
	return "trial now"
}
