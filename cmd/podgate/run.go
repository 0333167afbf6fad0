package main

import (
	"context"
	"fmt"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller"
	"github.com/podgate/podgate/controller/source"
)

// leaderElectionID is the name of the lease.
const leaderElectionID = "podgate.podgate.dev"

// run starts the manager and returns when ctx ends or leadership is lost.
func run(ctx context.Context, o options) error {
	if err := o.validate(); err != nil {
		return err
	}
	http, err := o.prometheusHTTP()
	if err != nil {
		return err
	}
	prometheus, err := source.New(o.prometheusURL, http, o.prometheusTimeout)
	if err != nil {
		return err
	}
	detectors, err := o.detectors()
	if err != nil {
		return err
	}
	traces, err := newTraces(ctx, ctrl.Log.WithName("tracing"))
	if err != nil {
		return err
	}
	mgr, err := newManager(o, traces.on())
	if err != nil {
		return err
	}
	if err := controller.SetupWithManager(mgr, controller.Options{Source: source.All{Prometheus: prometheus, Detectors: detectors}, Concurrency: o.concurrency, Metrics: metrics.Registry, Tracer: traces.tracer()}); err != nil {
		return err
	}
	if err := mgr.Start(ctx); err != nil {
		return err // something may still run, whose lease is lost or given up: end at once
	}
	traces.flush(flushLimit)
	return nil
}

// metricsServer is how the metrics are served: as the operator has not said
// otherwise, encrypted and to those only who may read them. Exemplars need the
// OpenMetrics format, which is offered to those who ask for it.
func (o *options) metricsServer(exemplars bool) metricsserver.Options {
	s := metricsserver.Options{BindAddress: o.metricsAddress, SecureServing: o.metricsSecure, CertDir: o.metricsCertDir}
	if o.metricsSecure {
		s.FilterProvider = filters.WithAuthenticationAndAuthorization
	}
	if exemplars {
		s.HandlerOpts = append(s.HandlerOpts, func(h *promhttp.HandlerOpts) { h.EnableOpenMetrics = true })
	}
	return s
}

func newManager(o options, exemplars bool) (ctrl.Manager, error) {
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return nil, err
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	rest, err := ctrl.GetConfig()
	if err != nil {
		return nil, fmt.Errorf("finding the cluster: %w (set KUBECONFIG, or run inside one)", err)
	}
	mgr, err := ctrl.NewManager(rest, ctrl.Options{
		Scheme:                        scheme,
		Metrics:                       o.metricsServer(exemplars),
		PprofBindAddress:              o.pprofAddress,
		HealthProbeBindAddress:        o.healthAddress,
		LeaderElection:                o.leaderElect,
		LeaderElectionID:              leaderElectionID,
		LeaderElectionNamespace:       o.leaderNamespace,
		LeaderElectionReleaseOnCancel: true, // the process ends when Start returns
		Cache: cache.Options{ByObject: map[client.Object]cache.ByObject{
			&corev1.Pod{}: {Transform: controller.StripPod},
		}},
	})
	if err != nil {
		return nil, err
	}
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return nil, err
	}
	return mgr, mgr.AddReadyzCheck("ping", healthz.Ping)
}
