package boxd

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"

	"github.com/podgate/podgate/test/cluster/wire"
)

// Init is the first process of the box's process namespace. It does nothing
// but run the box as its child and reap orphans, so that the box's own waiting
// for its children is never disturbed. When it ends, the kernel ends everything
// in the namespace.
func Init(dir string) (int, error) {
	self, err := os.Executable()
	if err != nil {
		return 1, err
	}
	cmd := exec.Command(self, "serve", dir)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	for fd := uintptr(wire.ControlFD); fd <= wire.PrometheusFD; fd++ {
		cmd.ExtraFiles = append(cmd.ExtraFiles, os.NewFile(fd, fmt.Sprintf("inherited %d", fd)))
	}
	if err := cmd.Start(); err != nil {
		return 1, err
	}
	return reapUntil(cmd.Process.Pid)
}

// reapUntil reaps every child until the one with the given number has ended,
// and returns that one's exit code.
func reapUntil(child int) (int, error) {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return 1, fmt.Errorf("wait for the box: %w", err)
		case pid == child && status.Exited():
			return status.ExitStatus(), nil
		case pid == child && status.Signaled():
			return 1, fmt.Errorf("the box was ended by signal %s", status.Signal())
		}
	}
}

// waitForEnd returns when the test process has closed its end of the pipe,
// because it is done or because it is no more.
func waitForEnd(lifeline io.Reader) { _, _ = io.Copy(io.Discard, lifeline) }

// Probe is what is run first, in namespaces of its own, to find out whether
// this machine lets us have what the box needs. The error says what is missing.
func Probe() error {
	if err := setUpNetwork(); err != nil {
		return err
	}
	nft, err := exec.LookPath("nft")
	if err != nil {
		return fmt.Errorf("the program nft is missing (package nftables): %w", err)
	}
	for _, args := range [][]string{{"add", "table", "ip", "podgate-probe"}, {"delete", "table", "ip", "podgate-probe"}} {
		if out, err := exec.Command(nft, args...).CombinedOutput(); err != nil {
			return fmt.Errorf("nft %v: %w: %s", args, err, out)
		}
	}
	return nil
}
