package agent

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/podgate/podgate/test/cluster/signals"
)

// process is one life of a container.
type process struct {
	cmd     *exec.Cmd
	started time.Time
	done    chan struct{} // closed when it has ended
}

// launch starts a process that becomes what e says, its output going to log.
func (a *Agent) launch(e entry, dir, log string) (*process, error) {
	file, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	cmd, err := a.enter(e, dir, file)
	if err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, started: time.Now(), done: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // what it says is in cmd.ProcessState
		close(p.done)
	}()
	return p, nil
}

// enter starts the process that becomes e. It gets e through a pipe: e holds a
// token, which must not show in arguments or environment.
func (a *Agent) enter(e entry, dir string, out io.Writer) (*exec.Cmd, error) {
	take, give, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer give.Close()
	cmd := exec.Command(a.options.Boxd, "pod")
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = out, out
	cmd.ExtraFiles = []*os.File{take}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if e.Isolated {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWNS | syscall.CLONE_NEWUTS
	}
	err = cmd.Start()
	take.Close()
	if err != nil {
		return nil, err
	}
	if err := json.NewEncoder(give).Encode(e); err != nil {
		_ = cmd.Process.Kill() // it cannot go on without; its caller waits for it
	}
	return cmd, nil
}

// signal sends a signal to the process and its children, and tells whether
// there was somebody to receive it.
func (p *process) signal(s syscall.Signal) bool {
	select {
	case <-p.done: // its number may be somebody else's by now
		return false
	default:
		return signals.Send(p.cmd.Process.Pid, true, s) == nil
	}
}

// stop asks the process to end and kills it after the grace period.
func (p *process) stop(grace time.Duration, hurry <-chan struct{}) {
	p.signal(syscall.SIGTERM)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
		return
	case <-timer.C:
	case <-hurry:
	}
	p.signal(syscall.SIGKILL)
	<-p.done
}

// exit is the code and the signal the process ended with.
func (p *process) exit() (code, signal int32) {
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if ok && status.Signaled() {
		return 128 + int32(status.Signal()), int32(status.Signal())
	}
	return int32(p.cmd.ProcessState.ExitCode()), 0
}
