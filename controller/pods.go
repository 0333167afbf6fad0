package controller

import (
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
)

// inFleet reports whether a pod counts as a member of a fleet: not terminating,
// and not finished.
func inFleet(p *corev1.Pod) bool {
	return p.DeletionTimestamp == nil && p.Status.Phase != corev1.PodSucceeded && p.Status.Phase != corev1.PodFailed
}

// podOf reduces a pod to what decisions need.
func podOf(p *corev1.Pod, trafficLabel string) decide.Pod {
	ready, since := readiness(p)
	traffic, labelled := p.Labels[trafficLabel]
	return decide.Pod{
		Name: p.Name, UID: string(p.UID), Ready: ready, ReadySince: since,
		Traffic: traffic, Labelled: labelled,
		ByOther:  traffic == v1alpha1.TrafficNo && writtenByOther(p.ManagedFields, trafficLabel),
		Override: p.Labels[v1alpha1.LabelOverride],
		Memory:   memoryOf(p.Annotations),
	}
}

func readiness(p *corev1.Pod) (bool, time.Time) {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue, c.LastTransitionTime.Time
		}
	}
	return false, time.Time{}
}

// writtenByOther reports whether managedFields say that somebody else than
// Podgate wrote the label last. Where they say nothing, it is taken as ours:
// then the annotations decide.
func writtenByOther(fields []metav1.ManagedFieldsEntry, label string) bool {
	path := fieldpath.MakePathOrDie("metadata", "labels", label)
	other := false
	for _, f := range fields {
		if f.FieldsV1 == nil || f.Subresource != "" {
			continue
		}
		var set fieldpath.Set
		if err := set.FromJSON(f.FieldsV1.GetRawReader()); err != nil || !set.Has(path) {
			continue
		}
		if f.Manager == v1alpha1.FieldManager {
			return false
		}
		other = true
	}
	return other
}

// memoryOf reads Podgate's notes. A time that cannot be read counts as long
// past: whatever happened to the note, the pod is due to come back.
func memoryOf(a map[string]string) decide.Memory {
	relapses, _ := strconv.Atoi(a[v1alpha1.AnnotationRelapses])
	return decide.Memory{
		Gate:       a[v1alpha1.AnnotationGate],
		GatedAt:    timeOf(a, v1alpha1.AnnotationGatedAt),
		GatedUntil: timeOf(a, v1alpha1.AnnotationGatedUntil),
		ReleasedAt: timeOf(a, v1alpha1.AnnotationReleasedAt),
		Relapses:   max(relapses, 0),
		Reason:     a[v1alpha1.AnnotationReason],
	}
}

func timeOf(a map[string]string, key string) time.Time {
	text, ok := a[key]
	if !ok {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Unix(0, 0)
	}
	return t
}

// annotationsOf is what is to be noted for a memory; an empty value means that
// there is to be no such annotation.
func annotationsOf(m decide.Memory, trafficLabel string) map[string]string {
	stamp := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(time.RFC3339)
	}
	out := map[string]string{
		v1alpha1.AnnotationGate:         m.Gate,
		v1alpha1.AnnotationGatedAt:      stamp(m.GatedAt),
		v1alpha1.AnnotationGatedUntil:   stamp(m.GatedUntil),
		v1alpha1.AnnotationReleasedAt:   stamp(m.ReleasedAt),
		v1alpha1.AnnotationRelapses:     "",
		v1alpha1.AnnotationReason:       m.Reason,
		v1alpha1.AnnotationTrafficLabel: "",
	}
	if m.Relapses > 0 {
		out[v1alpha1.AnnotationRelapses] = strconv.Itoa(m.Relapses)
	}
	if m.Gate != "" && trafficLabel != v1alpha1.LabelTraffic {
		out[v1alpha1.AnnotationTrafficLabel] = trafficLabel
	}
	return out
}

// StripPod drops what Podgate never reads from a pod on its way into the cache.
// It is a cache transform (sigs.k8s.io/controller-runtime/pkg/cache).
func StripPod(obj any) (any, error) {
	p, ok := obj.(*corev1.Pod)
	if !ok {
		return obj, nil
	}
	p.Spec = corev1.PodSpec{NodeName: p.Spec.NodeName}
	p.Status = corev1.PodStatus{Phase: p.Status.Phase, Conditions: p.Status.Conditions}
	kept := p.ManagedFields[:0]
	for _, f := range p.ManagedFields {
		if f.Subresource == "" {
			kept = append(kept, f)
		}
	}
	p.ManagedFields = kept
	return p, nil
}
