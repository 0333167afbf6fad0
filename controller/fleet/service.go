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

// Neighbours are those of a namespace's Services that lose a pod when the one that is
// gated does: all others that select on the traffic label, in the order of their
// names.
func Neighbours(services []corev1.Service, gated, trafficLabel string) (out []corev1.Service) {
	for _, svc := range services {
		if svc.Name != gated && svc.Spec.Type != corev1.ServiceTypeExternalName && svc.Spec.Selector[trafficLabel] == v1alpha1.TrafficYes {
			out = append(out, svc)
		}
	}
	slices.SortFunc(out, func(a, b corev1.Service) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// servicesOf are the names of those Services that have a pod, whatever its traffic
// label says.
func servicesOf(p *corev1.Pod, of []corev1.Service, trafficLabel string) (names []string) {
	for i := range of {
		if BareSelector(&of[i], trafficLabel).AsSelector().Matches(labels.Set(p.Labels)) {
			names = append(names, of[i].Name)
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
