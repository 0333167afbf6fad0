package decide

import (
	"fmt"
	"slices"
)

// Another Service that selects on the traffic label loses a pod together with the
// gate's own, and has limits of its own nowhere: two pods of ten, which a gate may
// take out, may be both that a Service for a canary has. Of the pods that the two
// share a strict majority stays in traffic, whatever the limits say. So no Service
// loses the majority of its pods, however many gates take part in it, as each keeps
// the majority of its own share.

// otherServiceLimitReached: of the pods that another Service has too, and loses, a
// strict majority stays.
func otherServiceLimitReached(s *step, p Pod) string {
	for _, name := range p.Services {
		c := s.shared(name)
		if limit := minority(c.Total); c.Out()+1 > limit {
			return fmt.Sprintf("it would be lost to Service %s too, which selects on the same label: %d of the %d pods that they share may be out, and %d are",
				name, limit, c.Total, c.Out())
		}
	}
	return ""
}

// returnToOtherServices brings pods back when another Service has lost more of them
// than may be: it came, or lost pods, after they went out. The ones that have been
// out longest come first.
func (s *step) returnToOtherServices() {
	for _, i := range s.gatedByAge() {
		for _, name := range s.pods[i].Services {
			c := s.shared(name)
			if limit := minority(c.Total); c.Gated > limit {
				s.giveBack(i, fmt.Sprintf("%d of the %d pods that are of Service %s too are out, and %d may be: it selects on the same label",
					c.Gated, c.Total, name, limit))
				break
			}
		}
	}
}

// shared counts the pods of the fleet that another Service has too, by state.
func (s *step) shared(service string) Counts {
	return s.countOf(func(p Pod) bool { return slices.Contains(p.Services, service) })
}
