package stage

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/go-logr/logr"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	kruntime "k8s.io/apimachinery/pkg/runtime"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/test/cluster"
	"github.com/podgate/podgate/test/cluster/build"
	"github.com/podgate/podgate/test/load"
)

// Names of what the samples make.
const (
	Namespace = "shop"
	Service   = "checkout"
	Gate      = "checkout"
	// SystemNamespace is where config/default puts the controller.
	SystemNamespace = "podgate-system"
)

// Rate is how many requests a second the client sends.
const Rate = 100

// Stage is a cluster with Podgate, the sample Service and a client.
type Stage struct {
	*cluster.Cluster
	// Fleet is the sample Service's.
	Fleet
	// Client has all rights.
	Client client.Client
	// Load is the client's view of the Service; nil before StartLoad.
	Load *load.Generator

	root  string
	token struct {
		sync.Mutex
		value string
	}
}

// Options say what the stage tells while it is set.
type Options struct {
	// Log gets progress, line by line.
	Log io.Writer
	// KeepDir keeps the cluster's directory, with all logs, after Stop.
	KeepDir bool
	// Images are more images besides Podgate's and the sample server's, each with
	// the package of this module whose program runs in its place.
	Images map[string]string
}

// New starts a cluster that can run Podgate and the sample server. Nothing is
// installed yet.
func New(ctx context.Context, o Options) (*Stage, error) {
	root, err := repository()
	if err != nil {
		return nil, err
	}
	images, err := buildImages(ctx, root, o.Images)
	if err != nil {
		return nil, err
	}
	c, err := cluster.Start(ctx, cluster.Options{Images: images, Log: o.Log, KeepDir: o.KeepDir})
	if err != nil {
		return nil, err
	}
	log.SetLogger(logr.Discard())
	s := &Stage{Cluster: c, root: root}
	s.Fleet = s.FleetOf(Namespace, Service)
	scheme := kruntime.NewScheme()
	_ = clientgoscheme.AddToScheme(scheme)
	_ = v1alpha1.AddToScheme(scheme)
	s.Client, err = client.New(c.RESTConfig(), client.Options{Scheme: scheme})
	if err != nil {
		_ = c.Stop()
		return nil, err
	}
	return s, nil
}

// buildImages builds what runs in the place of the images that the manifests
// name.
func buildImages(ctx context.Context, root string, more map[string]string) (map[string]string, error) {
	tests := filepath.Join(root, "test")
	sources := map[string]struct{ module, pkg string }{
		"ghcr.io/podgate/podgate":   {root, "./cmd/podgate"},
		"podgate.dev/sample-server": {tests, "./sample/cmd/sample-server"},
	}
	for image, pkg := range more {
		sources[image] = struct{ module, pkg string }{tests, pkg}
	}
	images := map[string]string{}
	for image, of := range sources {
		program, err := build.Program(ctx, of.module, of.pkg)
		if err != nil {
			return nil, err
		}
		images[image] = program
	}
	return images, nil
}

// repository is the root of the checkout that this file was compiled from.
func repository() (string, error) {
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		return "", fmt.Errorf("the source's place is unknown: build without -trimpath")
	}
	return filepath.Dir(filepath.Dir(filepath.Dir(file))), nil
}

// Path is a file of the repository.
func (s *Stage) Path(parts ...string) string {
	return filepath.Join(append([]string{s.root}, parts...)...)
}

// Install applies config/default and waits for the controller.
func (s *Stage) Install(ctx context.Context) error {
	if _, err := s.Kubectl(ctx, "apply", "-k", s.Path("config", "default")); err != nil {
		return err
	}
	if _, err := s.Kubectl(ctx, "wait", "--for=condition=Established", "--timeout=5m", "crd/trafficgates.podgate.dev"); err != nil {
		return err
	}
	_, err := s.Kubectl(ctx, "-n", SystemNamespace, "rollout", "status", "deployment/podgate", "--timeout=5m")
	return err
}

// Apply applies config/samples and waits for the ten pods.
func (s *Stage) Apply(ctx context.Context) error {
	if _, err := s.Kubectl(ctx, "apply", "-k", s.Path("config", "samples")); err != nil {
		return err
	}
	_, err := s.Kubectl(ctx, "-n", Namespace, "rollout", "status", "deployment/checkout", "--timeout=5m")
	return err
}

// StartLoad begins to call the sample Service by its cluster address. The client
// is a patient one: that a busy machine is slow is no error of the Service's.
func (s *Stage) StartLoad(ctx context.Context) (err error) {
	s.Load, err = s.Call(ctx, load.Options{Rate: Rate, Timeout: 20 * time.Second})
	return err
}

// Stop ends the load and the cluster.
func (s *Stage) Stop() error {
	if s.Load != nil {
		s.Load.Stop()
	}
	return s.Cluster.Stop()
}

// Interval is how often the sample gate looks.
const Interval = 5 * time.Second
