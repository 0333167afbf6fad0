package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"k8s.io/client-go/rest"

	"github.com/podgate/podgate/test/cluster/wire"
)

// stopLimit is how long the box has to end by itself.
const stopLimit = 2 * time.Minute

// Cluster is a running cluster.
type Cluster struct {
	options    Options
	dir        string
	mode       wire.Mode
	notes      []string
	programs   map[string]string
	rest       *rest.Config
	prometheus string
	log        *lines

	box      *exec.Cmd
	lifeline io.WriteCloser
	ended    chan struct{} // closed when the box has ended
	stopOnce sync.Once
	stopErr  error
}

// Stop ends everything that runs in the cluster, and removes the state
// directory unless Options.KeepDir is set. Stopping twice is harmless.
func (c *Cluster) Stop() error {
	c.stopOnce.Do(func() { c.stopErr = c.stop() })
	return c.stopErr
}

func (c *Cluster) stop() error {
	var err error
	if c.box != nil {
		c.lifeline.Close()
		select {
		case <-c.ended:
		case <-time.After(stopLimit):
			_ = c.box.Process.Kill() // the first process of its namespace: all others go with it
			<-c.ended
			err = fmt.Errorf("the box did not end within %s and was killed", stopLimit)
		}
	}
	c.log.flush()
	if c.options.KeepDir {
		c.say("the state directory is kept: %s", c.dir)
		return err
	}
	return errors.Join(err, os.RemoveAll(c.dir))
}

// RESTConfig is for clients with all rights, from this machine.
func (c *Cluster) RESTConfig() *rest.Config { return rest.CopyConfig(c.rest) }

// Kubeconfig is the path of a kubeconfig file with all rights, for kubectl and
// other programs on this machine.
func (c *Cluster) Kubeconfig() string { return wire.AdminKubeconfig(c.dir) }

// Kubectl is the path of a kubectl program.
func (c *Cluster) Kubectl() string { return c.programs["kubectl"] }

// PrometheusURL is Prometheus' address on this machine. In the cluster it is
// http://prometheus-operated.monitoring.svc:9090.
func (c *Cluster) PrometheusURL() string { return c.prometheus }

// Dir is the state directory: logs, data, credentials.
func (c *Cluster) Dir() string { return c.dir }

// Notes says what this cluster lacks on this machine, and what to do about it.
func (c *Cluster) Notes() []string { return c.notes }

// DataPlane says what balances requests to a Service.
func (c *Cluster) DataPlane() string {
	if c.mode == wire.Namespaces {
		return "kube-proxy (nftables)"
	}
	return "client-side balancing over EndpointSlices"
}

// PodLog is the path of the file with the output of a pod's first container.
func (c *Cluster) PodLog(namespace, name string) string { return wire.PodLog(c.dir, namespace, name) }

// SignalPod sends a signal to a pod's processes: SIGKILL for a crash, SIGSTOP
// for a pod that hangs, SIGCONT to let it go on.
func (c *Cluster) SignalPod(ctx context.Context, namespace, name string, sig syscall.Signal) error {
	_, err := c.request(ctx, wire.Request{Op: wire.SignalPod, Namespace: namespace, Name: name, Signal: int(sig)})
	return err
}

// Memory is the resident memory in bytes of each running component, and of
// boxd, which holds the node agent.
func (c *Cluster) Memory(ctx context.Context) (map[string]int64, error) {
	response, err := c.request(ctx, wire.Request{Op: wire.Memory})
	return response.Memory, err
}

func (c *Cluster) say(format string, args ...any) { c.log.line(fmt.Sprintf(format, args...)) }

// note records what the cluster lacks.
func (c *Cluster) note(format string, args ...any) {
	c.notes = append(c.notes, fmt.Sprintf(format, args...))
	c.say("note: "+format, args...)
}
