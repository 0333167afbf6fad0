package fleet

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
)

// Member reports whether a pod counts as a member of a fleet: not terminating,
// and not finished.
func Member(p *corev1.Pod) bool {
	return p.DeletionTimestamp == nil && p.Status.Phase != corev1.PodSucceeded && p.Status.Phase != corev1.PodFailed
}

// PodOf reduces a pod to what decisions need, under the traffic key trafficLabel.
// Its zone and stratum are the caller's to fill in: a pod does not know them.
func PodOf(p *corev1.Pod, trafficLabel string) decide.Pod {
	ready, since := Readiness(p)
	traffic, labelled := p.Labels[trafficLabel]
	us, other := false, false
	if traffic == v1alpha1.TrafficNo {
		us, other = writers(p.ManagedFields, trafficLabel)
	}
	until, _ := time.Parse(time.RFC3339, p.Annotations[v1alpha1.AnnotationOverrideUntil]) // zero if it is no time
	return decide.Pod{
		Name: p.Name, UID: string(p.UID), Ready: ready, ReadySince: since,
		Owned: metav1.GetControllerOf(p) != nil, Node: p.Spec.NodeName, Revision: revisionOf(p),
		Traffic: traffic, Labelled: labelled,
		ByOther: other, ByUs: us, FirstToGo: p.Annotations[v1alpha1.PodDeletionCost] == v1alpha1.GatedDeletionCost,
		Override: p.Labels[v1alpha1.LabelOverride], OverrideUntil: until,
		OverrideTime: p.Annotations[v1alpha1.AnnotationOverrideUntil], OverrideReason: p.Annotations[v1alpha1.AnnotationOverrideReason],
		Memory: MemoryOf(p.Annotations),
	}
}

// PodsOf reduces the members of a gate's fleet to what its decisions need. services
// are those of the namespace. zone says in which domain of
// limits.perDomain.topologyKey a pod is, empty where that is not known.
func PodsOf(gate *v1alpha1.TrafficGate, members []*corev1.Pod, services []corev1.Service, zone func(*corev1.Pod) (string, error)) ([]decide.Pod, error) {
	var out []decide.Pod
	neighbours := neighboursOf(gate, services)
	for _, p := range members {
		pod := PodOf(p, gate.Spec.TrafficLabel)
		if gate.Spec.StratumLabel != "" {
			pod.Stratum = p.Labels[gate.Spec.StratumLabel]
		}
		pod.Services = servicesOf(p, neighbours)
		var err error
		if pod.Zone, err = zone(p); err != nil {
			return nil, err
		}
		out = append(out, pod)
	}
	decide.Stratify(out)
	return out, nil
}

// revisionOf is what its workload calls the template that the pod was made from;
// empty where it does not say.
func revisionOf(p *corev1.Pod) string {
	if hash := p.Labels[v1alpha1.LabelPodTemplateHash]; hash != "" {
		return hash
	}
	return p.Labels[v1alpha1.LabelControllerRevisionHash]
}

// Readiness is whether a pod is Ready, and since when it is what it is.
func Readiness(p *corev1.Pod) (bool, time.Time) {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue, c.LastTransitionTime.Time
		}
	}
	return false, time.Time{}
}

// writers says who wrote a label last, as managedFields tell: Podgate, somebody
// else, or nobody knows. Where they say nothing the annotations decide.
func writers(fields []metav1.ManagedFieldsEntry, label string) (us, other bool) {
	path := fieldpath.MakePathOrDie("metadata", "labels", label)
	for _, f := range fields {
		if f.FieldsV1 == nil || f.Subresource != "" {
			continue
		}
		var set fieldpath.Set
		if err := set.FromJSON(f.FieldsV1.GetRawReader()); err != nil || !set.Has(path) {
			continue
		}
		if f.Manager == v1alpha1.FieldManager {
			return true, false
		}
		other = true
	}
	return false, other
}
