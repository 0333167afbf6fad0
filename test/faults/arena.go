package faults

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/podgate/podgate/test/load"
	"github.com/podgate/podgate/test/stage"
)

// Names of the fleets' namespaces.
const (
	with    = "with"    // Podgate, and a pod that fails
	without = "without" // no Podgate, and the same pod fails
	alone   = "alone"   // no Podgate, and no pod fails
)

// Options are how an arena is set up.
type Options struct {
	// Seed decides which pod fails when, and when the fault comes.
	Seed uint64
	// Tail is for how long after a fault the clients' view counts. Default: 30 s.
	Tail time.Duration
	// Log gets what the cluster does, and Say what happens in a round; a line each.
	Log io.Writer
	Say func(line string)
	// KeepDir keeps the cluster's directory, with all logs, after Stop.
	KeepDir bool
}

// Arena is a cluster with Podgate, three fleets and their clients.
type Arena struct {
	*stage.Stage
	options Options
	fleets  map[string]*fleet
	pods    *history
	logs    *logs
	cancel  context.CancelFunc
}

// fleet is one Service of ten pods with its client.
type fleet struct {
	pods []corev1.Pod // by name; they stay the same
	load *load.Generator
}

// New sets everything up. The fleets serve, and their clients call them.
func New(ctx context.Context, o Options) (*Arena, error) {
	if o.Tail == 0 {
		o.Tail = 30 * time.Second
	}
	s, err := stage.New(ctx, stage.Options{Log: o.Log, KeepDir: o.KeepDir, Images: map[string]string{
		"podgate.dev/relay":   "./faults/cmd/relay",
		"podgate.dev/webhook": "./faults/cmd/webhook",
	}})
	if err != nil {
		return nil, err
	}
	background, cancel := context.WithCancel(context.Background())
	a := &Arena{Stage: s, options: o, fleets: map[string]*fleet{}, logs: &logs{read: map[string]int{}}, cancel: cancel}
	if err := a.setUp(ctx, background); err != nil {
		_ = a.Stop()
		return nil, err
	}
	return a, nil
}

func (a *Arena) setUp(ctx, background context.Context) error {
	if err := a.Install(ctx); err != nil {
		return err
	}
	// Pods are refused until their namespace has its service account.
	if err := a.until(ctx, 2*time.Minute, func() error {
		_, err := a.Kubectl(ctx, "apply", "-f", a.data("tools.yaml"))
		return err
	}); err != nil {
		return err
	}
	for _, name := range []string{with, without, alone} {
		if err := a.addFleet(ctx, name); err != nil {
			return err
		}
	}
	// A gate is made for each round.
	if err := a.deleteGate(ctx); err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(a.RESTConfig())
	if err != nil {
		return err
	}
	a.pods, err = startHistory(background, client)
	return err
}

func (a *Arena) addFleet(ctx context.Context, name string) error {
	if _, err := a.Kubectl(ctx, "apply", "-k", a.data(name)); err != nil {
		return err
	}
	if _, err := a.Kubectl(ctx, "-n", name, "rollout", "status", "deployment/"+stage.Service, "--timeout=5m"); err != nil {
		return err
	}
	f, of := &fleet{}, a.FleetOf(name, stage.Service)
	var err error
	if f.pods, err = of.Pods(ctx); err != nil {
		return err
	}
	if f.load, err = of.Call(ctx, load.Options{Rate: stage.Rate}); err != nil {
		return err
	}
	a.fleets[name] = f
	return nil
}

// Seed is what decides.
func (a *Arena) Seed() uint64 { return a.options.Seed }

// Lists is how often the pods had to be listed anew, because the API server did
// not remember where a watch broke.
func (a *Arena) Lists() int { return a.pods.listed() - 1 }

// Stop ends the clients and the cluster.
func (a *Arena) Stop() error {
	a.cancel()
	for _, f := range a.fleets {
		f.load.Stop()
	}
	return a.Stage.Stop()
}

// data is a file below testdata.
func (a *Arena) data(name string) string { return a.Path("test", "faults", "testdata", name) }

func (a *Arena) say(format string, args ...any) {
	if a.options.Say != nil {
		a.options.Say(fmt.Sprintf(format, args...))
	}
}

// until tries until it succeeds.
func (a *Arena) until(ctx context.Context, limit time.Duration, try func() error) error {
	_, err := stage.Until(ctx, limit, try)
	return err
}

// named is metadata with a namespace and a name.
func named(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name}
}

// HasProxy reports whether kube-proxy balances the Services.
func (a *Arena) HasProxy() bool { return strings.HasPrefix(a.DataPlane(), "kube-proxy") }
