package agent

import (
	"time"

	"github.com/prometheus/procfs"
	core "k8s.io/api/core/v1"
)

// Usage is what the process of one container has used.
type Usage struct {
	Pod       *core.Pod // as last seen; not to be changed
	Container string
	Started   time.Time     // when this life of the process began
	CPU       time.Duration // of the process alone, not of its children, since then
	Memory    int64         // resident, in bytes
}

// Usage is what the running processes of all pods have used, read from /proc as
// a kubelet reads it from control groups. A process that cannot be read, because
// it has just ended, is left out.
func (a *Agent) Usage() []Usage {
	a.mu.Lock()
	workers := make([]*worker, 0, len(a.workers))
	for _, w := range a.workers {
		workers = append(workers, w)
	}
	a.mu.Unlock()
	var all []Usage
	for _, w := range workers {
		for _, c := range w.all() {
			if u, ok := c.usage(); ok {
				u.Pod = w.latest()
				all = append(all, u)
			}
		}
	}
	return all
}

func (c *container) usage() (Usage, bool) {
	c.mu.Lock()
	p := c.running
	c.mu.Unlock()
	if p == nil {
		return Usage{}, false
	}
	process, err := procfs.NewProc(p.cmd.Process.Pid)
	if err != nil {
		return Usage{}, false
	}
	stat, err := process.Stat()
	if err != nil {
		return Usage{}, false
	}
	return Usage{
		Container: c.spec.Name, Started: p.started,
		CPU:    time.Duration(stat.CPUTime() * float64(time.Second)),
		Memory: int64(stat.ResidentMemory()),
	}, true
}
