// Package inprocess runs the product's controller in the test's own process:
// against a real API server, with the rights of its service account, and with
// nothing replaced but what a test says. So a test can be at its every write,
// can let time fly, and can decide what the metrics say.
//
// It may import test/stage and Podgate's packages.
package inprocess

import (
	"context"
	"fmt"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller"
	"github.com/podgate/podgate/controller/decide"
	"github.com/podgate/podgate/test/stage"
)

// Options are what a test decides about a controller. Config, Namespace and
// Source are required.
type Options struct {
	// Config is for the API server, with the right to impersonate.
	Config *rest.Config
	// Namespace is the only one that it sees.
	Namespace string
	// Source is what the metrics say.
	Source controller.Source
	// Clock is the machine's unless set; timers always are.
	Clock clock.PassiveClock
	// NewClient makes the client that writes; the usual one unless set.
	NewClient client.NewClientFunc
	// Without leaves a rule out.
	Without decide.Rule
	// Log is nowhere unless set.
	Log logr.Logger
}

// Controller is a running controller.
type Controller struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// Start starts a controller. It leads at once: there is no election.
func Start(ctx context.Context, o Options) (*Controller, error) {
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return nil, err
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	rights := rest.CopyConfig(o.Config)
	rights.Impersonate.UserName = fmt.Sprintf("system:serviceaccount:%s:podgate", stage.SystemNamespace)
	mgr, err := ctrl.NewManager(rights, ctrl.Options{
		Scheme: scheme, Metrics: metricsserver.Options{BindAddress: "0"}, HealthProbeBindAddress: "0",
		Cache: cache.Options{
			DefaultNamespaces: map[string]cache.Config{o.Namespace: {}},
			ByObject:          map[client.Object]cache.ByObject{&corev1.Pod{}: {Transform: controller.StripPod}},
		},
		Controller: config.Controller{SkipNameValidation: new(true)},
		NewClient:  o.NewClient,
		Logger:     o.Log,
	})
	if err != nil {
		return nil, err
	}
	if err := controller.SetupWithManager(mgr, controller.Options{
		Source: o.Source, Metrics: prometheus.NewRegistry(), Clock: o.Clock, Without: o.Without,
	}); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	c := &Controller{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		_ = mgr.Start(ctx) // why it ends shows in what it did
	}()
	return c, nil
}

// Stop ends the controller and waits for it.
func (c *Controller) Stop() {
	c.cancel()
	<-c.done
}
