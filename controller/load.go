package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
)

// world is what a pass knows: the cluster as plain values, and the pods that
// may have to be written.
type world struct {
	policy       decide.Policy
	pods, strays []decide.Pod
	objects      map[string]*corev1.Pod // by UID
	// refused says why the gate cannot work; nil if it can.
	refused *refusal
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
	policy, err := policyOf(gate.Spec)
	if err == nil {
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
	var svc corev1.Service
	err := from.Get(ctx, types.NamespacedName{Namespace: gate.Namespace, Name: gate.Spec.ServiceRef.Name}, &svc)
	if apierrors.IsNotFound(err) {
		return refuse(v1alpha1.ReasonServiceNotFound,
			"there is no Service %s in namespace %s: create it, or correct serviceRef", gate.Spec.ServiceRef.Name, gate.Namespace)
	}
	if err != nil {
		return err
	}
	if err := checkService(&svc, key); err != nil {
		return err
	}
	w.unenrolled = notEnrolled(&svc, key)
	fleet, err := r.listFleet(ctx, from, gate.Namespace, bareSelector(&svc, key))
	if err != nil {
		return err
	}
	for _, p := range fleet {
		w.objects[string(p.UID)] = p
		pod := podOf(p, key)
		if gate.Spec.StratumLabel != "" {
			pod.Stratum = p.Labels[gate.Spec.StratumLabel]
		}
		w.pods = append(w.pods, pod)
	}
	if !checks {
		return nil
	}
	if err := r.checkOtherGates(ctx, gate, fleet); err != nil {
		return err
	}
	err = r.checkWorkloads(ctx, gate, fleet)
	if refused := (*refusal)(nil); err != nil && !errors.As(err, &refused) {
		w.unchecked = err.Error()
		return nil
	}
	return err
}

func (r *Reconciler) listFleet(ctx context.Context, from view, namespace string, selector labels.Set) ([]*corev1.Pod, error) {
	var list corev1.PodList
	err := from.List(ctx, &list, client.InNamespace(namespace), client.MatchingLabels(selector))
	if err != nil {
		return nil, err
	}
	var out []*corev1.Pod
	for i := range list.Items {
		if inFleet(&list.Items[i]) {
			out = append(out, &list.Items[i])
		}
	}
	return out, nil
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
		if p.Annotations[v1alpha1.AnnotationGate] != gate.GetName() || !inFleet(p) || w.objects[string(p.UID)] != nil {
			continue
		}
		w.objects[string(p.UID)] = p
		w.strays = append(w.strays, podOf(p, trafficLabelOf(p)))
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

// trafficLabelOf is the traffic key under which a pod was gated.
func trafficLabelOf(p *corev1.Pod) string {
	if key := p.Annotations[v1alpha1.AnnotationTrafficLabel]; key != "" {
		return key
	}
	return v1alpha1.LabelTraffic
}

// policyOf reads a spec as plain values.
func policyOf(spec v1alpha1.TrafficGateSpec) (decide.Policy, error) {
	p := decide.Policy{
		Interval: spec.Interval.Std(), Window: spec.Window.Std(),
		WarmUp:     spec.Limits.WarmUp.Std(),
		MinServing: int(spec.Limits.MinServing),
		After:      spec.Recovery.After.Std(), MaxAfter: spec.Recovery.MaxAfter.Std(),
	}
	limit := spec.Limits.MaxGated
	if limit == nil || p.Interval <= 0 || p.Window <= 0 || p.After <= 0 || p.MaxAfter < p.After {
		return p, refuse(v1alpha1.ReasonInvalidSpec, "the spec lacks its defaults (interval %s, window %s, recovery.after %s, recovery.maxAfter %s): apply the CRD of this version, then the TrafficGate again",
			p.Interval, p.Window, p.After, p.MaxAfter)
	}
	p.MaxGated, p.MaxGatedIsPercent = limit.IntValue(), limit.Type == intstr.String
	if p.MaxGatedIsPercent {
		n, err := strconv.Atoi(strings.TrimSuffix(limit.StrVal, "%"))
		if err != nil {
			return p, refuse(v1alpha1.ReasonInvalidSpec, "spec.limits.maxGated %q: must be a number of pods such as 2, or a percentage such as \"20%%\"", limit.StrVal)
		}
		p.MaxGated = n
	}
	return p, nil
}

// describe names a gate in errors.
func describe(gate client.Object) string {
	return fmt.Sprintf("TrafficGate %s/%s", gate.GetNamespace(), gate.GetName())
}
