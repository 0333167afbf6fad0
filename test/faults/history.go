package faults

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
	"k8s.io/klog/v2"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/test/stage"
)

// history is what the API server told of the fleets' pods, state after state. A
// watch that breaks is taken up where it broke, so that no state is missed;
// where the API server does not remember that far back, as after its restart,
// the pods are listed anew, and lists counts it.
type history struct {
	mu     sync.Mutex
	pods   map[types.NamespacedName]member
	states map[string][]state // by namespace, in their order
	lists  int
}

// member is one pod of a fleet.
type member struct {
	out bool
	// until is what the pod's notes say about when it is due; zero if nothing.
	until time.Time
}

// state is a fleet from an instant on.
type state struct {
	at   time.Time
	pods int
	out  []string // sorted
}

// startHistory follows the pods of all fleets until ctx ends. It returns when
// the first state is known.
func startHistory(ctx context.Context, client kubernetes.Interface) (*history, error) {
	ctx = klog.NewContext(ctx, logr.Discard()) // broken watches are what this is for
	h := &history{pods: map[types.NamespacedName]member{}, states: map[string][]state{}}
	selector := "app.kubernetes.io/name=" + stage.Service
	version, err := h.list(ctx, client, selector)
	if err != nil {
		return nil, err
	}
	watcher := &cache.ListWatch{WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
		o.LabelSelector = selector
		return client.CoreV1().Pods("").Watch(ctx, o)
	}}
	go func() {
		for ctx.Err() == nil {
			if w, err := watchtools.NewRetryWatcherWithContext(ctx, version, watcher); err == nil {
				h.follow(w)
			}
			for ctx.Err() == nil {
				if version, err = h.list(ctx, client, selector); err == nil {
					break
				}
				_ = stage.Pause(ctx, 100*time.Millisecond)
			}
		}
	}()
	return h, nil
}

// list begins anew with the state that there is.
func (h *history) list(ctx context.Context, client kubernetes.Interface, selector string) (version string, err error) {
	pods, err := client.CoreV1().Pods("").List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return "", err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lists++
	clear(h.pods)
	for i := range pods.Items {
		h.note(&pods.Items[i])
	}
	for _, p := range pods.Items {
		h.record(p.Namespace)
	}
	return pods.ResourceVersion, nil
}

// follow takes in one change after the other until the watch ends.
func (h *history) follow(w *watchtools.RetryWatcher) {
	defer w.Stop()
	for e := range w.ResultChan() {
		pod, ok := e.Object.(*corev1.Pod)
		if !ok {
			return // the API server does not remember that far back
		}
		h.see(e.Type, pod)
	}
}

func (h *history) see(kind watch.EventType, pod *corev1.Pod) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if kind == watch.Deleted {
		delete(h.pods, types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name})
	} else {
		h.note(pod)
	}
	h.record(pod.Namespace)
}

// note takes a pod in. One that is ending is nobody's any more.
func (h *history) note(pod *corev1.Pod) {
	key := types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}
	if pod.DeletionTimestamp != nil || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		delete(h.pods, key)
		return
	}
	until, _ := time.Parse(time.RFC3339, pod.Annotations[v1alpha1.AnnotationGatedUntil]) // zero if there is none
	h.pods[key] = member{out: pod.Labels[v1alpha1.LabelTraffic] != v1alpha1.TrafficYes, until: until}
}

// record keeps the state of a fleet if it is a new one.
func (h *history) record(namespace string) {
	now := state{at: time.Now()}
	for key, m := range h.pods {
		if key.Namespace != namespace {
			continue
		}
		now.pods++
		if m.out {
			now.out = append(now.out, key.Name)
		}
	}
	slices.Sort(now.out)
	before := h.states[namespace]
	if n := len(before); n == 0 || before[n-1].pods != now.pods || !slices.Equal(before[n-1].out, now.out) {
		h.states[namespace] = append(before, now)
	}
}

// between are the states of a fleet in a span of time, with the one in which it
// began.
func (h *history) between(namespace string, from, to time.Time) []state {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := h.states[namespace]
	first, _ := slices.BinarySearchFunc(all, from, func(s state, t time.Time) int { return s.at.Compare(t) })
	last, _ := slices.BinarySearchFunc(all, to, func(s state, t time.Time) int { return s.at.Compare(t) })
	return slices.Clone(all[max(first-1, 0):last])
}

// outNow are the pods that are out now, and when each is due.
func (h *history) outNow(namespace string) map[string]time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := map[string]time.Time{}
	for key, m := range h.pods {
		if key.Namespace == namespace && m.out {
			out[key.Name] = m.until
		}
	}
	return out
}

// listed is how often the pods were listed, the first time included.
func (h *history) listed() int { h.mu.Lock(); defer h.mu.Unlock(); return h.lists }

// allowed is how many of n pods may be out at once by config/samples: a fifth,
// and always a strict minority.
func allowed(n int) int {
	fifth := n / 5
	if fifth == 0 && n >= 3 {
		fifth = 1
	}
	return max(min(fifth, (n-1)/2), 0)
}

// worst is the state with the most pods out for what was allowed.
func worst(states []state) (out, limit int) {
	for i, s := range states {
		if n, may := len(s.out), allowed(s.pods); i == 0 || n-may > out-limit {
			out, limit = n, may
		}
	}
	return out, limit
}

// everOut are the pods that were out in any of the states, by name.
func everOut(states []state) []string {
	names := map[string]bool{}
	for _, s := range states {
		for _, name := range s.out {
			names[name] = true
		}
	}
	return slices.SortedFunc(maps.Keys(names), strings.Compare)
}
