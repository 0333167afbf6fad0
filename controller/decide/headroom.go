package decide

import (
	"fmt"
	"math"
)

// Headroom is the load of the pods, as limits.headroom asks for it.
type Headroom struct {
	// Max is the highest load that a pod should have; Load is that of each pod, by
	// UID, in the same unit.
	Max  float64
	Load map[string]float64
	// Err says why it is not known; empty if it is.
	Err string
}

// tooLittleHeadroom: the pods that stay must be able to carry the load of the
// one that goes. Where the load is not known, nobody knows that they can.
func tooLittleHeadroom(s *step, _ Pod) string {
	if s.Headroom == nil {
		return ""
	}
	if s.Headroom.Err != "" {
		return "the load of the pods is not known: " + s.Headroom.Err
	}
	serving, known, sum := 0, 0, 0.0
	for _, p := range s.pods {
		if p.State(s.Gate) != Serving {
			continue
		}
		serving++
		if load, ok := s.Headroom.Load[p.UID]; ok && !math.IsNaN(load) {
			known, sum = known+1, sum+load
		}
	}
	if known == 0 || 2*known < serving {
		return fmt.Sprintf("the load of only %d of %d serving pods is known", known, serving)
	}
	mean := sum / float64(known)
	// With one serving pod this is infinite: nobody is left to carry anything.
	if after := mean * float64(serving) / float64(serving-1); !(after <= s.Headroom.Max) {
		return fmt.Sprintf("the mean load of %d serving pods is %.3g, and would be %.3g with one fewer, above %.3g",
			serving, mean, after, s.Headroom.Max)
	}
	return ""
}
