package build

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
)

// Heavy is a program that takes minutes to build.
type Heavy struct {
	Name    string   // of the program and of the nested module's folder
	Version string   // for people and for the cache's key
	Package string   // what to build, in the module
	Tags    string   // build tags
	Links   []string // other names for the program, if it goes by several
	Vars    string   // linker flags that set variables: the version it believes it has
}

// The heavy programs. Their versions are pinned by the nested modules.
var (
	Kubernetes = Heavy{
		Name: "kubernetes", Version: "1.37.2", Package: ".",
		Links: []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-proxy", "kubectl"},
		Vars: "-X k8s.io/component-base/version.gitVersion=v1.37.2 -X k8s.io/component-base/version.gitMajor=1 " +
			"-X k8s.io/component-base/version.gitMinor=37 -X k8s.io/client-go/pkg/version.gitVersion=v1.37.2",
	}
	Prometheus = Heavy{
		Name: "prometheus", Version: "0.311.3", Package: "github.com/prometheus/prometheus/cmd/prometheus",
		Tags: "remove_all_sd,enable_kubernetes_sd",
	}
	// Promtool tests the alerts; no cluster needs it.
	Promtool = Heavy{
		Name: "promtool", Version: "0.311.3", Package: "github.com/prometheus/prometheus/cmd/promtool",
		Tags: "remove_all_sd",
	}
)

// Cache is the directory of built programs: $PODGATE_CACHE, else podgate in
// the user's cache directory.
func Cache() (string, error) {
	if dir := os.Getenv("PODGATE_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no place for built programs: %w; set PODGATE_CACHE to a directory", err)
	}
	return filepath.Join(dir, "podgate"), nil
}

// Get returns the directory that holds the program and its links, and builds
// it first if it is not in the cache. modules is the folder that holds the
// nested module.
func (h Heavy) Get(ctx context.Context, modules string, log io.Writer) (string, error) {
	module := filepath.Join(modules, h.Name)
	cache, err := Cache()
	if err != nil {
		return "", err
	}
	key, err := h.key(module)
	if err != nil {
		return "", err
	}
	what := fmt.Sprintf("%s %s", h.Name, h.Version)
	return Once(filepath.Join(cache, h.Name+"-"+h.Version+"-"+key), what, log, func(into, dir string) error {
		return h.build(ctx, module, into, fmt.Sprintf("%s, once, into %s", what, dir), log)
	})
}

// build builds the program and its links into a directory.
func (h Heavy) build(ctx context.Context, module, into, what string, log io.Writer) error {
	c := compile{dir: module, pkg: h.Package, out: filepath.Join(into, h.Name), tags: h.Tags, vars: h.Vars}
	if err := c.runWithProgress(ctx, what, log); err != nil {
		return err
	}
	for _, link := range h.Links {
		if err := os.Symlink(h.Name, filepath.Join(into, link)); err != nil {
			return err
		}
	}
	return nil
}

// key changes with whatever changes the program.
func (h Heavy) key(module string) (string, error) {
	files, err := filepath.Glob(filepath.Join(module, "*"))
	if err != nil {
		return "", err
	}
	if len(files) == 0 {
		return "", fmt.Errorf("%s holds no module to build %s from", module, h.Name)
	}
	slices.Sort(files)
	hash := sha256.New()
	fmt.Fprintln(hash, runtime.Version(), runtime.GOOS, runtime.GOARCH, h.Package, h.Tags, h.Links, h.Vars)
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(hash, "%s %d\n%s", filepath.Base(file), len(data), data)
	}
	return hex.EncodeToString(hash.Sum(nil))[:12], nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// lock takes the lock file, which the kernel gives up when we end, however we
// end. waiting is called if somebody else has it.
func lock(path string, waiting func()) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == syscall.EWOULDBLOCK {
		waiting()
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX)
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { file.Close() }, nil
}
