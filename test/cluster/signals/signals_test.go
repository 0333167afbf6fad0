package signals

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// busy is an environment variable: this test's program runs many threads for ever.
const busy = "PODGATE_TEST_BUSY"

var spun atomic.Uint64 // by whoever is busy

func TestMain(m *testing.M) {
	if os.Getenv(busy) == "" {
		os.Exit(m.Run())
	}
	for range 8 {
		go func() {
			for { // a thread that is to be interrupted
				spun.Add(1)
			}
		}()
	}
	select {}
}

// TestNoThreadGoesOnAfterSIGSTOP: what Send returns after is seen at once, on
// every thread.
func TestNoThreadGoesOnAfterSIGSTOP(t *testing.T) {
	for _, group := range []bool{false, true} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), busy+"=1", "GOMAXPROCS=8")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		pid := cmd.Process.Pid
		for range 50 {
			if err := Send(pid, group, syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			for thread, state := range threads(t, pid) {
				if state != "T" {
					t.Errorf("thread %s is in state %s after SIGSTOP", thread, state)
				}
			}
			if err := Send(pid, group, syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
		}
		if err := Send(pid, group, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil {
			t.Error("a process that was killed ended well")
		}
		if err := Send(pid, group, syscall.SIGSTOP); err == nil {
			t.Error("a process that has ended was stopped")
		}
	}
}

// threads is the state of each thread of a process, as the kernel tells it.
func threads(t *testing.T, pid int) map[string]string {
	t.Helper()
	dir := "/proc/" + strconv.Itoa(pid) + "/task"
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	states := make(map[string]string, len(entries))
	for _, e := range entries {
		data, err := os.ReadFile(dir + "/" + e.Name() + "/stat")
		if err != nil {
			t.Fatal(err)
		}
		fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
		states[e.Name()] = fields[0]
	}
	return states
}
