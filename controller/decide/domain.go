package decide

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/podgate/podgate/anomaly"
	"github.com/podgate/podgate/api/v1alpha1"
)

// byChance is how improbable it must be that bad pods gather in one domain by
// chance, before the domain is suspected.
const byChance = 0.05

// Domain is a zone, node or revision, and how the pods in it look beside those
// elsewhere. Only pods that are out on evidence or can be told about count.
type Domain struct {
	// Kind is one of the reasons of the condition DomainSuspected.
	Kind, Name string
	// Bad of Pods look bad or are out, BadElsewhere of PodsElsewhere in the other
	// domains of that kind.
	Bad, Pods, BadElsewhere, PodsElsewhere int
}

// String says what there is against a domain.
func (d Domain) String() string {
	return fmt.Sprintf("%d of %d pods of %s %s look bad or are out, and %d of %d elsewhere: the fault may be the %s's",
		d.Bad, d.Pods, d.noun(), d.Name, d.BadElsewhere, d.PodsElsewhere, d.noun())
}

func (d Domain) noun() string {
	return map[string]string{v1alpha1.ReasonZoneSuspected: "zone", v1alpha1.ReasonNodeSuspected: "node",
		v1alpha1.ReasonRevisionSuspected: "revision"}[d.Kind]
}

// chance is how probable it is that at least so many of the bad pods are in this
// domain if it has nothing to do with them.
func (d Domain) chance() float64 {
	return anomaly.Concentration(d.Bad, d.Pods, d.Bad+d.BadElsewhere, d.Pods+d.PodsElsewhere)
}

// explains reports whether the domain explains the bad pods better than they do
// themselves: at least two of them, most of the domain, and hardly by chance.
func (d Domain) explains() bool {
	return d.Bad >= 2 && 2*d.Bad > d.Pods && d.PodsElsewhere > 0 && d.chance() < byChance
}

// dimensions are the kinds of domain. Of two that explain equally well, the
// first is blamed: a rollout is the likelier cause, and a node is the more
// precise answer than its zone.
var dimensions = []struct {
	kind string
	of   func(Pod) string
}{
	{v1alpha1.ReasonRevisionSuspected, func(p Pod) string { return p.Revision }},
	{v1alpha1.ReasonNodeSuspected, func(p Pod) string { return p.Node }},
	{v1alpha1.ReasonZoneSuspected, func(p Pod) string { return p.Zone }},
}

// findDomain returns the domain that explains the outliers best; none if no
// serving pod looks bad now.
func (s *step) findDomain() (best Domain) {
	if len(s.outliers()) == 0 {
		return Domain{}
	}
	for _, dim := range dimensions {
		for _, d := range s.domains(dim.kind, dim.of) {
			if d.explains() && (best.Kind == "" || d.chance() < best.chance()) {
				best = d
			}
		}
	}
	return best
}

// domains counts the pods of each domain of a kind, in the order of their names.
func (s *step) domains(kind string, of func(Pod) string) []Domain {
	by := map[string]Domain{}
	all := Domain{}
	for _, p := range s.pods {
		name, bad := of(p), s.looksBad(p)
		if name == "" || (!bad && s.finding(p).Class != anomaly.Normal) {
			continue
		}
		d := by[name]
		d.Kind, d.Name, d.Pods = kind, name, d.Pods+1
		all.Pods++
		if bad {
			d.Bad++
			all.Bad++
		}
		by[name] = d
	}
	out := slices.SortedFunc(maps.Values(by), func(a, b Domain) int { return cmp.Compare(a.Name, b.Name) })
	for i := range out {
		out[i].BadElsewhere, out[i].PodsElsewhere = all.Bad-out[i].Bad, all.Pods-out[i].Pods
	}
	return out
}

// domainLimitReached: of one zone, and of the node or revision that is
// suspected, no more pods may be out than limits.perDomain says.
func domainLimitReached(s *step, p Pod) string {
	for _, dim := range dimensions {
		name := dim.of(p)
		suspected := s.plan.Domain.Kind == dim.kind && s.plan.Domain.Name == name
		if name == "" || (dim.kind != v1alpha1.ReasonZoneSuspected && !suspected) {
			continue
		}
		c := s.countOf(func(q Pod) bool { return dim.of(q) == name })
		if limit := s.Policy.PerDomain.of(c.Total, 1); c.Out()+1 > limit {
			why := fmt.Sprintf("%d of %d pods of %s %s may be out, and %d are", limit, c.Total, Domain{Kind: dim.kind}.noun(), name, c.Out())
			if suspected {
				why += "; " + s.plan.Domain.String()
			}
			return why
		}
	}
	return ""
}
