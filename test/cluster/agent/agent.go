package agent

import (
	"context"
	"fmt"
	"sync"
	"syscall"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"github.com/podgate/podgate/test/cluster/wire"
)

// Options is what an Agent needs. All fields but Hosts are required.
type Options struct {
	Client  kubernetes.Interface   // an administrator's
	Nodes   []wire.Node            // at least one
	Images  map[string]string      // repository → program
	Dir     string                 // state directory of the box
	Boxd    string                 // the boxd program, which becomes the pods'
	CA      string                 // file: the cluster's certificate authority
	Serve   func(ip string) string // where an address of the cluster is served
	APIHost string                 // the API server, as pods reach it
	APIPort string                 // its port
	Hosts   string                 // file to mount over each pod's /etc/hosts, if the box's is not it
	Log     func(line string)      // for the person who watches
}

// Agent runs the pods of all nodes.
type Agent struct {
	options   Options
	ca        []byte
	isolated  bool // pods get a mount namespace of their own
	addresses *addresses
	binder    *binder
	ctx       context.Context // ends what runs in the background

	mu      sync.Mutex
	workers map[types.UID]*worker
	closed  bool
	group   sync.WaitGroup
}

// Start creates the nodes and begins to run pods. It returns when the nodes
// are there and ready, at the latest when limited ends; the rest goes on until
// ctx ends and Close is called.
func (a *Agent) Start(ctx, limited context.Context) error {
	a.ctx = ctx
	if err := a.createNodes(limited); err != nil {
		return err
	}
	go a.renewLeases(ctx)
	factory := informers.NewSharedInformerFactory(a.options.Client, 0)
	pods := factory.Core().V1().Pods()
	a.binder = newBinder(a, pods.Lister())
	if _, err := pods.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { a.see(object) },
		UpdateFunc: func(_, object any) { a.see(object) },
		DeleteFunc: func(object any) { a.lost(object) },
	}); err != nil {
		return err
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(limited.Done())
	go a.binder.run(ctx)
	return a.serveLogs(ctx)
}

// Close kills every pod's processes and waits for them.
func (a *Agent) Close() {
	a.mu.Lock()
	a.closed = true
	for _, w := range a.workers {
		w.kill()
	}
	a.mu.Unlock()
	a.group.Wait()
}

// Signal sends a signal to the processes of a pod.
func (a *Agent) Signal(namespace, name string, signal syscall.Signal) error {
	w := a.find(namespace, name)
	if w == nil {
		return fmt.Errorf("pod %s/%s does not run on any node", namespace, name)
	}
	sent := 0
	for _, c := range w.all() {
		if c.signal(signal) {
			sent++
		}
	}
	if sent == 0 {
		return fmt.Errorf("pod %s/%s has no running process", namespace, name)
	}
	return nil
}

func (a *Agent) find(namespace, name string) *worker {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, w := range a.workers {
		if w.namespace == namespace && w.name == name {
			return w
		}
	}
	return nil
}

// see takes note of a pod that is new or has changed.
func (a *Agent) see(object any) {
	pod, ok := object.(*core.Pod)
	if !ok {
		return
	}
	if pod.Spec.NodeName == "" {
		a.binder.add(pod)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	w := a.workers[pod.UID]
	if w == nil {
		ended := pod.Status.Phase == core.PodSucceeded || pod.Status.Phase == core.PodFailed
		if a.closed || (ended && pod.DeletionTimestamp == nil) || !a.hasNode(pod.Spec.NodeName) {
			return
		}
		w = newWorker(a, pod)
		a.workers[pod.UID] = w
		a.group.Go(func() {
			w.run(a.ctx)
			a.mu.Lock()
			delete(a.workers, pod.UID)
			a.mu.Unlock()
		})
	}
	w.update(pod)
}

// lost takes note that a pod is gone from the API: by our own last step of its
// deletion, or because somebody deleted it by force.
func (a *Agent) lost(object any) {
	if unknown, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = unknown.Obj
	}
	pod, ok := object.(*core.Pod)
	if !ok {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if w := a.workers[pod.UID]; w != nil {
		w.kill()
	}
}

func (a *Agent) hasNode(name string) bool {
	for _, node := range a.options.Nodes {
		if node.Name == name {
			return true
		}
	}
	return false
}
