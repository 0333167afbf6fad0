package simulate

import (
	"math/rand/v2"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/test/simulate/apiserver"
)

// Kind is a kind of action.
type Kind string

// kind says how often an action occurs, and what it does.
type kind struct {
	name   Kind
	weight float64
	// always says that no run goes without.
	always bool
	do     func(*Sim, *rand.Rand)
}

// kinds are all actions. An action that finds nothing to act on does nothing.
var kinds = []kind{
	// Whose turn it is.
	{"tick", 20, true, func(s *Sim, _ *rand.Rand) { s.tick() }},
	{"work", 12, true, func(s *Sim, _ *rand.Rand) { s.work(s.leader) }},
	{"turn", 14, false, func(s *Sim, d *rand.Rand) { s.turn(s.someReplica(d), someTurns(d), d) }},
	{"lazy", 4, false, func(s *Sim, d *rand.Rand) { s.lazily(d) }},
	{"duel", 3, false, func(s *Sim, d *rand.Rand) { s.duel(d) }},
	{"race", 2, false, func(s *Sim, d *rand.Rand) { s.race(d) }},
	{"sync", 8, false, func(s *Sim, d *rand.Rand) { s.someReplica(d).sync(pick(d, apiserver.Kinds), 1+d.IntN(4)) }},
	{"wait", 6, false, func(s *Sim, d *rand.Rand) { s.advance(time.Duration(1+d.IntN(40)) * time.Second) }},
	{"sleep", 1, false, func(s *Sim, d *rand.Rand) { s.advance(time.Duration(1+d.IntN(20)) * time.Minute) }},
	// What goes wrong.
	{"fault", 4, false, func(s *Sim, d *rand.Rand) { s.someReplica(d).fault = newFault(d) }},
	{"crash", 1, false, func(s *Sim, d *rand.Rand) { s.restart(s.someReplica(d)) }},
	{"lead", 1.5, false, func(s *Sim, d *rand.Rand) { s.lead(s.someReplica(d)) }},
	{"clock", 0.7, false, func(s *Sim, d *rand.Rand) { s.someReplica(d).jump(d) }},
	{"answer", 4, false, func(s *Sim, d *rand.Rand) { s.someReplica(d).answerNow(pick(d, distortions), d) }},
	{"answerWell", 4, false, func(s *Sim, d *rand.Rand) { s.someReplica(d).answerNow(truthful, d) }},
	{"prometheus", 1.5, false, func(s *Sim, d *rand.Rand) { s.monitoring = someMonitoring(d) }},
	{"budget", 0.5, false, func(s *Sim, d *rand.Rand) { s.budgetSpent = d.IntN(3) > 0 }},
	// What pods do.
	{"come", 2, false, func(s *Sim, d *rand.Rand) { s.world.makePod(pick(d, s.world.fleets), d, true) }},
	{"go", 1.5, false, func(s *Sim, d *rand.Rand) { s.world.deletePod(d) }},
	{"end", 2, false, func(s *Sim, _ *rand.Rand) { s.world.endPods() }},
	{"unready", 1.5, false, func(s *Sim, d *rand.Rand) { s.world.flipReady(d) }},
	{"ready", 3, false, func(s *Sim, _ *rand.Rand) { s.world.allReady() }},
	{"sicken", 6, true, func(s *Sim, d *rand.Rand) { s.world.sicken(d) }},
	{"heal", 3, false, func(s *Sim, d *rand.Rand) { s.world.heal(d) }},
	{"plague", 0.7, false, func(s *Sim, d *rand.Rand) { s.world.plague(d) }},
	{"healAll", 1, true, func(s *Sim, _ *rand.Rand) { s.world.healAll() }},
	{"load", 0.7, false, func(s *Sim, d *rand.Rand) { s.world.changeLoad(d) }},
	{"rollout", 0.7, false, func(s *Sim, d *rand.Rand) { s.world.rollOut(d) }},
	// What people do.
	{"override", 2, false, func(s *Sim, d *rand.Rand) { s.world.override(d) }},
	{"relabel", 2, false, func(s *Sim, d *rand.Rand) { s.world.relabel(d) }},
	{"scribble", 0.7, false, func(s *Sim, d *rand.Rand) { s.world.scribble(d) }},
	{"unlabel", 0.7, false, func(s *Sim, d *rand.Rand) { s.world.unlabel(d) }},
	{"limits", 1.5, false, func(s *Sim, d *rand.Rand) { s.world.editLimits(d) }},
	{"recovery", 0.7, false, func(s *Sim, d *rand.Rand) { s.world.editRecovery(d) }},
	{"signals", 0.5, false, func(s *Sim, d *rand.Rand) { s.world.editSignals(d) }},
	{"mode", 1, false, func(s *Sim, d *rand.Rand) { s.world.editMode(d) }},
	{"delete", 0.6, false, func(s *Sim, d *rand.Rand) { s.world.deleteGate(d) }},
	{"gate", 1.5, true, func(s *Sim, d *rand.Rand) { s.world.addGate(d) }},
	{"service", 0.7, false, func(s *Sim, d *rand.Rand) { s.world.editService(d) }},
	{"neighbour", 2.5, false, func(s *Sim, d *rand.Rand) { s.world.editNeighbour(d) }},
	{"mend", 1, true, func(s *Sim, d *rand.Rand) { s.world.mendServices() }},
}

