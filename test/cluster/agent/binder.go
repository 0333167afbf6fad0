package agent

import (
	"context"
	"fmt"
	"time"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
)

// binder is the scheduler: it binds one pod after the other.
type binder struct {
	agent *Agent
	pods  corelisters.PodLister
	queue workqueue.TypedRateLimitingInterface[string]

	// Of run alone.
	bound map[types.UID]string // our bindings: the cache may not know them yet
	turn  int
}

func newBinder(a *Agent, pods corelisters.PodLister) *binder {
	limiter := workqueue.NewTypedItemExponentialFailureRateLimiter[string](100*time.Millisecond, 2*time.Second)
	return &binder{
		agent: a, pods: pods,
		queue: workqueue.NewTypedRateLimitingQueue(limiter),
		bound: map[types.UID]string{},
	}
}

func (b *binder) add(pod *core.Pod) {
	if key, err := cache.MetaNamespaceKeyFunc(pod); err == nil {
		b.queue.Add(key)
	}
}

func (b *binder) run(ctx context.Context) {
	go func() {
		<-ctx.Done()
		b.queue.ShutDown()
	}()
	for {
		key, over := b.queue.Get()
		if over {
			return
		}
		if err := b.bind(ctx, key); err != nil {
			b.queue.AddRateLimited(key)
		} else {
			b.queue.Forget(key)
		}
		b.queue.Done(key)
	}
}

// bind binds a pod to a node, if it is to be bound.
func (b *binder) bind(ctx context.Context, key string) error {
	namespace, name, err := cache.SplitMetaNamespaceKey(key)
	if err != nil {
		return nil // no retry makes it a key
	}
	pod, err := b.pods.Pods(namespace).Get(name)
	if err != nil || pod.Spec.NodeName != "" || pod.DeletionTimestamp != nil || len(pod.Spec.SchedulingGates) > 0 {
		return nil
	}
	if _, done := b.bound[pod.UID]; done {
		return nil
	}
	node := b.choose(pod)
	if node == "" {
		return fmt.Errorf("no node fits pod %s", key)
	}
	err = b.agent.options.Client.CoreV1().Pods(namespace).Bind(ctx, &core.Binding{
		ObjectMeta: meta.ObjectMeta{Name: name, Namespace: namespace, UID: pod.UID},
		Target:     core.ObjectReference{Kind: "Node", Name: node},
	}, meta.CreateOptions{})
	if errors.IsNotFound(err) || errors.IsConflict(err) {
		return nil // gone, or bound
	}
	if err == nil {
		b.bound[pod.UID] = node
	}
	return err
}

// choose is the node, among those the pod's nodeSelector allows, that has the
// fewest pods of the same owner; among equals, they take turns.
func (b *binder) choose(pod *core.Pod) string {
	counts := b.siblings(pod)
	selector := labels.SelectorFromSet(pod.Spec.NodeSelector)
	nodes := b.agent.options.Nodes
	best := ""
	for i := range nodes {
		node := nodes[(b.turn+i)%len(nodes)]
		if !selector.Matches(labels.Set(labelsOf(node))) {
			continue
		}
		if best == "" || counts[node.Name] < counts[best] {
			best = node.Name
		}
	}
	b.turn++
	return best
}

// siblings counts the living pods of the pod's owner on each node.
func (b *binder) siblings(pod *core.Pod) map[string]int {
	counts := map[string]int{}
	owner := meta.GetControllerOf(pod)
	all, _ := b.pods.Pods(pod.Namespace).List(labels.Everything()) // a cache: it does not fail
	for _, other := range all {
		theirs := meta.GetControllerOf(other)
		if owner == nil || theirs == nil || owner.UID != theirs.UID || other.DeletionTimestamp != nil {
			continue
		}
		node := other.Spec.NodeName
		if node == "" {
			node = b.bound[other.UID]
		}
		counts[node]++
	}
	return counts
}
