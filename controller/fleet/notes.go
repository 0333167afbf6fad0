package fleet

import (
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
)

// maxRelapses is how many relapses are believed: more change nothing.
const maxRelapses = 1000

// MemoryOf reads Podgate's notes. A time that cannot be read counts as long
// past: whatever happened to the note, the pod is due to come back.
func MemoryOf(a map[string]string) decide.Memory {
	relapses, _ := strconv.Atoi(a[v1alpha1.AnnotationRelapses])
	return decide.Memory{
		Gate:       a[v1alpha1.AnnotationGate],
		GatedAt:    timeOf(a, v1alpha1.AnnotationGatedAt),
		GatedUntil: timeOf(a, v1alpha1.AnnotationGatedUntil),
		ReleasedAt: timeOf(a, v1alpha1.AnnotationReleasedAt), ReleasedFor: decide.Reason(a[v1alpha1.AnnotationReleasedFor]),
		Relapses: min(max(relapses, 0), maxRelapses),
		Reason:   a[v1alpha1.AnnotationReason],
		Voided:   a[v1alpha1.AnnotationVoided],
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

// AnnotationsOf is what is to be noted for a memory; an empty value means that
// there is to be no such annotation.
func AnnotationsOf(m decide.Memory, trafficLabel string) map[string]string {
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
		v1alpha1.AnnotationReleasedFor:  string(m.ReleasedFor),
		v1alpha1.AnnotationRelapses:     "",
		v1alpha1.AnnotationReason:       m.Reason,
		v1alpha1.AnnotationVoided:       m.Voided,
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

// TrafficLabelOf is the traffic key under which a pod was gated.
func TrafficLabelOf(p *corev1.Pod) string {
	if key := p.Annotations[v1alpha1.AnnotationTrafficLabel]; key != "" {
		return key
	}
	return v1alpha1.LabelTraffic
}
