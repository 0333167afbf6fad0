package controller

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/fleet"
)

// checkOtherGates refuses a gate whose Service, or some of whose pods, an older
// gate has.
func (r *Reconciler) checkOtherGates(ctx context.Context, gate *v1alpha1.TrafficGate, pods []*corev1.Pod) error {
	var all v1alpha1.TrafficGateList
	if err := r.List(ctx, &all, client.InNamespace(gate.Namespace)); err != nil {
		return err
	}
	for i := range all.Items {
		other := &all.Items[i]
		if other.Name == gate.Name || !other.DeletionTimestamp.IsZero() {
			continue
		}
		if other.Spec.ServiceRef == gate.Spec.ServiceRef {
			if older(other, gate) {
				return fleet.Refuse(v1alpha1.ReasonDuplicateGate,
					"TrafficGate %s is older and has Service %s: put all signals into that one, and delete this", other.Name, gate.Spec.ServiceRef.Name)
			}
			continue
		}
		if !older(other, gate) {
			continue
		}
		if err := r.checkShared(ctx, gate, other, pods); err != nil {
			return err
		}
	}
	return nil
}

func older(a, b *v1alpha1.TrafficGate) bool {
	if !a.CreationTimestamp.Equal(&b.CreationTimestamp) {
		return a.CreationTimestamp.Before(&b.CreationTimestamp)
	}
	return a.Name < b.Name
}

// checkShared refuses pods that another gated Service has too: taking one out
// here would take it out there, beyond that gate's limits.
func (r *Reconciler) checkShared(ctx context.Context, gate, other *v1alpha1.TrafficGate, pods []*corev1.Pod) error {
	var svc corev1.Service
	err := r.Get(ctx, types.NamespacedName{Namespace: other.Namespace, Name: other.Spec.ServiceRef.Name}, &svc)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	bare := fleet.BareSelector(&svc, other.Spec.TrafficLabel)
	for _, p := range pods {
		if fleet.Selects(bare, p.Labels) {
			return fleet.Refuse(v1alpha1.ReasonSharedPods,
				"pod %s belongs to Service %s of this gate and to Service %s of TrafficGate %s, which is older: give the Services selectors that share no pods, or keep one of the gates",
				p.Name, gate.Spec.ServiceRef.Name, svc.Name, other.Name)
		}
	}
	return nil
}

// checkWorkloads refuses a traffic label that a workload selects its pods by:
// flipping it would orphan the pod, and the workload would start another.
func (r *Reconciler) checkWorkloads(ctx context.Context, gate *v1alpha1.TrafficGate, pods []*corev1.Pod) error {
	for _, p := range pods {
		owner := metav1.GetControllerOf(p)
		if owner == nil {
			continue
		}
		keys, err := r.selectorKeys(ctx, p.Namespace, owner)
		if err != nil {
			return err
		}
		if slices.Contains(keys, gate.Spec.TrafficLabel) {
			return fleet.Refuse(v1alpha1.ReasonTrafficKeyInWorkload,
				"%s %s selects its pods by %s, so flipping it would orphan them: take %s out of the workload's spec.selector (of the Deployment, if it belongs to one) and leave it in the pod template",
				owner.Kind, owner.Name, gate.Spec.TrafficLabel, gate.Spec.TrafficLabel)
		}
	}
	return nil
}

// selectorKeys returns the label keys that a workload selects its pods by. They
// cannot change during the workload's life, so each is read once.
func (r *Reconciler) selectorKeys(ctx context.Context, namespace string, owner *metav1.OwnerReference) ([]string, error) {
	if keys, ok := r.workloads.Load(owner.UID); ok {
		return keys.([]string), nil
	}
	obj := &unstructured.Unstructured{}
	obj.SetAPIVersion(owner.APIVersion)
	obj.SetKind(owner.Kind)
	err := r.Live.Get(ctx, types.NamespacedName{Namespace: namespace, Name: owner.Name}, obj)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil // its pods go soon
	case apierrors.IsForbidden(err), meta.IsNoMatchError(err):
		// An API server that has just started says so too, until it knows its roles: that
		// must not bring back whom the gate has taken out, as a refusal would.
		return nil, fmt.Errorf("%s %s (%s) cannot be read: grant the controller's role \"get\" on it (%w)", owner.Kind, owner.Name, owner.APIVersion, err)
	case err != nil:
		return nil, fmt.Errorf("reading %s %s: %w", owner.Kind, owner.Name, err)
	}
	keys := fleet.SelectorKeys(obj)
	r.workloads.Store(owner.UID, keys)
	return keys, nil
}
