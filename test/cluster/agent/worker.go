package agent

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/podgate/podgate/test/cluster/wire"
)

// worker runs one pod, from its binding to its end.
type worker struct {
	agent           *Agent
	uid             types.UID
	namespace, name string
	dir             string // working directory of its processes
	woken           chan struct{}
	killed          chan struct{}
	killOnce        sync.Once
	killAll         sync.Once

	// Set by run before any container starts.
	ip    string
	since time.Time

	mu         sync.Mutex
	pod        *core.Pod // as last seen
	containers []*container

	report report // of run alone
}

func newWorker(a *Agent, pod *core.Pod) *worker {
	return &worker{
		agent: a, uid: pod.UID, namespace: pod.Namespace, name: pod.Name, pod: pod,
		dir:   filepath.Join(a.options.Dir, "pods", string(pod.UID)),
		woken: make(chan struct{}, 1), killed: make(chan struct{}),
	}
}

// run is the pod's life. It ends when the pod is gone from the API, or the
// agent is closed.
func (w *worker) run(ctx context.Context) {
	w.since = time.Now()
	w.ip = w.agent.addresses.take(w.latest().Spec.NodeName)
	defer w.agent.addresses.giveBack(w.ip)
	if err := w.prepare(); err != nil {
		w.agent.options.Log(fmt.Sprintf("pod %s/%s cannot run: %v", w.namespace, w.name, err))
		return
	}
	defer os.RemoveAll(w.dir)
	for _, c := range w.all() {
		go c.run(ctx)
	}
	retry := time.NewTimer(0)
	defer retry.Stop()
	for w.latest().DeletionTimestamp == nil && !w.isKilled() {
		if err := w.sendStatus(ctx); err != nil {
			retry.Reset(time.Second) // the API server may be away
		}
		select {
		case <-w.woken:
		case <-retry.C:
		case <-w.killed:
		}
	}
	w.end(ctx)
}

// prepare makes the pod's directory, its logs and its containers.
func (w *worker) prepare() error {
	if err := os.MkdirAll(w.dir, 0o700); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, spec := range w.pod.Spec.Containers {
		log := wire.PodLog(w.agent.options.Dir, w.namespace, w.name)
		if i > 0 {
			log = wire.PodLog(w.agent.options.Dir, w.namespace, w.name+"_"+spec.Name)
		}
		if err := logFile(log); err != nil {
			return err
		}
		w.containers = append(w.containers, newContainer(w, spec, log))
	}
	return nil
}

// end ends the containers and then the pod.
func (w *worker) end(ctx context.Context) {
	for _, c := range w.all() {
		close(c.stopIt)
	}
	for _, c := range w.all() {
		w.await(ctx, c)
	}
	for !w.isKilled() && ctx.Err() == nil {
		if err := w.finish(ctx); err == nil {
			return
		}
		pause(ctx, time.Second)
	}
}

// await waits until a container has ended. Meanwhile its changes are reported,
// and a kill is passed on.
func (w *worker) await(ctx context.Context, c *container) {
	killed := w.killed
	for {
		select {
		case <-c.done:
			return
		case <-w.woken:
			_ = w.sendStatus(ctx) // the last one, in finish, is what matters
		case <-killed:
			killed = nil
			w.killContainers()
		}
	}
}

// killContainers ends every container at once.
func (w *worker) killContainers() {
	w.killAll.Do(func() {
		for _, c := range w.all() {
			close(c.killIt)
		}
	})
}

// finish reports the pod's end and takes it out of the API, which is the last
// step of a deletion and the kubelet's to do.
func (w *worker) finish(ctx context.Context) error {
	if err := w.sendStatus(ctx); err != nil && !errors.IsNotFound(err) && !errors.IsConflict(err) {
		return err
	}
	now := int64(0)
	err := w.agent.options.Client.CoreV1().Pods(w.namespace).Delete(ctx, w.name, meta.DeleteOptions{
		GracePeriodSeconds: &now, Preconditions: &meta.Preconditions{UID: &w.uid},
	})
	if errors.IsNotFound(err) || errors.IsConflict(err) {
		return nil // gone already; another pod may have the name
	}
	return err
}

// update takes note of the pod's newest version.
func (w *worker) update(pod *core.Pod) {
	w.mu.Lock()
	w.pod = pod
	w.mu.Unlock()
	w.wake()
}

// latest is the pod as last seen. It is shared: not to be changed.
func (w *worker) latest() *core.Pod {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pod
}

func (w *worker) all() []*container {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.containers)
}

// grace is how long a process of the pod has to end by itself.
func (w *worker) grace() time.Duration {
	pod := w.latest()
	seconds := pod.Spec.TerminationGracePeriodSeconds
	if pod.DeletionGracePeriodSeconds != nil {
		seconds = pod.DeletionGracePeriodSeconds
	}
	if seconds == nil {
		return 30 * time.Second
	}
	return time.Duration(*seconds) * time.Second
}

// wake lets run look again.
func (w *worker) wake() {
	select {
	case w.woken <- struct{}{}:
	default:
	}
}

// kill ends the pod's processes at once.
func (w *worker) kill() { w.killOnce.Do(func() { close(w.killed) }) }

func (w *worker) isKilled() bool {
	select {
	case <-w.killed:
		return true
	default:
		return false
	}
}
