package apiserver

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/api/v1alpha1"
)

// Kind of an object.
type Kind string

// The kinds that there are.
const (
	Pod         Kind = "Pod"
	Service     Kind = "Service"
	ReplicaSet  Kind = "ReplicaSet"
	TrafficGate Kind = "TrafficGate"
)

// Kinds in the order in which a cache lists them.
var Kinds = []Kind{TrafficGate, Service, Pod}

// KindOf an object; it panics for one that the server does not know.
func KindOf(obj any) Kind {
	switch obj.(type) {
	case *corev1.Pod, *corev1.PodList:
		return Pod
	case *corev1.Service, *corev1.ServiceList:
		return Service
	case *appsv1.ReplicaSet:
		return ReplicaSet
	case *v1alpha1.TrafficGate, *v1alpha1.TrafficGateList:
		return TrafficGate
	}
	panic(fmt.Sprintf("the simulated API server has no %T", obj))
}

func (k Kind) resource() schema.GroupResource {
	switch k {
	case TrafficGate:
		return v1alpha1.GroupVersion.WithResource("trafficgates").GroupResource()
	case ReplicaSet:
		return schema.GroupResource{Group: "apps", Resource: "replicasets"}
	case Service:
		return schema.GroupResource{Resource: "services"}
	}
	return schema.GroupResource{Resource: "pods"}
}

// Change is one change of one object. Before is nil for one that is new, After
// for one that is gone. Neither is ever modified.
type Change struct {
	Revision int64
	// By is the field manager that wrote it.
	By            string
	Before, After client.Object
}

// Object is the changed object, as it is or as it was last.
func (c Change) Object() client.Object {
	if c.After != nil {
		return c.After
	}
	return c.Before
}

// Server holds the objects.
type Server struct {
	// Observe, if set, is told of each change as it happens.
	Observe func(Change)

	now      func() time.Time
	revision int64
	stores   map[Kind]*store
}

// store holds the objects of one kind.
type store struct {
	table
	changes []Change
	// owners are the managers of each label, by the object's UID.
	owners map[types.UID]map[string]string
}

// New returns an empty server whose clock is now.
func New(now func() time.Time) *Server {
	s := &Server{now: now, stores: map[Kind]*store{}}
	for _, k := range []Kind{Pod, Service, ReplicaSet, TrafficGate} {
		s.stores[k] = &store{table: newTable(), owners: map[types.UID]map[string]string{}}
	}
	return s
}

// Revision is that of the last change.
func (s *Server) Revision() int64 { return s.revision }

// Find returns an object that must not be modified; nil if there is none.
func (s *Server) Find(k Kind, key types.NamespacedName) client.Object {
	return s.stores[k].objects[key]
}

// All objects of a kind in a namespace, in the order of their names. They must
// not be modified.
func (s *Server) All(k Kind, namespace string) []client.Object {
	return s.stores[k].in(namespace)
}

// Create makes an object: what the server fills in is filled into obj.
func (s *Server) Create(by string, obj client.Object) error {
	k := KindOf(obj)
	key := client.ObjectKeyFromObject(obj)
	if s.Find(k, key) != nil {
		return apierrors.NewAlreadyExists(k.resource(), key.Name)
	}
	obj.SetUID(types.UID(fmt.Sprintf("%s-%s-%d", k, key.Name, s.revision+1)))
	obj.SetCreationTimestamp(metav1.NewTime(s.now().Truncate(time.Second)))
	obj.SetGeneration(1)
	s.commit(by, nil, obj.DeepCopyObject().(client.Object))
	obj.SetResourceVersion(strconv.FormatInt(s.revision, 10))
	return nil
}

// Edit changes an object. It reports NotFound if there is none.
func (s *Server) Edit(by string, obj client.Object, change func(client.Object)) error {
	k, key := KindOf(obj), client.ObjectKeyFromObject(obj)
	before := s.Find(k, key)
	if before == nil {
		return apierrors.NewNotFound(k.resource(), key.Name)
	}
	after := before.DeepCopyObject().(client.Object)
	change(after)
	s.replace(by, before, after)
	return nil
}

// Delete deletes an object: at once, or where it has finalizers or asks for a
// graceful end, by marking it.
func (s *Server) Delete(by string, obj client.Object, graceful bool) error {
	k, key := KindOf(obj), client.ObjectKeyFromObject(obj)
	before := s.Find(k, key)
	if before == nil {
		return apierrors.NewNotFound(k.resource(), key.Name)
	}
	if !graceful && len(before.GetFinalizers()) == 0 {
		s.commit(by, before, nil)
		return nil
	}
	if before.GetDeletionTimestamp() != nil {
		return nil
	}
	after := before.DeepCopyObject().(client.Object)
	after.SetDeletionTimestamp(new(metav1.NewTime(s.now().Truncate(time.Second))))
	after.SetGeneration(before.GetGeneration() + 1)
	s.commit(by, before, after)
	return nil
}

// replace commits a change, unless it is none. An object that waited for its
// last finalizer goes.
func (s *Server) replace(by string, before, after client.Object) {
	if equality.Semantic.DeepEqual(before, after) {
		return
	}
	if before.GetDeletionTimestamp() != nil && len(before.GetFinalizers()) > 0 && len(after.GetFinalizers()) == 0 {
		s.commit(by, before, nil)
		return
	}
	if b, ok := before.(*v1alpha1.TrafficGate); ok && !equality.Semantic.DeepEqual(b.Spec, after.(*v1alpha1.TrafficGate).Spec) {
		after.SetGeneration(before.GetGeneration() + 1)
	}
	s.commit(by, before, after)
}

// commit makes a change happen.
func (s *Server) commit(by string, before, after client.Object) {
	c := Change{By: by, Before: before, After: after}
	store := s.stores[KindOf(c.Object())]
	s.revision++
	c.Revision = s.revision
	if after != nil {
		after.SetResourceVersion(strconv.FormatInt(s.revision, 10))
		store.own(by, before, after)
	}
	store.apply(c)
	store.changes = append(store.changes, c)
	if s.Observe != nil {
		s.Observe(c)
	}
}

// table is objects by name, and their names in order.
type table struct {
	objects map[types.NamespacedName]client.Object
	names   map[string][]string // by namespace
}

func newTable() table {
	return table{objects: map[types.NamespacedName]client.Object{}, names: map[string][]string{}}
}

func (t *table) apply(c Change) {
	key := client.ObjectKeyFromObject(c.Object())
	names := t.names[key.Namespace]
	i, known := slices.BinarySearch(names, key.Name)
	switch {
	case c.After == nil:
		delete(t.objects, key)
		if known {
			t.names[key.Namespace] = slices.Delete(names, i, i+1)
		}
		return
	case !known:
		t.names[key.Namespace] = slices.Insert(names, i, key.Name)
	}
	t.objects[key] = c.After
}

// in a namespace, or in all if it is empty.
func (t *table) in(namespace string) []client.Object {
	if namespace == "" {
		var out []client.Object
		for _, ns := range slices.Sorted(maps.Keys(t.names)) {
			out = append(out, t.in(ns)...)
		}
		return out
	}
	out := make([]client.Object, 0, len(t.names[namespace]))
	for _, name := range t.names[namespace] {
		out = append(out, t.objects[types.NamespacedName{Namespace: namespace, Name: name}])
	}
	return out
}
