package simulate

import (
	"math/rand/v2"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/test/simulate/apiserver"
)

// settle is how every run ends: nothing goes wrong any more, everybody is well,
// nobody interferes. Then everybody must come back, a pod that gets sick must go
// out and come back, and when the gates are deleted nothing of them may stay.
func (s *Sim) settle(dice *rand.Rand) {
	s.tracef("from here on all is well")
	s.calm(dice)
	s.until("everybody is back", s.longest(), func() error { return s.oracle.EverybodyBack() })
	if s.outcome.Violation == nil {
		s.canary(dice)
	}
	if s.outcome.Violation == nil {
		s.farewell(dice)
	}
}

// calm lets everything be as it should.
func (s *Sim) calm(dice *rand.Rand) {
	s.monitoring, s.budgetSpent = truthful, false
	for _, r := range s.replicas {
		r.fault, r.ahead = fault{}, 0
		if r != s.leader && dice.IntN(2) == 0 {
			s.restart(r)
		}
		for _, p := range slices.Clone(r.passes) { // one that was paused goes on now
			p.turn(1 << 30)
		}
	}
	s.world.healAll()
	s.world.allReady()
	s.world.endPods()
	s.world.mendServices()
	for _, obj := range s.server.All(apiserver.Pod, "") {
		edit(s.world, person, obj.(*corev1.Pod), func(p *corev1.Pod) {
			delete(p.Labels, v1alpha1.LabelOverride)
		})
	}
	s.oracle.PutBack(func(p *corev1.Pod) {
		edit(s.world, person, p, func(p *corev1.Pod) { p.Labels[s.world.key] = v1alpha1.TrafficYes })
	})
	s.lead(s.leader)
}

// until lets time pass until something holds, at most for so long.
func (s *Sim) until(what string, patience time.Duration, holds func() error) bool {
	deadline := s.now.Add(patience)
	for {
		s.world.endPods()
		s.tick()
		if s.outcome.Violation != nil {
			return false
		}
		err := holds()
		if err == nil {
			return true
		}
		if s.now.After(deadline) {
			s.found(s.oracle.Stranded("%s after %s: %v", what, patience, err))
			return false
		}
	}
}

// longest is how long it may take until the last gated pod is back: the longest
// stay, and a trial after the other.
func (s *Sim) longest() time.Duration {
	out := time.Minute
	for _, obj := range s.server.All(apiserver.TrafficGate, "") {
		g := obj.(*v1alpha1.TrafficGate)
		trials := s.oracle.Held(g.Name) * 2
		out = max(out, 2*g.Spec.Recovery.MaxAfter.Std()+time.Duration(trials+2)*(g.Spec.Window.Std()+3*g.Spec.Interval.Std())+time.Minute)
	}
	return out
}

// canary makes one pod sick for each gate that could take it out, and expects it
// to go and to come back.
func (s *Sim) canary(dice *rand.Rand) {
	for _, obj := range s.server.All(apiserver.TrafficGate, "") {
		g := obj.(*v1alpha1.TrafficGate)
		p := s.oracle.Candidate(g, dice.IntN)
		if p == nil {
			continue
		}
		s.world.setSick(p, 3, 0)
		patience := g.Spec.Limits.WarmUp.Std() + 3*g.Spec.Window.Std() + 8*g.Spec.Interval.Std() + 30*time.Second
		out := s.until("a sick pod is out", patience, func() error { return s.oracle.Out(p) })
		s.world.makeWell(p)
		if !out || !s.until("a pod that got well is back", s.longest(), func() error { return s.oracle.EverybodyBack() }) {
			return
		}
		s.outcome.Canaries++
	}
}

// farewell deletes every gate, with the controller dying once more if the dice
// say so, and expects nothing of them to stay.
func (s *Sim) farewell(dice *rand.Rand) {
	for _, obj := range s.server.All(apiserver.TrafficGate, "") {
		_ = s.server.Delete(author, obj, false)
	}
	if f := newFault(dice); dice.IntN(2) == 0 {
		s.leader.fault = f
	}
	s.until("the gates are gone and nobody is out", time.Minute, func() error { return s.oracle.NothingLeft() })
}
