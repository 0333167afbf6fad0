package enroll

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/overview"
	"github.com/podgate/podgate/controller/fleet"
)

// World is what enrolling a Service has to know.
type World struct {
	Service *corev1.Service
	// Key is the traffic label's.
	Key string
	// Gates and Services are those of the namespace, this Service left out.
	Gates    []v1alpha1.TrafficGate
	Services []corev1.Service
	Pods     []*corev1.Pod
	// Workloads own the pods; Unreadable are those that could not be read, with the
	// reason.
	Workloads  []Workload
	Unreadable []string
}

// Workload is what makes some of the pods: the object whose pod template counts,
// and everything between it and the pods.
type Workload struct {
	*unstructured.Unstructured
	// Selecting are all objects whose selectors the pods must go on matching, this
	// one included.
	Selecting []*unstructured.Unstructured
	Pods      int
}

// String names the workload as people do.
func (w Workload) String() string { return w.GetKind() + " " + w.GetName() }

// Read reads the world of a Service. An empty key is the one of the Service's gate,
// or the usual one if it has none.
func Read(ctx context.Context, c client.Client, svc *corev1.Service, key string) (*World, error) {
	w := &World{Service: svc, Key: key}
	var gates v1alpha1.TrafficGateList
	if err := c.List(ctx, &gates, client.InNamespace(svc.Namespace)); err != nil {
		return nil, err
	}
	w.Gates = gates.Items
	if own := w.gates(); w.Key == "" && len(own) > 0 {
		w.Key = own[0].Spec.TrafficLabel
	} else if w.Key == "" {
		w.Key = v1alpha1.LabelTraffic
	}
	var services corev1.ServiceList
	if err := c.List(ctx, &services, client.InNamespace(svc.Namespace)); err != nil {
		return nil, err
	}
	w.Services = slices.DeleteFunc(services.Items, func(s corev1.Service) bool { return s.Name == svc.Name })
	bare := fleet.BareSelector(svc, w.Key)
	if len(bare) == 0 {
		return w, nil
	}
	var err error
	if w.Pods, err = overview.Members(ctx, c, svc.Namespace, bare); err != nil {
		return nil, err
	}
	return w, w.readWorkloads(ctx, c)
}

// gates are those of this Service, the oldest first.
func (w *World) gates() (out []v1alpha1.TrafficGate) {
	for _, g := range w.Gates {
		if g.Spec.ServiceRef.Name == w.Service.Name && g.DeletionTimestamp.IsZero() {
			out = append(out, g)
		}
	}
	slices.SortFunc(out, func(a, b v1alpha1.TrafficGate) int { return a.CreationTimestamp.Compare(b.CreationTimestamp.Time) })
	return out
}

// readWorkloads follows the pods' owners up to the object that has the template.
func (w *World) readWorkloads(ctx context.Context, c client.Reader) error {
	found := map[string]int{} // by the UID of a pod's direct owner
	for _, p := range w.Pods {
		owner := metav1.GetControllerOf(p)
		if owner == nil {
			continue
		}
		if i, ok := found[string(owner.UID)]; ok {
			if i >= 0 {
				w.Workloads[i].Pods++
			}
			continue
		}
		chain, err := w.climb(ctx, c, owner)
		if err != nil {
			return err
		}
		found[string(owner.UID)] = -1
		if len(chain) > 0 {
			found[string(owner.UID)] = w.join(chain)
		}
	}
	slices.SortFunc(w.Workloads, func(a, b Workload) int { return strings.Compare(a.String(), b.String()) })
	return nil
}

// join adds a chain of owners with one pod, and returns its workload's index.
func (w *World) join(chain []*unstructured.Unstructured) int {
	top := chain[len(chain)-1]
	for i := range w.Workloads {
		if w.Workloads[i].GetUID() == top.GetUID() {
			w.Workloads[i].Pods++
			w.Workloads[i].Selecting = append(w.Workloads[i].Selecting, chain[:len(chain)-1]...)
			return i
		}
	}
	w.Workloads = append(w.Workloads, Workload{top, chain, 1})
	return len(w.Workloads) - 1
}

// climb reads a pod's owner and its owners as long as they have a pod template;
// the last of them is the workload.
func (w *World) climb(ctx context.Context, c client.Reader, owner *metav1.OwnerReference) (chain []*unstructured.Unstructured, err error) {
	for ; owner != nil; owner = metav1.GetControllerOf(chain[len(chain)-1]) {
		obj := &unstructured.Unstructured{}
		obj.SetAPIVersion(owner.APIVersion)
		obj.SetKind(owner.Kind)
		err := c.Get(ctx, client.ObjectKey{Namespace: w.Service.Namespace, Name: owner.Name}, obj)
		switch {
		case apierrors.IsNotFound(err):
			return chain, nil
		case apierrors.IsForbidden(err), meta.IsNoMatchError(err):
			if len(chain) == 0 {
				w.Unreadable = append(w.Unreadable, fmt.Sprintf("%s %s (%s)", owner.Kind, owner.Name, err))
			}
			return chain, nil
		case err != nil:
			return nil, err
		}
		if !hasTemplate(obj) && len(chain) > 0 {
			return chain, nil // an operator's object: its own affair
		}
		chain = append(chain, obj)
	}
	return chain, nil
}

func hasTemplate(obj *unstructured.Unstructured) bool {
	_, found, err := unstructured.NestedMap(obj.Object, "spec", "template", "spec")
	return found && err == nil
}

// templateLabel is the traffic label's value in the pod template; empty if there
// is none.
func (w Workload) templateLabel(key string) string {
	labels, _, _ := unstructured.NestedStringMap(w.Object, "spec", "template", "metadata", "labels")
	return labels[key]
}

// lacking are the pods without the traffic label.
func (w *World) lacking() (out []*corev1.Pod) {
	for _, p := range w.Pods {
		if _, ok := p.Labels[w.Key]; !ok {
			out = append(out, p)
		}
	}
	return out
}

// Enrolled reports whether the Service selects on the label.
func (w *World) Enrolled() bool { return w.Service.Spec.Selector[w.Key] == v1alpha1.TrafficYes }
