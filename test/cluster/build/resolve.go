package build

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Components are the programs a cluster consists of.
var Components = []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-proxy", "kubectl", "prometheus"}

// Resolve finds a program for each component: in $KUBEBUILDER_ASSETS, then on
// the PATH, then by building it. With PODGATE_BUILD_ALL=1 all are built.
// modules is the folder that holds the nested modules.
func Resolve(ctx context.Context, modules string, log io.Writer) (map[string]string, error) {
	programs := map[string]string{}
	built := false // the API server: then kubectl comes with it, of the same version
	all := os.Getenv("PODGATE_BUILD_ALL") == "1"
	for _, name := range Components {
		path := find(name)
		if all || path == "" || (name == "kubectl" && built) {
			dir, err := heavyOf(name).Get(ctx, modules, log)
			if err != nil {
				return nil, err
			}
			path = filepath.Join(dir, name)
			built = built || name == "kube-apiserver"
		}
		programs[name] = path
	}
	fmt.Fprintf(log, "programs: %s\n", describe(programs))
	return programs, nil
}

// find finds a program that is on the machine already.
func find(name string) string {
	if assets := os.Getenv("KUBEBUILDER_ASSETS"); assets != "" {
		if path, err := exec.LookPath(filepath.Join(assets, name)); err == nil {
			if path, err = filepath.Abs(path); err == nil {
				return path
			}
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return ""
	}
	return path
}

func heavyOf(component string) Heavy {
	if component == "prometheus" {
		return Prometheus
	}
	return Kubernetes
}

// describe lists the programs, those of one directory together.
func describe(programs map[string]string) string {
	var parts []string
	dir := ""
	for _, name := range Components {
		at := filepath.Dir(programs[name])
		if at == dir {
			parts[len(parts)-1] += ", " + name
			continue
		}
		dir = at
		parts = append(parts, at+": "+name)
	}
	return strings.Join(parts, "; ")
}
