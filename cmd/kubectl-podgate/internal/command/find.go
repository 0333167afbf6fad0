package command

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/overview"
	"github.com/podgate/podgate/controller/fleet"
)

// nameOf takes a name as kubectl prints it, with or without what it is a name of.
func nameOf(arg string) string {
	_, name, found := strings.Cut(arg, "/")
	if !found {
		return arg
	}
	return name
}

// find reads an object. Where there is no such one, the error says which there are
// of its kind, and what to do otherwise.
func find(ctx context.Context, c client.Reader, namespace, arg string, into client.Object, all client.ObjectList, kind, otherwise string) error {
	err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: nameOf(arg)}, into)
	if !apierrors.IsNotFound(err) {
		return advised(err)
	}
	if err := c.List(ctx, all, client.InNamespace(namespace)); err != nil {
		return advised(err)
	}
	var names []string
	err = meta.EachListItem(all, func(o runtime.Object) error {
		accessor, err := meta.Accessor(o)
		if err == nil {
			names = append(names, accessor.GetName())
		}
		return err
	})
	if err != nil {
		return err
	}
	return missing(kind, nameOf(arg), namespace, names, otherwise)
}

func findGate(ctx context.Context, c client.Reader, namespace, arg string) (*v1alpha1.TrafficGate, error) {
	gate := &v1alpha1.TrafficGate{}
	return gate, find(ctx, c, namespace, arg, gate, &v1alpha1.TrafficGateList{}, "TrafficGate", "kubectl podgate list -A shows the gates of all namespaces")
}

func findPod(ctx context.Context, c client.Reader, namespace, arg string) (*corev1.Pod, error) {
	pod := &corev1.Pod{}
	return pod, find(ctx, c, namespace, arg, pod, &corev1.PodList{}, "pod", "name another namespace with -n")
}

func findService(ctx context.Context, c client.Reader, namespace, arg string) (*corev1.Service, error) {
	svc := &corev1.Service{}
	return svc, find(ctx, c, namespace, arg, svc, &corev1.ServiceList{}, "Service", "name another namespace with -n")
}

// worlds reads the gate of a name, or without one every gate of the namespace, with
// all that each has to do with.
func worlds(ctx context.Context, c client.Reader, namespace, arg string) (out []*overview.World, err error) {
	var gates v1alpha1.TrafficGateList
	if arg != "" {
		gate, err := findGate(ctx, c, namespace, arg)
		if err != nil {
			return nil, err
		}
		gates.Items = append(gates.Items, *gate)
	} else if err := c.List(ctx, &gates, client.InNamespace(namespace)); err != nil {
		return nil, advised(err)
	}
	for i := range gates.Items {
		w, err := overview.Read(ctx, c, &gates.Items[i])
		if err != nil {
			return nil, advised(err)
		}
		out = append(out, w)
	}
	return out, nil
}

// worldOf reads the gate that a pod is subject to, with all that it has to do with.
func worldOf(ctx context.Context, c client.Reader, pod *corev1.Pod) (*overview.World, error) {
	gate, err := gateOf(ctx, c, pod)
	if err != nil {
		return nil, err
	}
	w, err := overview.Read(ctx, c, gate)
	return w, advised(err)
}

// missing is the error for a name that nothing has, with those that are like it.
func missing(kind, name, namespace string, names []string, otherwise string) error {
	like := alike(name, names)
	if len(like) == 0 {
		return fmt.Errorf("there is no %s %q in namespace %s: %s", kind, name, namespace, otherwise)
	}
	return fmt.Errorf("there is no %s %q in namespace %s; there is %s; %s", kind, name, namespace, strings.Join(like, ", "), otherwise)
}

// alike are at most five of the names, those that begin most like name first.
func alike(name string, names []string) []string {
	common := func(other string) (n int) {
		for n < min(len(name), len(other)) && name[n] == other[n] {
			n++
		}
		return n
	}
	slices.Sort(names)
	slices.SortStableFunc(names, func(a, b string) int { return common(b) - common(a) })
	return names[:min(len(names), 5)]
}

// gateOf finds the gate that a pod is subject to: the oldest one whose Service has
// it, as the controller sees it.
func gateOf(ctx context.Context, c client.Reader, pod *corev1.Pod) (*v1alpha1.TrafficGate, error) {
	var all v1alpha1.TrafficGateList
	if err := c.List(ctx, &all, client.InNamespace(pod.Namespace)); err != nil {
		return nil, advised(err)
	}
	slices.SortFunc(all.Items, func(a, b v1alpha1.TrafficGate) int {
		if n := a.CreationTimestamp.Compare(b.CreationTimestamp.Time); n != 0 {
			return n
		}
		return strings.Compare(a.Name, b.Name)
	})
	for i := range all.Items {
		gate := &all.Items[i]
		var svc corev1.Service
		err := c.Get(ctx, client.ObjectKey{Namespace: gate.Namespace, Name: gate.Spec.ServiceRef.Name}, &svc)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, advised(err)
		}
		if fleet.Selects(fleet.BareSelector(&svc, gate.Spec.TrafficLabel), pod.Labels) {
			return gate, nil
		}
	}
	return nil, refused("pod %s belongs to no Service that has a TrafficGate in namespace %s, so nobody looks after it: kubectl podgate list -n %s shows the gates, and kubectl get svc -n %s -o wide what each Service selects",
		pod.Name, pod.Namespace, pod.Namespace, pod.Namespace)
}
