package simulate

import (
	"math/rand/v2"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/podgate/podgate/api/v1alpha1"
)

// label sets a label of an object's labels, or takes it off.
func label(labels *map[string]string, key, value string) {
	if value == "" {
		delete(*labels, key)
		return
	}
	if *labels == nil {
		*labels = map[string]string{}
	}
	(*labels)[key] = value
}

// override sets or takes off a pod's override label, sometimes with a time at
// which it ends.
func (w *world) override(dice *rand.Rand) {
	value := pick(dice, []string{"yes", "yes", "no", "no", "", "", "maybe"})
	until := pick(dice, []string{"", "", "", "soon", w.sim.now.Add(time.Duration(dice.IntN(300)-60) * time.Second).UTC().Format(time.RFC3339)})
	edit(w, person, w.somePod(dice), func(p *corev1.Pod) {
		label(&p.Labels, v1alpha1.LabelOverride, value)
		label(&p.Annotations, v1alpha1.AnnotationOverrideUntil, until)
		if until != "" {
			label(&p.Annotations, v1alpha1.AnnotationOverrideReason, "because")
		}
	})
}

// relabel sets a pod's traffic label by hand: preferably one that is out.
func (w *world) relabel(dice *rand.Rand) {
	pods := w.members(pick(dice, w.fleets))
	var out []*corev1.Pod
	for _, p := range pods {
		if p.Labels[w.key] != v1alpha1.TrafficYes {
			out = append(out, p)
		}
	}
	if p := pick(dice, out); p != nil && dice.IntN(3) > 0 {
		edit(w, person, p, func(p *corev1.Pod) { label(&p.Labels, w.key, v1alpha1.TrafficYes) })
		return
	}
	value := pick(dice, []string{"yes", "no", "no", "", "No"})
	edit(w, person, pick(dice, pods), func(p *corev1.Pod) { label(&p.Labels, w.key, value) })
}

// scribble edits Podgate's notes on a pod, as nobody should.
func (w *world) scribble(dice *rand.Rand) {
	key := pick(dice, []string{v1alpha1.AnnotationGatedUntil, v1alpha1.AnnotationGatedUntil, v1alpha1.AnnotationReleasedAt,
		v1alpha1.AnnotationRelapses, v1alpha1.AnnotationGatedAt, v1alpha1.AnnotationGate, v1alpha1.AnnotationReason, v1alpha1.AnnotationReleasedFor, v1alpha1.PodDeletionCost})
	value := pick(dice, []string{"", "soon", "7", w.sim.now.Add(time.Duration(dice.IntN(96)-48) * time.Hour).UTC().Format(time.RFC3339)})
	var noted []*corev1.Pod
	for _, p := range w.members(pick(dice, w.fleets)) {
		if p.Annotations[v1alpha1.AnnotationGate] != "" || key == v1alpha1.PodDeletionCost {
			noted = append(noted, p)
		}
	}
	edit(w, person, pick(dice, noted), func(p *corev1.Pod) { label(&p.Annotations, key, value) })
}

// unlabel takes a pod out of its fleet, or back into it.
func (w *world) unlabel(dice *rand.Rand) {
	app := pick(dice, []string{"web", "api", "other"})
	edit(w, person, w.somePod(dice), func(p *corev1.Pod) { p.Labels["app"] = app })
}

// editGate edits a gate that is not being deleted.
func (w *world) editGate(dice *rand.Rand, change func(*v1alpha1.TrafficGateSpec)) {
	if g := w.someGate(dice); g != nil && g.DeletionTimestamp == nil {
		edit(w, author, g, func(g *v1alpha1.TrafficGate) { change(&g.Spec) })
	}
}

func (w *world) editLimits(dice *rand.Rand) {
	w.editGate(dice, func(s *v1alpha1.TrafficGateSpec) {
		switch dice.IntN(5) {
		case 0:
			s.Limits.MinServing = w.someMinServing(pick(dice, w.fleets).namespace, dice)
		case 1:
			s.Limits.PerDomain.MaxGated = someLimit(dice)
		case 2:
			s.Limits.Headroom = nil
			if dice.IntN(2) == 0 {
				s.Limits.Headroom = someHeadroom("any", dice)
			}
		default:
			s.Limits.MaxGated = someLimit(dice)
		}
	})
}

