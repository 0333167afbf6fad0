package controller

import (
	"context"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// nodes knows the nodes' labels, from a cache of their metadata. It is filled in
// the background: where the controller may not read nodes, or not yet, their
// zones are unknown and everything else goes on.
type nodes struct {
	cache cache.Cache
	once  sync.Once
	known func() bool
}

func nodeMetadata() *metav1.PartialObjectMetadata {
	node := &metav1.PartialObjectMetadata{}
	node.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Node"))
	return node
}

// ready reports whether the nodes can be read without waiting.
func (n *nodes) ready() bool {
	n.once.Do(func() {
		if n.cache == nil {
			return
		}
		informer, err := n.cache.GetInformer(context.Background(), nodeMetadata(), cache.BlockUntilSynced(false))
		if err == nil {
			n.known = informer.HasSynced
		}
	})
	return n.known != nil && n.known()
}

// zone is the domain of the node that a pod runs on: as the pod's own label says,
// which newer clusters copy from the node, or the node's. Empty where it is not
// known.
func (r *Reconciler) zone(ctx context.Context, p *corev1.Pod, topologyKey string) (string, error) {
	if zone, ok := p.Labels[topologyKey]; ok || p.Spec.NodeName == "" || topologyKey == "" {
		return zone, nil
	}
	if topologyKey == corev1.LabelHostname {
		return p.Spec.NodeName, nil
	}
	if !r.nodes.ready() {
		return "", nil
	}
	node := nodeMetadata()
	err := r.nodes.cache.Get(ctx, types.NamespacedName{Name: p.Spec.NodeName}, node)
	return node.Labels[topologyKey], client.IgnoreNotFound(err)
}
