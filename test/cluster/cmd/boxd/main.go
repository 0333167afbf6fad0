// Command boxd is the program inside the box: its first process (init), the
// box itself (serve), the wrapper that puts a pod's program in its place (pod),
// and the check whether this machine can have a box (probe). The package
// cluster starts it; it is of no use by hand.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/podgate/podgate/test/cluster/agent"
	"github.com/podgate/podgate/test/cluster/boxd"
)

func main() {
	code, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "boxd:", err)
		os.Exit(max(code, 1))
	}
	os.Exit(code)
}

func run(args []string) (int, error) {
	switch {
	case len(args) == 2 && args[0] == "init":
		return boxd.Init(args[1])
	case len(args) == 2 && args[0] == "serve":
		return 0, boxd.Serve(args[1])
	case len(args) == 1 && args[0] == "pod":
		return 1, agent.EnterPod() // returns only if it fails
	case len(args) == 1 && args[0] == "probe":
		return 0, boxd.Probe()
	}
	return 2, errors.New("usage: boxd init DIR | serve DIR | pod | probe")
}
