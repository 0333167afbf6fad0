package wire

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Mode is how the box gets its addresses.
type Mode string

const (
	// Namespaces: the box has user, network, mount and process namespaces of
	// its own, each pod an address on loopback, and the real kube-proxy.
	Namespaces Mode = "namespaces"
	// Loopback: the box runs on the host's loopback device; the pod address
	// 10.244.a.b is served at 127.244.a.b and there is no kube-proxy.
	Loopback Mode = "loopback"
)

// The file descriptors the box inherits, after standard input (the lifeline:
// the box ends when it reaches end of file), output and error.
const (
	ControlFD    = 3 + iota // listener of the control socket
	APIFD                   // outer listener that leads to the API server
	PrometheusFD            // outer listener that leads to Prometheus
)

// Config is what the box is started with, in the file ConfigFile.
type Config struct {
	Dir            string            // the box's state directory
	Mode           Mode              // how it gets its addresses
	Boxd           string            // path of the boxd program
	Programs       map[string]string // component → path of its program
	Images         map[string]string // image repository → path of the program that runs in its place
	Nodes          []Node            // at least one
	ScrapeInterval time.Duration     // of Prometheus
	APIAddress     string            // host:port, outside, that leads to the API server
	ProxyEnv       []string          // more environment for kube-proxy, to find nft
}

// Node is a node of the cluster.
type Node struct {
	Name   string
	Labels map[string]string
}

// AdminKubeconfig is the kubeconfig of the cluster's administrator, for
// programs outside the box.
func AdminKubeconfig(dir string) string { return filepath.Join(dir, "admin.kubeconfig") }

// ControlSocket is where the box listens for requests.
func ControlSocket(dir string) string { return filepath.Join(dir, "box.sock") }

// ComponentLog is where a component's output goes.
func ComponentLog(dir, component string) string {
	return filepath.Join(dir, "logs", component+".log")
}

// PodLog is where the output of a pod's first container goes; those of a
// StatefulSet keep one file over all their lives.
func PodLog(dir, namespace, name string) string {
	return filepath.Join(dir, "logs", "pods", namespace+"_"+name+".log")
}

// ConfigFile is where the box finds its Config.
func ConfigFile(dir string) string { return filepath.Join(dir, "box.json") }

// WriteConfig writes c where the box will look for it.
func WriteConfig(c Config) error {
	data, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(ConfigFile(c.Dir), data, 0o600)
}

// ReadConfig reads the Config of the box whose state directory is dir.
func ReadConfig(dir string) (Config, error) {
	var c Config
	data, err := os.ReadFile(ConfigFile(dir))
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return c, fmt.Errorf("%s: %w", ConfigFile(dir), err)
	}
	return c, nil
}
