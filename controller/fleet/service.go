package fleet

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/podgate/podgate/api/v1alpha1"
)

// BareSelector is the Service's selector without the traffic label: what makes
// a pod a member of the fleet.
func BareSelector(svc *corev1.Service, trafficLabel string) labels.Set {
	out := labels.Set{}
	for k, v := range svc.Spec.Selector {
		if k != trafficLabel {
			out[k] = v
		}
	}
	return out
}

// Selects reports whether a bare selector has a pod with such labels. One that is
// empty has none.
func Selects(bare labels.Set, pod map[string]string) bool {
	return len(bare) > 0 && bare.AsSelector().Matches(labels.Set(pod))
}

// Named is the Service of a name among a namespace's; nil if there is none.
func Named(services []corev1.Service, name string) *corev1.Service {
	i := slices.IndexFunc(services, func(s corev1.Service) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return &services[i]
}

// neighbour is another Service that loses a pod when the one that is gated does, with
// what it selects by besides the traffic label.
type neighbour struct {
	name string
	bare labels.Selector
}

// neighboursOf are the neighbours of a gate's Service among those of its namespace,
// in the order of their names.
func neighboursOf(gate *v1alpha1.TrafficGate, services []corev1.Service) (out []neighbour) {
	key := gate.Spec.TrafficLabel
	for i := range services {
		svc := &services[i]
		if svc.Name != gate.Spec.ServiceRef.Name && svc.Spec.Type != corev1.ServiceTypeExternalName && svc.Spec.Selector[key] == v1alpha1.TrafficYes {
			out = append(out, neighbour{svc.Name, BareSelector(svc, key).AsSelector()})
		}
	}
	slices.SortFunc(out, func(a, b neighbour) int { return strings.Compare(a.name, b.name) })
	return out
}

// servicesOf are the names of the neighbours that have a pod, whatever its traffic
// label says.
func servicesOf(p *corev1.Pod, neighbours []neighbour) (names []string) {
	for _, n := range neighbours {
		if n.bare.Matches(labels.Set(p.Labels)) {
			names = append(names, n.name)
		}
	}
	return names
}

// CheckService refuses Services that select nothing, or everything.
func CheckService(svc *corev1.Service, trafficLabel string) error {
	switch {
	case svc.Spec.Type == corev1.ServiceTypeExternalName || len(svc.Spec.Selector) == 0:
		return Refuse(v1alpha1.ReasonServiceWithoutSelector,
			"Service %s has no selector, so its pods are not chosen by labels: name a Service with spec.selector in serviceRef", svc.Name)
	case len(BareSelector(svc, trafficLabel)) == 0:
		return Refuse(v1alpha1.ReasonSelectorTooWide,
			"Service %s selects on nothing besides %s, which would match every pod of the namespace: add the application's own labels to its spec.selector", svc.Name, trafficLabel)
	}
	return nil
}

// NotEnrolled says why flipping the label would have no effect on the Service,
// or nothing if it would.
func NotEnrolled(svc *corev1.Service, trafficLabel string) string {
	value, ok := svc.Spec.Selector[trafficLabel]
	switch {
	case !ok:
		return fmt.Sprintf("Service %s does not select on %s: make sure that every pod carries %s=%s, then add it to spec.selector",
			svc.Name, trafficLabel, trafficLabel, v1alpha1.TrafficYes)
	case value != v1alpha1.TrafficYes:
		return fmt.Sprintf("Service %s selects on %s=%s: it must be %s", svc.Name, trafficLabel, value, v1alpha1.TrafficYes)
	}
	return ""
}
