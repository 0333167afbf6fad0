package boxd

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/podgate/podgate/test/cluster/agent"
	"github.com/podgate/podgate/test/cluster/wire"
)

// startLimit is how long the whole start may take; it takes ten seconds on an
// ordinary machine.
const startLimit = 3 * time.Minute

// Box is the inside of a box.
type Box struct {
	config     wire.Config
	pki        *authority
	components map[string]*component
	rest       *rest.Config
	client     kubernetes.Interface
	services   *services
	agent      *agent.Agent

	started chan struct{} // closed when the start has ended, with failure set
	failure error
}

// Serve runs the box of the given state directory until standard input ends.
func Serve(dir string) error {
	config, err := wire.ReadConfig(dir)
	if err != nil {
		return err
	}
	b := &Box{config: config, components: map[string]*component{}, started: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if err := b.prepare(); err != nil {
		return err
	}
	listeners, err := inherit()
	if err != nil {
		return err
	}
	go b.serveControl(ctx, listeners.control)
	go b.forward(listeners.api, b.served(controlIP)+":"+apiPort)
	go b.forward(listeners.prometheus, b.served(prometheusIP)+":"+prometheusPort)
	go func() {
		defer close(b.started)
		limited, cancel := context.WithTimeout(ctx, startLimit)
		defer cancel()
		b.failure = b.start(ctx, limited)
	}()
	waitForEnd(os.Stdin)
	cancel()
	b.end()
	return nil
}

// prepare does what needs no component: directories, network, credentials.
func (b *Box) prepare() error {
	for _, dir := range []string{b.path("logs", "pods"), b.path("prometheus")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if err := os.WriteFile(b.hostsFile(), []byte(hostsHead), 0o644); err != nil {
		return err
	}
	if b.config.Mode == wire.Namespaces {
		if err := setUpNetwork(); err != nil {
			return err
		}
		for _, note := range setUpMounts(b.hostsFile()) {
			b.say(note)
		}
	}
	if err := b.makeCredentials(); err != nil {
		return fmt.Errorf("make the certificates: %w", err)
	}
	b.addComponents()
	return nil
}

// start brings everything up in the order in which it depends on one another.
// Waiting is limited; what goes on afterwards lives as long as ctx.
func (b *Box) start(ctx, limited context.Context) error {
	began := time.Now()
	if err := b.startAll(limited, "etcd"); err != nil {
		return err
	}
	if err := b.startAll(limited, "kube-apiserver"); err != nil {
		return err
	}
	b.say(fmt.Sprintf("kube-apiserver is ready after %s", time.Since(began).Round(100*time.Millisecond)))
	if err := b.connect(); err != nil {
		return err
	}
	b.services = newServices(b)
	b.services.start(ctx)
	if err := b.startAgent(ctx, limited); err != nil {
		return err
	}
	if err := b.startMetrics(ctx, limited); err != nil {
		return err
	}
	if err := b.prepareMonitoring(limited); err != nil {
		return err
	}
	rest := []string{"kube-controller-manager", "prometheus"}
	if b.components["kube-proxy"] != nil {
		rest = append(rest, "kube-proxy")
	}
	if err := b.startAll(limited, rest...); err != nil {
		return err
	}
	b.say(fmt.Sprintf("everything is ready after %s", time.Since(began).Round(100*time.Millisecond)))
	return nil
}

// startAll starts components at the same time and waits for all.
func (b *Box) startAll(ctx context.Context, names ...string) error {
	errs := make(chan error, len(names))
	for _, name := range names {
		go func() { errs <- b.components[name].Start(ctx) }()
	}
	var first error
	for range names {
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	return first
}

// connect makes the client the box itself uses.
func (b *Box) connect() error {
	config, err := clientcmd.BuildConfigFromFlags("", b.kubeconfig("agent"))
	if err != nil {
		return err
	}
	config.QPS, config.Burst = 500, 1000 // one agent does the work of all nodes
	config.ContentType = "application/vnd.kubernetes.protobuf"
	config.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	b.rest = config
	b.client, err = kubernetes.NewForConfig(config)
	return err
}

func (b *Box) startAgent(ctx, limited context.Context) error {
	options := agent.Options{
		Client:  b.client,
		Nodes:   b.config.Nodes,
		Images:  b.config.Images,
		Dir:     b.config.Dir,
		Boxd:    b.config.Boxd,
		CA:      b.pki.path("ca.crt"),
		Serve:   b.served,
		APIHost: kubernetesIP,
		APIPort: "443",
		Log:     b.say,
	}
	if b.config.Mode == wire.Loopback {
		options.APIHost, options.APIPort = b.served(controlIP), apiPort
		options.Hosts = b.hostsFile()
	}
	a, err := agent.New(options)
	if err != nil {
		return err
	}
	b.agent = a
	return a.Start(ctx, limited)
}

// end kills what is left. In the namespaces of the box the kernel would do the
// same when the first process ends; on the host it must be done here.
func (b *Box) end() {
	if b.agent != nil {
		b.agent.Close()
	}
	killed, cancel := context.WithTimeout(context.Background(), stopGrace)
	defer cancel()
	for _, c := range b.components {
		_ = c.Kill(killed) // it is over either way
	}
}

// say writes a line for the person who watches.
func (b *Box) say(line string) { fmt.Fprintln(os.Stderr, line) }

func (b *Box) path(elements ...string) string {
	return filepath.Join(append([]string{b.config.Dir}, elements...)...)
}
