package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/podgate/podgate/test/cluster/build"
	"github.com/podgate/podgate/test/cluster/wire"
)

// probeLimit is how long the check of one way may take.
const probeLimit = 20 * time.Second

// way is one way to run the box on this machine.
type way struct {
	mode  wire.Mode
	flags uintptr  // namespaces to make
	env   []string // more environment, to find nft
}

const boxNamespaces = syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID

// chooseWay finds the best way this machine permits: in a user namespace; as
// root also without one, for machines that forbid them; else on the host's
// loopback device.
func (c *Cluster) chooseWay(ctx context.Context, boxd string) way {
	fallback := way{mode: wire.Loopback}
	if os.Getenv("PODGATE_BOX") == "loopback" {
		c.note("PODGATE_BOX=loopback: no namespaces and no kube-proxy")
		return fallback
	}
	env, err := build.NFT(ctx, c.log)
	if err != nil {
		c.note("no kube-proxy, as the program nft is missing: install the package nftables (%v)", err)
		return fallback
	}
	ways := []way{{mode: wire.Namespaces, flags: boxNamespaces | syscall.CLONE_NEWUSER, env: env}}
	if os.Geteuid() == 0 {
		ways = append(ways, way{mode: wire.Namespaces, flags: boxNamespaces, env: env})
	}
	var failed []error
	for _, w := range ways {
		if err := w.try(ctx, boxd); err != nil {
			failed = append(failed, err)
			continue
		}
		return w
	}
	c.note("no namespaces and no kube-proxy, as this machine does not permit them (%v): "+
		"allow unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns, "+
		"user.max_user_namespaces), or in a container, run it with more rights", errors.Join(failed...))
	return fallback
}

// try runs boxd's check of what the box needs.
func (w way) try(ctx context.Context, boxd string) error {
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, boxd, "probe")
	cmd.Env = append(os.Environ(), w.env...)
	cmd.SysProcAttr = w.attributes()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// command runs the box this way.
func (w way) command(boxd, dir string) *exec.Cmd {
	role := "init"
	if w.mode == wire.Loopback {
		role = "serve" // there is no process namespace to be the first of
	}
	cmd := exec.Command(boxd, role, dir)
	cmd.SysProcAttr = w.attributes()
	return cmd
}

func (w way) attributes() *syscall.SysProcAttr {
	// A signal from the terminal is for the test process; it ends the box.
	attributes := &syscall.SysProcAttr{Setpgid: true, Cloneflags: w.flags}
	if w.flags&syscall.CLONE_NEWUSER != 0 {
		attributes.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		attributes.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	return attributes
}

// moduleDir is the folder of this module's source, from which programs are
// built.
func moduleDir() (string, error) {
	if _, file, _, ok := runtime.Caller(0); ok && filepath.IsAbs(file) {
		dir := filepath.Dir(filepath.Dir(file))
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
	}
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/podgate/podgate/test").Output()
	if err != nil {
		return "", fmt.Errorf("find the source of the test module, to build from: %w; run from inside it", err)
	}
	return strings.TrimSpace(string(out)), nil
}
