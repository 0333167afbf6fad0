package overview

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
	"github.com/podgate/podgate/controller/fleet"
	"github.com/podgate/podgate/controller/measure"
)

// World is a gate with its fleet as Kubernetes and as decisions see it.
type World struct {
	Gate *v1alpha1.TrafficGate
	// Service is nil where there is none; the fleet is empty then.
	Service *corev1.Service
	Policy  decide.Policy
	Objects []*corev1.Pod
	Pods    []decide.Pod
}

// Read reads a gate's fleet. Where the spec has no usable policy or there is no
// such Service, the fleet is as far as it is known: the gate's conditions say what
// is wrong.
func Read(ctx context.Context, from client.Reader, gate *v1alpha1.TrafficGate) (*World, error) {
	w := &World{Gate: gate}
	w.Policy, _ = measure.Policy(gate.Spec)
	var services corev1.ServiceList
	if err := from.List(ctx, &services, client.InNamespace(gate.Namespace)); err != nil {
		return nil, err
	}
	if w.Service = fleet.Named(services.Items, gate.Spec.ServiceRef.Name); w.Service == nil {
		return w, nil
	}
	bare := fleet.BareSelector(w.Service, gate.Spec.TrafficLabel)
	if len(bare) == 0 {
		return w, nil
	}
	var err error
	if w.Objects, err = Members(ctx, from, gate.Namespace, bare); err != nil {
		return nil, err
	}
	w.Pods, err = fleet.PodsOf(gate, w.Objects, services.Items, zones(ctx, from, gate.Spec.Limits.PerDomain.TopologyKey))
	return w, err
}

// Members are the pods of a fleet, by name.
func Members(ctx context.Context, from client.Reader, namespace string, bare labels.Set) ([]*corev1.Pod, error) {
	var list corev1.PodList
	if err := from.List(ctx, &list, client.InNamespace(namespace), client.MatchingLabels(bare)); err != nil {
		return nil, err
	}
	var out []*corev1.Pod
	for i := range list.Items {
		if fleet.Member(&list.Items[i]) {
			out = append(out, &list.Items[i])
		}
	}
	slices.SortFunc(out, func(a, b *corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// zones tells a pod's zone from its own label or its node's. People may often not
// read nodes; then the zone is not known.
func zones(ctx context.Context, from client.Reader, key string) func(*corev1.Pod) (string, error) {
	known := map[string]string{}
	return func(p *corev1.Pod) (string, error) {
		if zone, ok := p.Labels[key]; ok || key == "" || p.Spec.NodeName == "" {
			return zone, nil
		}
		zone, ok := known[p.Spec.NodeName]
		if !ok {
			node := &metav1.PartialObjectMetadata{}
			node.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Node"))
			if from.Get(ctx, client.ObjectKey{Name: p.Spec.NodeName}, node) == nil {
				zone = node.Labels[key]
			}
			known[p.Spec.NodeName] = zone
		}
		return zone, nil
	}
}

// Overview is what there is to know of the gate and every pod of its fleet.
func (w *World) Overview(now time.Time) Gate {
	g := Of(w.Gate, now)
	for _, p := range w.Pods {
		g.Fleet = append(g.Fleet, w.pod(p, now))
	}
	g.count(w.Pods, w.Policy)
	for _, p := range g.Fleet {
		if p.Until != nil && p.Until.After(now) && p.State == decide.Gated {
			g.Next = append(g.Next, Due{*p.Until, "trial of " + p.Name})
		}
		if o := p.Override; o != nil && o.Until != nil && o.Until.After(now) {
			g.Next = append(g.Next, Due{*o.Until, fmt.Sprintf("override=%s of %s ends", o.Value, p.Name)})
		}
	}
	slices.SortStableFunc(g.Next, func(a, b Due) int { return a.At.Compare(b.At.Time) })
	slices.SortStableFunc(g.Fleet, func(a, b Pod) int { return cmp.Compare(a.rank(), b.rank()) })
	return g
}

// rank puts what people look for first.
func (p Pod) rank() int {
	switch {
	case p.State == decide.Gated:
		return 0
	case p.Out():
		return 1
	case p.Remark == WouldBeGated, p.Remark == LooksBad, p.Remark == NotObeyed:
		return 2
	case p.State != decide.Serving:
		return 3
	case p.Remark == Trial:
		return 4
	}
	return 5
}
