// Package signals sends signals to the processes that a box consists of. It is
// for boxd and agent, which started them, and imports neither.
package signals

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// stopWithin is how long a process may go on after SIGSTOP. It takes
// microseconds, unless the machine is out of breath.
const stopWithin = time.Minute

// Send sends a signal to a child of the calling process, or to its whole process
// group. After SIGSTOP it waits until every thread of the child has stopped (or
// the child has ended): the kernel lets each go on until it is interrupted, so
// that a server could answer a request that was sent after the signal.
func Send(child int, group bool, s syscall.Signal) error {
	to := child
	if group {
		to = -child
	}
	if err := syscall.Kill(to, s); err != nil {
		return err
	}
	if s != syscall.SIGSTOP {
		return nil
	}
	for deadline := time.Now().Add(stopWithin); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if stopped, err := hasStopped(child); stopped || err != nil {
			return err
		}
	}
	return fmt.Errorf("process %d goes on %s after SIGSTOP", child, stopWithin)
}

// hasStopped asks the kernel, which tells a parent of a child's stop once its
// last thread has stopped. It leaves what it is told to whoever waits for the
// child's end.
func hasStopped(child int) (bool, error) {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, child, &info, unix.WSTOPPED|unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	switch {
	case errors.Is(err, unix.EINTR):
		return false, nil
	case errors.Is(err, unix.ECHILD): // it has ended, and somebody has waited for it
		return true, nil
	case err != nil:
		return false, fmt.Errorf("whether process %d has stopped: %w", child, err)
	}
	return info.Signo != 0, nil // zero: neither has happened
}
