package controller

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// nodeCache is a cache of nodes that takes a while to be filled, or for ever.
type nodeCache struct {
	cache.Cache    // nil: what is not here must not be called
	cache.Informer // likewise
	filledAfter    int64
	asked          atomic.Int64
}

func (c *nodeCache) GetInformer(context.Context, client.Object, ...cache.InformerGetOption) (cache.Informer, error) {
	return c, nil
}

func (c *nodeCache) HasSynced() bool { return c.asked.Add(1) > c.filledAfter }

func (c *nodeCache) Get(_ context.Context, _ client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	obj.SetLabels(map[string]string{corev1.LabelTopologyZone: "a"})
	return nil
}

// TestZonesAreWaitedFor: a controller that has just started knows the zones at its
// first decision, unless it cannot read nodes.
func TestZonesAreWaitedFor(t *testing.T) {
	patience := nodesPatience
	defer func() { nodesPatience = patience }()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web-0"}, Spec: corev1.PodSpec{NodeName: "node-0"}}
	for name, row := range map[string]struct {
		filledAfter int64
		want        string
	}{
		"nodes that take a while":      {3, "a"},
		"nodes that cannot be read":    {1 << 40, ""},
		"nodes that are there already": {0, "a"},
	} {
		t.Run(name, func(t *testing.T) {
			if nodesPatience = time.Minute; row.want == "" {
				nodesPatience = 500 * time.Millisecond
			}
			r := &Reconciler{}
			r.nodes.cache = &nodeCache{filledAfter: row.filledAfter}
			zone, err := r.zone(t.Context(), pod, corev1.LabelTopologyZone)
			if err != nil || zone != row.want {
				t.Errorf("zone %q (%v), want %q", zone, err, row.want)
			}
		})
	}
}
