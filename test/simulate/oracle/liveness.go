package oracle

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/test/simulate/apiserver"
)

// Stranded is a violation of what must come about in the end.
func (o *Oracle) Stranded(format string, args ...any) *Violation {
	return broken(NotStranded, format, args...)
}

// pods are all pods that live, in the order of their names.
func (o *Oracle) pods() (out []version) {
	var namespaces []string
	for key := range o.objects[apiserver.Pod] {
		if !slices.Contains(namespaces, key.Namespace) {
			namespaces = append(namespaces, key.Namespace)
		}
	}
	slices.Sort(namespaces)
	for _, ns := range namespaces {
		for _, v := range o.podsAt(ns, o.revision) {
			if lives(v.pod()) {
				out = append(out, v)
			}
		}
	}
	return out
}

// PutBack calls do for every pod that a person keeps out, or that only a person can
// know of.
func (o *Oracle) PutBack(do func(*corev1.Pod)) {
	for _, v := range o.pods() {
		if v.holder == byPerson || o.unknown(v) {
			do(v.pod())
		}
	}
}

// Held is how many pods gates of a name keep out.
func (o *Oracle) Held(gate string) (n int) {
	for _, v := range o.pods() {
		if v.heldFor(gate) {
			n++
		}
	}
	return n
}

// unknown reports whether nothing tells any more that the controller keeps a pod out:
// somebody took off the notes, and it is of no gate's fleet.
func (o *Oracle) unknown(v version) bool {
	if !v.lost {
		return false
	}
	for key := range o.objects[apiserver.TrafficGate] {
		if g, _ := o.now(apiserver.TrafficGate, key).obj.(*v1alpha1.TrafficGate); o.selects(o.serviceOf(g), v.pod()) {
			return false
		}
	}
	return true
}

func (o *Oracle) gateOf(v version) (g *v1alpha1.TrafficGate, svc *corev1.Service) {
	key := types.NamespacedName{Namespace: v.obj.GetNamespace(), Name: v.gate}
	g, _ = o.now(apiserver.TrafficGate, key).obj.(*v1alpha1.TrafficGate)
	return g, o.serviceOf(g)
}

func (o *Oracle) serviceOf(g *v1alpha1.TrafficGate) *corev1.Service {
	if g == nil {
		return nil
	}
	svc, _ := o.now(apiserver.Service, types.NamespacedName{Namespace: g.Namespace, Name: g.Spec.ServiceRef.Name}).obj.(*corev1.Service)
	return svc
}

// EverybodyBack is nil when nobody is kept out but pods that have no trial left.
func (o *Oracle) EverybodyBack() error {
	for _, v := range o.pods() {
		if v.holder == nobody {
			continue
		}
		g, svc := o.gateOf(v)
		noted := v.holder == byEvidence || v.scribbled && notedOut(v.pod()) // a person may have written so
		if o.acts(g, svc) && !o.refused(g, svc) && o.selects(svc, v.pod()) && noted && spent(g.Spec.Recovery, v.pod()) {
			if g.Spec.Recovery.Then == v1alpha1.ThenHold || len(v.pod().OwnerReferences) == 0 {
				continue
			}
		}
		return fmt.Errorf("pod %s/%s is kept out by %s for gate %q", v.obj.GetNamespace(), v.obj.GetName(), v.holder, v.gate)
	}
	return nil
}

// Out is nil when the pod is out on evidence, or gone.
func (o *Oracle) Out(p *corev1.Pod) error {
	v := o.now(apiserver.Pod, types.NamespacedName{Namespace: p.Namespace, Name: p.Name})
	if v.obj == nil || v.obj.GetUID() != p.UID || v.holder == byEvidence {
		return nil
	}
	return fmt.Errorf("pod %s/%s is in traffic", p.Namespace, p.Name)
}

// Candidate is a pod that a gate would have to take out if it got sick; nil if
// there is none.
func (o *Oracle) Candidate(g *v1alpha1.TrafficGate, pick func(n int) int) *corev1.Pod {
	svc := o.serviceOf(g)
	if !o.acts(g, svc) || o.refused(g, svc) || !plain(g.Spec.Signals) || g.Spec.Limits.Headroom != nil {
		return nil
	}
	s := &settled{Oracle: o, g: g, svc: svc, fleet: o.fleet(svc, o.revision)}
	out := len(s.fleet) - s.count(serving)
	if out+1 > allowance(g, len(s.fleet)) || s.count(serving)-1 < int(g.Spec.Limits.MinServing) || s.count(serving) < 2*out+4 {
		return nil
	}
	v := s.fleet[pick(len(s.fleet))]
	key, domain, outOf := g.Spec.Limits.PerDomain.TopologyKey, 0, 0
	for _, other := range s.fleet {
		if zone := other.obj.GetLabels()[key]; zone != "" && zone == v.obj.GetLabels()[key] {
			domain++
			if s.stateOf(other, g.Name) != serving {
				outOf++
			}
		}
	}
	zoned := domain > 0 && outOf+1 > share(g.Spec.Limits.PerDomain.MaxGated, domain, 1)
	neighboured := slices.ContainsFunc(o.losers(svc, o.revision), func(other *corev1.Service) bool { return o.selects(other, v.pod()) })
	if neighboured || s.sharesWithOut(v) || s.stateOf(v, g.Name) != serving || timeOf(v.pod(), v1alpha1.AnnotationGatedUntil).After(time.Time{}) || zoned {
		return nil
	}
	return v.pod()
}

// sharesWithOut reports whether a pod shares its node, or its revision where there are
// several, with one that is out: it may then be held by that domain's limit.
func (s *settled) sharesWithOut(v version) bool {
	revision := func(v version) string { return v.pod().Labels[v1alpha1.LabelPodTemplateHash] }
	several := slices.ContainsFunc(s.fleet, func(other version) bool { return revision(other) != revision(v) })
	return slices.ContainsFunc(s.fleet, func(other version) bool {
		return s.stateOf(other, s.g.Name) != serving && (other.pod().Spec.NodeName == v.pod().Spec.NodeName || several && revision(other) == revision(v))
	})
}

// NothingLeft is nil when no gate is there, nobody is out, and nothing is noted
// on any pod.
func (o *Oracle) NothingLeft() error {
	for key, versions := range o.objects[apiserver.TrafficGate] {
		if versions[len(versions)-1].obj != nil {
			return fmt.Errorf("gate %s is still there", key)
		}
	}
	for _, v := range o.pods() {
		if v.holder != nobody && v.holder != byPerson {
			return fmt.Errorf("pod %s/%s is kept out by %s", v.obj.GetNamespace(), v.obj.GetName(), v.holder)
		}
		if gate := v.obj.GetAnnotations()[v1alpha1.AnnotationGate]; gate != "" {
			return fmt.Errorf("pod %s/%s carries notes of gate %q", v.obj.GetNamespace(), v.obj.GetName(), gate)
		}
	}
	return nil
}
