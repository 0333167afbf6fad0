package controller

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// nodes knows the nodes' labels, from a cache of their metadata. Where the controller
// may not read nodes their zones are unknown, and everything else goes on.
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

// nodesPatience is how long a controller that has just started waits for the nodes,
// lest it decide without their zones what it would not decide with them.
var nodesPatience = 10 * time.Second

// ready reports whether the nodes can be read. Only who asks first, and those beside
// it, may have to wait.
func (n *nodes) ready() bool {
	n.once.Do(func() {
		if n.cache == nil {
			return
		}
		informer, err := n.cache.GetInformer(context.Background(), nodeMetadata(), cache.BlockUntilSynced(false))
		if err != nil {
			return
		}
		n.known = informer.HasSynced
		ctx, cancel := context.WithTimeout(context.Background(), nodesPatience)
		defer cancel()
		toolscache.WaitForCacheSync(ctx.Done(), n.known) // or they are known later
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