func (w *world) editRecovery(dice *rand.Rand) {
	w.editGate(dice, func(s *v1alpha1.TrafficGateSpec) {
		s.Recovery.Then, s.Recovery.Retries = someThen(dice), new(int32(dice.IntN(4)))
		s.Recovery.MaxAfter = v1alpha1.DurationOf(s.Recovery.After.Std() * time.Duration(1+dice.IntN(4)))
	})
}

func (w *world) editSignals(dice *rand.Rand) {
	g := w.someGate(dice)
	if g != nil && g.DeletionTimestamp == nil {
		edit(w, author, g, func(g *v1alpha1.TrafficGate) { g.Spec.Signals = someSignals(g.Name, dice) })
	}
}

func (w *world) editMode(dice *rand.Rand) {
	w.editGate(dice, func(s *v1alpha1.TrafficGateSpec) { s.Mode = someMode(dice) })
}

// deleteGate deletes a gate, once in a while by force: without its finalizer.
func (w *world) deleteGate(dice *rand.Rand) {
	g := w.someGate(dice)
	if g == nil {
		return
	}
	_ = w.sim.server.Delete(author, g, false)
	if dice.IntN(4) == 0 {
		edit(w, author, g, func(g *v1alpha1.TrafficGate) { g.Finalizers = nil })
	}
}

// addGate makes a gate where one was deleted, or a second one for a Service.
func (w *world) addGate(dice *rand.Rand) {
	f := pick(dice, w.fleets)
	name := f.name
	if dice.IntN(8) == 0 {
		name += "-too"
	}
	w.makeGate(f.namespace, name, f.name, dice)
}

// editService changes a Service's selector, in ways that a gate must refuse too,
// or deletes it.
func (w *world) editService(dice *rand.Rand) {
	f := pick(dice, w.fleets)
	svc := &corev1.Service{}
	svc.Namespace, svc.Name = f.namespace, f.name
	if dice.IntN(5) == 0 {
		_ = w.sim.server.Delete(author, svc, false)
		return
	}
	selector := pick(dice, []map[string]string{
		{"app": f.name, w.key: v1alpha1.TrafficYes},
		{"app": f.name},
		{"tier": "front", w.key: v1alpha1.TrafficYes},
		{"app": f.name, "tier": "front", w.key: v1alpha1.TrafficYes},
		{w.key: v1alpha1.TrafficYes},
		{"app": f.name, w.key: v1alpha1.TrafficNo},
		{},
	})
	edit(w, author, svc, func(svc *corev1.Service) { svc.Spec.Selector = selector })
}

// neighbour is the name of another Service on some of a fleet's pods.
func neighbour(f *fleet) *corev1.Service {
	svc := &corev1.Service{}
	svc.Namespace, svc.Name = f.namespace, f.name+"-part"
	return svc
}

// editNeighbour makes, changes or deletes a Service on a part of a fleet, such as
// its newest revision or one zone; it mostly selects on the traffic label.
func (w *world) editNeighbour(dice *rand.Rand) {
	f := pick(dice, w.fleets)
	svc := neighbour(f)
	if dice.IntN(4) == 0 {
		_ = w.sim.server.Delete(author, svc, false)
		return
	}
	svc.Spec.Selector = pick(dice, []map[string]string{
		{"app": f.name, v1alpha1.LabelPodTemplateHash: revisionLabel(f)},
		{"app": f.name, v1alpha1.LabelPodTemplateHash: "r0"},
		{corev1.LabelTopologyZone: "zone-0"},
		{"app": f.name, corev1.LabelTopologyZone: "zone-1"},
		{},
	})
	if dice.IntN(5) > 0 {
		label(&svc.Spec.Selector, w.key, v1alpha1.TrafficYes)
	}
	_ = w.sim.server.Create(author, svc.DeepCopy())
	edit(w, author, svc, func(had *corev1.Service) { had.Spec.Selector = svc.Spec.Selector })
}

// mendServices makes every Service as it should be.
func (w *world) mendServices() {
	for _, f := range w.fleets {
		_ = w.sim.server.Delete(author, neighbour(f), false)
		svc := &corev1.Service{}
		svc.Namespace, svc.Name = f.namespace, f.name
		svc.Spec.Selector = map[string]string{"app": f.name, w.key: v1alpha1.TrafficYes}
		_ = w.sim.server.Create(author, svc.DeepCopy())
		edit(w, author, svc, func(had *corev1.Service) { had.Spec.Selector = svc.Spec.Selector })
	}
}
