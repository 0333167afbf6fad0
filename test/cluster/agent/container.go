package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The back-off between restarts. A kubelet's goes from 10 s to 5 min.
const (
	firstBackOff = 500 * time.Millisecond
	maxBackOff   = 10 * time.Second
	// longLife is how long a process must live for the back-off to begin anew.
	longLife = time.Minute
)

// container runs one container of a pod, life after life.
type container struct {
	worker *worker
	spec   core.Container
	log    string
	stopIt chan struct{} // closed to end it for good
	killIt chan struct{} // closed to end it at once
	done   chan struct{} // closed when it has ended for good

	mu      sync.Mutex
	status  core.ContainerStatus
	running *process
}

func newContainer(w *worker, spec core.Container, log string) *container {
	no := false
	return &container{
		worker: w, spec: spec, log: log,
		stopIt: make(chan struct{}), killIt: make(chan struct{}), done: make(chan struct{}),
		status: core.ContainerStatus{
			Name: spec.Name, Image: spec.Image, ImageID: spec.Image, Started: &no,
			State: core.ContainerState{Waiting: &core.ContainerStateWaiting{Reason: "ContainerCreating"}},
		},
	}
}

// run starts the container again and again, as its restart policy says.
func (c *container) run(ctx context.Context) {
	defer close(c.done)
	backOff := firstBackOff
	for !c.stopping() {
		began := time.Now()
		p, err := c.start(ctx)
		if err != nil {
			c.wait(err)
		} else {
			c.live(ctx, p)
			if !c.restarts(p) {
				return
			}
			if time.Since(began) > longLife {
				backOff = firstBackOff
			}
			c.setBackOff(backOff)
		}
		if !c.sleep(backOff) {
			c.endWaiting()
			return
		}
		backOff = min(2*backOff, maxBackOff)
	}
	c.endWaiting()
}

// start launches the process of the container's next life.
func (c *container) start(ctx context.Context) (*process, error) {
	e, err := c.entry(ctx)
	if err != nil {
		return nil, err
	}
	p, err := c.worker.agent.launch(e, c.worker.dir, c.log)
	if err != nil {
		return nil, &problem{"RunContainerError", err.Error()}
	}
	c.set(func(s *core.ContainerStatus) {
		c.running = p
		started := c.spec.StartupProbe == nil
		s.Started = &started
		s.Ready = started && c.spec.ReadinessProbe == nil
		s.ContainerID = fmt.Sprintf("process://%d", p.cmd.Process.Pid)
		s.State = core.ContainerState{Running: &core.ContainerStateRunning{StartedAt: meta.NewTime(p.started)}}
	})
	return p, nil
}

// live waits until the process has ended, by itself or because it must.
func (c *container) live(ctx context.Context, p *process) {
	probing, cancel := context.WithCancel(ctx)
	unhealthy := c.probe(probing)
	grace := c.worker.grace()
	select {
	case <-p.done:
	case <-unhealthy: // readiness is probed to the end: a hung process is not Ready
		p.stop(grace, c.killIt)
	case <-c.killIt:
		p.stop(0, c.killIt)
	case <-c.stopIt:
		c.preStop(p, grace)
		p.stop(grace, c.killIt)
	}
	cancel()
	p.signal(syscall.SIGKILL)
	c.ended(p)
}

// preStop does the sleep of a preStop hook, the one kind of hook we know.
func (c *container) preStop(p *process, grace time.Duration) {
	hooks := c.spec.Lifecycle
	if hooks == nil || hooks.PreStop == nil || hooks.PreStop.Sleep == nil {
		return
	}
	timer := time.NewTimer(min(grace, time.Duration(hooks.PreStop.Sleep.Seconds)*time.Second))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.done:
	case <-c.killIt:
	}
}

// ended records how the process ended.
func (c *container) ended(p *process) {
	code, signal := p.exit()
	reason := "Completed"
	if code != 0 {
		reason = "Error"
	}
	c.set(func(s *core.ContainerStatus) {
		c.running = nil
		no := false
		s.Started, s.Ready = &no, false
		s.State = core.ContainerState{Terminated: &core.ContainerStateTerminated{
			ExitCode: code, Signal: signal, Reason: reason, ContainerID: s.ContainerID,
			StartedAt: meta.NewTime(p.started), FinishedAt: meta.Now(),
		}}
	})
}

// restarts is whether the container is started again after this end.
func (c *container) restarts(p *process) bool {
	if c.stopping() {
		return false
	}
	code, _ := p.exit()
	switch c.worker.latest().Spec.RestartPolicy {
	case core.RestartPolicyNever:
		return false
	case core.RestartPolicyOnFailure:
		return code != 0
	}
	return true
}

func (c *container) setBackOff(delay time.Duration) {
	c.set(func(s *core.ContainerStatus) {
		s.RestartCount++
		s.LastTerminationState = s.State
		s.State = core.ContainerState{Waiting: &core.ContainerStateWaiting{
			Reason: "CrashLoopBackOff", Message: fmt.Sprintf("back-off %s restarting container %q; its log is %s", delay, c.spec.Name, c.log),
		}}
	})
}

// wait records why the container cannot start.
func (c *container) wait(err error) {
	var known *problem
	if !errors.As(err, &known) {
		known = &problem{"CreateContainerConfigError", err.Error()}
	}
	c.set(func(s *core.ContainerStatus) {
		s.State = core.ContainerState{Waiting: &core.ContainerStateWaiting{Reason: known.reason, Message: known.message}}
	})
}

// endWaiting turns a container that never ran, or waits to run again, into one
// that has ended: a pod's end is only complete when all its containers' is.
func (c *container) endWaiting() {
	c.set(func(s *core.ContainerStatus) {
		if s.State.Waiting == nil {
			return
		}
		s.State = core.ContainerState{Terminated: &core.ContainerStateTerminated{
			ExitCode: 137, Reason: "ContainerStatusUnknown", Message: "the pod was deleted before the container could run",
		}}
	})
}

// set changes the status and lets the pod's worker report it.
func (c *container) set(change func(*core.ContainerStatus)) {
	c.mu.Lock()
	change(&c.status)
	c.mu.Unlock()
	c.worker.wake()
}

func (c *container) snapshot() core.ContainerStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	return *c.status.DeepCopy()
}

func (c *container) signal(s syscall.Signal) bool {
	c.mu.Lock()
	p := c.running
	c.mu.Unlock()
	return p != nil && p.signal(s)
}

func (c *container) stopping() bool {
	select {
	case <-c.stopIt:
		return true
	case <-c.killIt:
		return true
	default:
		return false
	}
}

// sleep waits, and tells whether it was allowed to.
func (c *container) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.stopIt:
	case <-c.killIt:
	}
	return false
}

// logFile makes sure that a container's log can be read before it has run.
func logFile(path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	return file.Close()
}
