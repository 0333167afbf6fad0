package controller

import corev1 "k8s.io/api/core/v1"

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