var kindByName = func() map[Kind]kind {
	out := map[Kind]kind{}
	for _, k := range kinds {
		out[k.name] = k
	}
	return out
}()

// someTurns is how many calls a pass may make before another's turn: often all.
func someTurns(dice *rand.Rand) int {
	if dice.IntN(3) == 0 {
		return 1000
	}
	return 1 + dice.IntN(9)
}

// someMonitoring is how Prometheus answers from now on: usually well.
func someMonitoring(dice *rand.Rand) distortion {
	if dice.IntN(2) == 0 {
		return truthful
	}
	return pick(dice, append(distortions, hanging))
}

// deletePod deletes a pod: with a graceful end, or at once.
func (w *world) deletePod(dice *rand.Rand) {
	if p := w.somePod(dice); p != nil {
		w.must(w.sim.server.Delete(workloads, p, dice.IntN(2) == 0))
	}
}

// endPods ends the pods that are terminating.
func (w *world) endPods() {
	for _, obj := range w.sim.server.All(apiserver.Pod, "") {
		if obj.GetDeletionTimestamp() != nil {
			w.must(w.sim.server.Delete(kubelet, obj, false))
		}
	}
}

// flipReady makes a pod fail its probes, or pass them again; once in a while it
// finishes.
func (w *world) flipReady(dice *rand.Rand) {
	edit(w, kubelet, w.somePod(dice), func(p *corev1.Pod) {
		w.setReady(p, p.Status.Conditions[0].Status == corev1.ConditionFalse)
		if dice.IntN(10) == 0 {
			p.Status.Phase = corev1.PodFailed
		}
	})
}

// allReady lets every pod pass its probes.
func (w *world) allReady() {
	for _, obj := range w.sim.server.All(apiserver.Pod, "") {
		if p := obj.(*corev1.Pod); p.Status.Conditions[0].Status == corev1.ConditionFalse {
			edit(w, kubelet, p, func(p *corev1.Pod) { w.setReady(p, true) })
		}
	}
}

// sicken makes one pod sick.
func (w *world) sicken(dice *rand.Rand) {
	if p := w.somePod(dice); p != nil {
		w.makeSick(p, dice)
	}
}

func (w *world) makeSick(p *corev1.Pod, dice *rand.Rand) {
	c := w.pods[p.UID]
	if dice.IntN(4) == 0 {
		w.setSick(p, c.sick, 1+5*dice.Float64())
	} else {
		w.setSick(p, 1+5*dice.Float64(), c.slow)
	}
}

func (w *world) setSick(p *corev1.Pod, sick, slow float64) {
	c := w.pods[p.UID]
	c.sick, c.slow = sick, slow
	w.pods[p.UID] = c
	w.sim.tracef("%s/%s is sick: %.2f %.2f", p.Namespace, p.Name, c.sick, c.slow)
}

// heal makes a sick pod well, if it is one that the dice fall on.
func (w *world) heal(dice *rand.Rand) {
	var sick []*corev1.Pod
	for _, p := range w.members(pick(dice, w.fleets)) {
		if c := w.pods[p.UID]; c.sick+c.slow > 0 {
			sick = append(sick, p)
		}
	}
	if p := pick(dice, sick); p != nil {
		w.makeWell(p)
	}
}

func (w *world) makeWell(p *corev1.Pod) {
	c := w.pods[p.UID]
	if c.sick+c.slow > 0 {
		w.setSick(p, 0, 0)
	}
}

func (w *world) healAll() {
	for _, f := range w.fleets {
		for _, p := range w.members(f) {
			w.makeWell(p)
		}
	}
}

// plague makes many pods of a fleet sick: all, half, a zone, a node or a
// revision.
func (w *world) plague(dice *rand.Rand) {
	pods := w.members(pick(dice, w.fleets))
	if len(pods) == 0 {
		return
	}
	first, by := pick(dice, pods), dice.IntN(5)
	for _, p := range pods {
		hit := true
		switch by {
		case 1:
			hit = dice.IntN(2) == 0
		case 2:
			hit = p.Labels[corev1.LabelTopologyZone] == first.Labels[corev1.LabelTopologyZone]
		case 3:
			hit = p.Spec.NodeName == first.Spec.NodeName
		case 4:
			hit = p.Labels[v1alpha1.LabelPodTemplateHash] == first.Labels[v1alpha1.LabelPodTemplateHash]
		}
		if hit {
			w.makeSick(p, dice)
		}
	}
}

// changeLoad changes how busy a fleet is.
func (w *world) changeLoad(dice *rand.Rand) {
	load := 0.2 + 0.8*dice.Float64()
	for _, p := range w.members(pick(dice, w.fleets)) {
		c := w.pods[p.UID]
		c.load = load
		w.pods[p.UID] = c
	}
}

// rollOut replaces some pods of a fleet by pods of a new revision.
func (w *world) rollOut(dice *rand.Rand) {
	f := pick(dice, w.fleets)
	if dice.IntN(2) == 0 || f.revision == 0 {
		f.revision++
		w.makeWorkload(f)
	}
	for _, p := range w.members(f) {
		if p.Labels[v1alpha1.LabelPodTemplateHash] != revisionLabel(f) && dice.IntN(3) == 0 {
			w.must(w.sim.server.Delete(workloads, p, dice.IntN(2) == 0))
			w.makePod(f, dice, true)
		}
	}
}
