package controller

import (
	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
)

// shadowed is what a dry run would have written on a pod.
type shadowed struct {
	traffic string
	memory  decide.Memory
}

// actsAsDryRun reports whether a gate decides and reports without writing: it
// is a dry run, or flipping the label would have no effect.
func actsAsDryRun(gate *v1alpha1.TrafficGate, w *world) bool {
	return gate.Spec.Mode == v1alpha1.ModeDryRun || w.unenrolled != ""
}

// shadowed returns the pods as they would be if everything that the dry run
// decided had been written, so that it decides as the real run would.
func (s *gateState) shadowed(pods []decide.Pod) []decide.Pod {
	out := make([]decide.Pod, len(pods))
	for i, p := range pods {
		if seen, ok := s.shadow[p.UID]; ok && (!p.Labelled || p.Traffic == v1alpha1.TrafficYes) {
			p.Traffic, p.Labelled, p.Memory = seen.traffic, true, seen.memory
		}
		out[i] = p
	}
	return out
}

// remember keeps what a dry run decided, and forgets pods that are gone.
func (s *gateState) remember(plan decide.Plan, pods []decide.Pod) {
	for _, d := range plan.Decisions {
		if d.Action == decide.Evict { // another pod would be in its place
			s.shadow[d.UID] = shadowed{traffic: v1alpha1.TrafficYes}
		} else if d.Writes() {
			s.shadow[d.UID] = shadowed{d.Traffic, d.Memory}
		}
	}
	present := make(map[string]bool, len(pods))
	for _, p := range pods {
		present[p.UID] = true
	}
	for uid := range s.shadow {
		if !present[uid] {
			delete(s.shadow, uid)
		}
	}
}
