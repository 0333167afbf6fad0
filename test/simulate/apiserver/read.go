package apiserver

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/api/v1alpha1"
)

// Get reads an object as it is now.
func (s *Server) Get(key types.NamespacedName, into client.Object) error {
	if u, ok := into.(*unstructured.Unstructured); ok {
		return s.getUnstructured(key, u)
	}
	k := KindOf(into)
	return get(&s.stores[k].table, k, key, into)
}

// List reads the objects of a kind as they are now.
func (s *Server) List(into client.ObjectList, opts ...client.ListOption) error {
	return list(&s.stores[KindOf(into)].table, into, opts)
}

func (s *Server) getUnstructured(key types.NamespacedName, into *unstructured.Unstructured) error {
	k := Kind(into.GetKind())
	if s.stores[k] == nil {
		return apierrors.NewForbidden(k.resource(), key.Name, fmt.Errorf("nobody may read a %s", k))
	}
	obj := s.Find(k, key)
	if obj == nil {
		return apierrors.NewNotFound(k.resource(), key.Name)
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	into.Object = content
	return err
}

func get(t *table, k Kind, key types.NamespacedName, into client.Object) error {
	obj, ok := t.objects[key]
	if !ok {
		return apierrors.NewNotFound(k.resource(), key.Name)
	}
	copyInto(obj, into)
	return nil
}

// copyInto copies an object, so that it may be modified.
func copyInto(obj, into client.Object) {
	switch into := into.(type) {
	case *corev1.Pod:
		obj.(*corev1.Pod).DeepCopyInto(into)
	case *corev1.Service:
		obj.(*corev1.Service).DeepCopyInto(into)
	case *appsv1.ReplicaSet:
		obj.(*appsv1.ReplicaSet).DeepCopyInto(into)
	case *v1alpha1.TrafficGate:
		obj.(*v1alpha1.TrafficGate).DeepCopyInto(into)
	}
}

// list fills a list with the objects that the options select. Items share their
// maps with the table: a reader that modifies them breaks the simulation, as
// it would break a cache that does not copy.
func list(t *table, into client.ObjectList, opts []client.ListOption) error {
	o := client.ListOptions{}
	for _, opt := range opts {
		opt.ApplyToList(&o)
	}
	for _, obj := range t.in(o.Namespace) {
		if selects(o, obj) {
			appendTo(into, obj)
		}
	}
	return nil
}

// selects reports whether a list asks for an object. The one field that can be
// selected by is the index that the controller asks for: the gate of a pod's
// notes.
func selects(o client.ListOptions, obj client.Object) bool {
	if o.LabelSelector != nil && !o.LabelSelector.Matches(labels.Set(obj.GetLabels())) {
		return false
	}
	if o.FieldSelector == nil {
		return true
	}
	for _, r := range o.FieldSelector.Requirements() {
		if obj.GetAnnotations()[v1alpha1.AnnotationGate] != r.Value {
			return false
		}
	}
	return true
}

func appendTo(into client.ObjectList, obj client.Object) {
	switch l := into.(type) {
	case *corev1.PodList:
		l.Items = append(l.Items, *obj.(*corev1.Pod))
	case *corev1.ServiceList:
		l.Items = append(l.Items, *obj.(*corev1.Service))
	case *v1alpha1.TrafficGateList:
		l.Items = append(l.Items, *obj.(*v1alpha1.TrafficGate))
	}
}
