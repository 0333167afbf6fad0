package boxd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/podgate/podgate/test/cluster/signals"
	"github.com/podgate/podgate/test/cluster/wire"
)

// stopGrace is how long a component has to end by itself when stopped.
const stopGrace = 10 * time.Second

// component is one supervised program. It is started, stopped, killed, paused
// and started again on request only: one that ends by itself is reported, not
// restarted, so that a test decides what happens.
type component struct {
	name, program string
	args, env     []string
	log           string                      // file
	ready         func(context.Context) error // nil when it answers
	report        func(string)                // a line for the person who watches

	mu      sync.Mutex // held over a whole Start or Stop: they do not overlap
	running *process
}

// process is one life of a component.
type process struct {
	cmd      *exec.Cmd
	expected chan struct{} // closed before we end it
	done     chan struct{} // closed when it has ended, with err set
	err      error
}

var errNotRunning = errors.New("not running")

// Start starts the component, if it is not running, and waits until it is ready.
func (c *component) Start(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.alive() != nil {
		return nil
	}
	p, err := c.launch()
	if err != nil {
		return fmt.Errorf("start %s: %w", c.name, err)
	}
	c.running = p
	return c.waitReady(ctx, p)
}

func (c *component) launch() (*process, error) {
	log, err := os.OpenFile(c.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(c.program, c.args...)
	cmd.Args[0] = c.name // the multi-call program goes by the name it is called
	cmd.Env = append(os.Environ(), c.env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, expected: make(chan struct{}), done: make(chan struct{})}
	go c.watch(p)
	return p, nil
}

// watch waits for the process to end and tells when nobody asked for that.
func (c *component) watch(p *process) {
	p.err = p.cmd.Wait()
	close(p.done)
	select {
	case <-p.expected:
	default:
		c.report(fmt.Sprintf("%s ended by itself (%v); its log is %s", c.name, p.cmd.ProcessState, c.log))
	}
}

func (c *component) waitReady(ctx context.Context, p *process) error {
	for {
		try, cancel := context.WithTimeout(ctx, 2*time.Second)
		err := c.ready(try)
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended while starting (%v); the end of its log, %s:\n%s", c.name, p.cmd.ProcessState, c.log, tail(c.log))
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w; the end of its log, %s:\n%s", c.name, err, c.log, tail(c.log))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Stop ends the component as a service manager would: SIGTERM, then SIGKILL.
func (c *component) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stopGrace)
	defer cancel()
	return c.end(ctx, syscall.SIGTERM, syscall.SIGCONT)
}

// Kill ends the component at once, like a crash.
func (c *component) Kill(ctx context.Context) error {
	return c.end(ctx, syscall.SIGKILL)
}

func (c *component) end(ctx context.Context, signals ...syscall.Signal) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.alive()
	if p == nil {
		return nil
	}
	close(p.expected)
	for _, s := range signals {
		_ = p.cmd.Process.Signal(s) // an error means that it has ended: seen below
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		_ = p.cmd.Process.Kill()
		<-p.done
	}
	c.running = nil
	return nil
}

// Signal sends a signal to the running process; when it returns after SIGSTOP, the
// process has stopped.
func (c *component) Signal(s syscall.Signal) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.alive()
	if p == nil {
		return fmt.Errorf("%s: %w", c.name, errNotRunning)
	}
	return signals.Send(p.cmd.Process.Pid, false, s)
}

// alive is the running process, or nil.
func (c *component) alive() *process {
	if c.running == nil {
		return nil
	}
	select {
	case <-c.running.done:
		return nil
	default:
		return c.running
	}
}

// do carries out a request of the control socket.
func (c *component) do(ctx context.Context, op wire.Op) error {
	switch op {
	case wire.Start:
		return c.Start(ctx)
	case wire.Stop:
		return c.Stop(ctx)
	case wire.Kill:
		return c.Kill(ctx)
	case wire.Pause:
		return c.Signal(syscall.SIGSTOP)
	case wire.Continue:
		return c.Signal(syscall.SIGCONT)
	}
	return fmt.Errorf("unknown operation %q on %s", op, c.name)
}

// tail is the last lines of a file, for error messages.
func tail(path string) string {
	const lines, most = 15, 16 << 10
	data, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	data = bytes.TrimSpace(data[max(0, len(data)-most):])
	all := bytes.Split(data, []byte("\n"))
	return string(bytes.Join(all[max(0, len(all)-lines):], []byte("\n")))
}
