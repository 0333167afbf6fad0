package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
	"github.com/podgate/podgate/controller/fleet"
	"github.com/podgate/podgate/controller/measure"
)

// world is what a pass knows: the cluster as plain values, and the pods that
// may have to be written.
type world struct {
	policy       decide.Policy
	pods, strays []decide.Pod
	leaving      int                    // terminating pods of the Service
	selector     labels.Set             // of the fleet; nothing where that is not known
	objects      map[string]*corev1.Pod // by UID
	// refused says why the gate cannot work; nil if it can.
	refused *fleet.Refusal
	// unchecked says why it could not be checked, this time, whether the gate can
	// work; nobody is gated then. Empty if it could.
	unchecked string
	// unenrolled says why flipping the label has no effect; empty if it has.
	unenrolled string
}

// view is where the world is read from: the cache for an ordinary pass, the API
// server itself where a stale answer could hurt.
type view struct {
	client.Reader
	// indexed says that the reader knows the notedIndex.
	indexed bool
}

func (r *Reconciler) cached() view { return view{r.Client, true} }
func (r *Reconciler) live() view   { return view{r.Live, false} }

// load reads the world, and writes nothing. Without checks it does not ask
// whether taking pods out would be right: bringing them back always is.
func (r *Reconciler) load(ctx context.Context, from view, gate *v1alpha1.TrafficGate, checks bool) (*world, error) {
	w := &world{objects: map[string]*corev1.Pod{}}
	policy, err := measure.Policy(gate.Spec)
	if err != nil {
		err = fleet.Refuse(v1alpha1.ReasonInvalidSpec, "%v", err)
	} else {
		w.policy = policy
		err = r.loadFleet(ctx, from, gate, w, checks)
	}
	if err != nil && !errors.As(err, &w.refused) {
		return nil, err
	}
	return w, r.loadStrays(ctx, from, gate, w)
}

func (r *Reconciler) loadFleet(ctx context.Context, from view, gate *v1alpha1.TrafficGate, w *world, checks bool) error {
	key := gate.Spec.TrafficLabel
	// All, as others may lose the pods that this one loses. They are only read.
	var services corev1.ServiceList
	if err := from.List(ctx, &services, client.InNamespace(gate.Namespace), client.UnsafeDisableDeepCopy); err != nil {
		return err
	}
	svc := fleet.Named(services.Items, gate.Spec.ServiceRef.Name)
	if svc == nil {
		return fleet.Refuse(v1alpha1.ReasonServiceNotFound,
			"there is no Service %s in namespace %s: create it, or correct serviceRef", gate.Spec.ServiceRef.Name, gate.Namespace)
	}
	if err := fleet.CheckService(svc, key); err != nil {
		return err
	}
	w.unenrolled = fleet.NotEnrolled(svc, key)
	selector := fleet.BareSelector(svc, key)
	members, leaving, err := r.listFleet(ctx, from, gate.Namespace, selector)
	if err != nil {
		return err
	}
	w.leaving, w.selector = leaving, selector
	for _, p := range members {
		w.objects[string(p.UID)] = p
	}
	zone := func(p *corev1.Pod) (string, error) { return r.zone(ctx, p, gate.Spec.Limits.PerDomain.TopologyKey) }
	if w.pods, err = fleet.PodsOf(gate, members, services.Items, zone); err != nil {
		return err
	}
	if !checks {
		return nil
	}
	if err := r.checkOtherGates(ctx, gate, members); err != nil {
		return err
	}
	err = r.checkWorkloads(ctx, gate, members)
	if refused := (*fleet.Refusal)(nil); err != nil && !errors.As(err, &refused) {
		w.unchecked = err.Error()
		return nil
	}
	return err
}

// listFleet lists the pods of the fleet, and counts those that are leaving it.
func (r *Reconciler) listFleet(ctx context.Context, from view, namespace string, selector labels.Set) (out []*corev1.Pod, leaving int, err error) {
	var list corev1.PodList
	if err := from.List(ctx, &list, client.InNamespace(namespace), client.MatchingLabels(selector)); err != nil {
		return nil, 0, err
	}
	for i := range list.Items {
		switch p := &list.Items[i]; {
		case fleet.Member(p):
			out = append(out, p)
		case p.DeletionTimestamp != nil:
			leaving++
		}
	}
	return out, leaving, nil
}

// loadStrays finds pods that carry this gate's notes and are not of its fleet:
// the Service or its selector changed, or the pod's labels did.
func (r *Reconciler) loadStrays(ctx context.Context, from view, gate client.Object, w *world) error {
	var list corev1.PodList
	options := []client.ListOption{client.InNamespace(gate.GetNamespace())}
	if from.indexed {
		options = append(options, client.MatchingFields{notedIndex: gate.GetName()})
	}
	if err := from.List(ctx, &list, options...); err != nil {
		return err
	}
	for i := range list.Items {
		p := &list.Items[i]
		if p.Annotations[v1alpha1.AnnotationGate] != gate.GetName() || !fleet.Member(p) || w.objects[string(p.UID)] != nil {
			continue
		}
		if fleet.Selects(w.selector, p.Labels) {
			continue // it came after the fleet was listed
		}
		w.objects[string(p.UID)] = p
		w.strays = append(w.strays, fleet.PodOf(p, fleet.TrafficLabelOf(p)))
	}
	slices.SortFunc(w.strays, func(a, b decide.Pod) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// notedIndex is the cache's index of pods by the gate that their notes name.
const notedIndex = "podgate.noted"

func indexNoted(obj client.Object) []string {
	if gate := obj.GetAnnotations()[v1alpha1.AnnotationGate]; gate != "" {
		return []string{gate}
	}
	return nil
}

// describe names a gate in errors.
func describe(gate client.Object) string {
	return fmt.Sprintf("TrafficGate %s/%s", gate.GetNamespace(), gate.GetName())
}
