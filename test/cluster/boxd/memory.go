package boxd

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// memory is the resident memory of each running component, and of the box
// itself with its node agent, in bytes.
func (b *Box) memory() map[string]int64 {
	sizes := map[string]int64{}
	for name, c := range b.components {
		c.mu.Lock()
		if p := c.alive(); p != nil {
			sizes[name] = resident(p.cmd.Process.Pid)
		}
		c.mu.Unlock()
	}
	sizes["boxd"] = resident(os.Getpid())
	return sizes
}

// resident is a process' resident set in bytes, 0 if it cannot be read.
func resident(pid int) int64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) == 3 && fields[0] == "VmRSS:" {
			kB, _ := strconv.ParseInt(fields[1], 10, 64)
			return kB << 10
		}
	}
	return 0
}
