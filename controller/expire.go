package controller

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
)

// expiryOf takes a person's override off a pod: the label, if it is still what
// the decision saw and ends when the decision thought, and what was noted of it.
// Nothing else of the person's is ever written.
func expiryOf(pod *corev1.Pod, d decide.Decision) []operation {
	label := "/metadata/labels/" + escape(v1alpha1.LabelOverride)
	until := "/metadata/annotations/" + escape(v1alpha1.AnnotationOverrideUntil)
	ops := []operation{{"test", "/metadata/uid", d.UID}}
	if d.Before.Override != "" {
		ops = append(ops, operation{"test", label, d.Before.Override}, operation{"test", until, d.Before.OverrideTime},
			operation{"remove", label, nil})
	} else { // there is no testing for a label that isn't there
		ops = append(ops, operation{"test", "/metadata/resourceVersion", pod.ResourceVersion})
	}
	return append(ops, annotationOps(pod.Annotations, map[string]string{
		v1alpha1.AnnotationOverrideUntil: "", v1alpha1.AnnotationOverrideReason: ""})...)
}
