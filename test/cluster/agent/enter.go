package agent

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// entryFD is where EnterPod reads its entry.
const entryFD = 3

// secrets is where client-go looks for the service account's files.
const secrets = "/var/run/secrets/kubernetes.io/serviceaccount"

// entry is what a pod's process becomes.
type entry struct {
	Program  string // nothing: only try the mounts
	Args     []string
	Env      []string
	Hostname string            // set if Isolated
	Hosts    string            // mounted over /etc/hosts if given
	Files    map[string]string // name → content, at secrets
	Isolated bool              // in mount and host name namespaces of its own
}

// EnterPod is what boxd runs as in a pod's place: started in namespaces of its
// own, it puts the pod's files where the pod expects them and then becomes the
// pod's program. It returns only if it fails, or has no program to become.
func EnterPod() error {
	file := os.NewFile(entryFD, "entry")
	var e entry
	if err := json.NewDecoder(file).Decode(&e); err != nil {
		return fmt.Errorf("read the entry: %w", err)
	}
	file.Close()
	if e.Isolated {
		if err := e.isolate(); err != nil {
			return err
		}
	}
	if e.Program == "" {
		os.Exit(0)
	}
	if err := syscall.Exec(e.Program, append([]string{e.Program}, e.Args...), e.Env); err != nil {
		return fmt.Errorf("run %s: %w", e.Program, err)
	}
	return nil
}

func (e entry) isolate() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.Sethostname([]byte(e.Hostname)); err != nil {
		return fmt.Errorf("set the host name: %w", err)
	}
	if e.Hosts != "" {
		if err := unix.Mount(e.Hosts, "/etc/hosts", "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("mount over /etc/hosts: %w", err)
		}
	}
	run, err := filepath.EvalSymlinks("/var/run")
	if err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", run, "tmpfs", 0, "mode=0755"); err != nil {
		return fmt.Errorf("mount over %s: %w", run, err)
	}
	if len(e.Files) == 0 {
		return nil
	}
	if err := os.MkdirAll(secrets, 0o755); err != nil {
		return err
	}
	for name, content := range e.Files {
		if err := os.WriteFile(filepath.Join(secrets, name), []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}
