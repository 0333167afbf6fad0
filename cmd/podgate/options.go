package main

import (
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/prometheus/common/config"

	"github.com/podgate/podgate/controller/source"
)

// Environment variables that stand in for flags, for people who set them with
// kubectl set env.
const (
	envPrometheusURL     = "PODGATE_PROMETHEUS_URL"
	envExternalDetectors = "PODGATE_EXTERNAL_DETECTORS"
	envNamespace         = "POD_NAMESPACE"
)

// options are what the operator decides.
type options struct {
	prometheusURL        string
	prometheusConfigFile string
	prometheusTimeout    time.Duration
	externalDetectors    string
	leaderElect          bool
	leaderNamespace      string
	metricsAddress       string
	metricsSecure        bool
	metricsCertDir       string
	pprofAddress         string
	healthAddress        string
	concurrency          int
}

func (o *options) bind(f *flag.FlagSet) {
	f.StringVar(&o.prometheusURL, "prometheus-url", os.Getenv(envPrometheusURL),
		"address of the Prometheus-compatible server that answers the gates' queries (environment "+envPrometheusURL+")")
	f.StringVar(&o.prometheusConfigFile, "prometheus-http-config", "",
		"file with TLS and authentication settings for Prometheus, in the format of promtool's --http.config.file")
	f.DurationVar(&o.prometheusTimeout, "prometheus-timeout", 10*time.Second, "how long one query may take")
	f.StringVar(&o.externalDetectors, "external-detectors", os.Getenv(envExternalDetectors),
		"hosts that gates may ask which pods are bad, separated by commas, such as detector.shop.svc or *.shop.svc; none unless given (environment "+envExternalDetectors+")")
	f.BoolVar(&o.leaderElect, "leader-elect", false, "let several replicas agree on one that acts")
	f.StringVar(&o.leaderNamespace, "leader-elect-namespace", os.Getenv(envNamespace),
		"namespace of the leader election's lease; by default the one that podgate runs in (environment "+envNamespace+")")
	f.StringVar(&o.metricsAddress, "metrics-bind-address", ":8443", "where to serve /metrics; 0 for nowhere")
	f.BoolVar(&o.metricsSecure, "metrics-secure", true,
		"serve /metrics over HTTPS, and only to whom the API server grants get on the non-resource URL /metrics; without it, over HTTP to everybody")
	f.StringVar(&o.metricsCertDir, "metrics-cert-dir", "", "folder with tls.crt and tls.key for /metrics; without it a certificate is made and signed by itself")
	f.StringVar(&o.pprofAddress, "pprof-bind-address", "0",
		"where to serve /debug/pprof, over HTTP to everybody: an address such as 127.0.0.1:6060, for kubectl port-forward; 0 for nowhere")
	f.StringVar(&o.healthAddress, "health-probe-bind-address", ":8081", "where to serve /healthz and /readyz; 0 for nowhere")
	f.IntVar(&o.concurrency, "concurrency", 4, "how many gates are looked after at once")
}

// validate checks what can be checked before anything is started.
func (o *options) validate() error {
	if o.prometheusURL == "" {
		return errors.New("no --prometheus-url: say where Prometheus is, for example --prometheus-url=http://prometheus-operated.monitoring.svc:9090 (or set " + envPrometheusURL + ")")
	}
	u, err := url.Parse(o.prometheusURL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return fmt.Errorf("--prometheus-url %q: must be an address such as http://prometheus-operated.monitoring.svc:9090", o.prometheusURL)
	}
	if o.prometheusTimeout <= 0 {
		return fmt.Errorf("--prometheus-timeout %s: must be greater than 0", o.prometheusTimeout)
	}
	return nil
}

// detectors asks those external detectors that the operator allows.
func (o *options) detectors() (*source.Detectors, error) {
	var hosts []string
	if o.externalDetectors != "" {
		hosts = strings.Split(o.externalDetectors, ",")
	}
	d, err := source.NewDetectors(hosts)
	if err != nil {
		return nil, fmt.Errorf("--external-detectors: %w", err)
	}
	return d, nil
}

// prometheusHTTP reads the TLS and authentication settings; none without a file.
func (o *options) prometheusHTTP() (config.HTTPClientConfig, error) {
	if o.prometheusConfigFile == "" {
		return config.DefaultHTTPClientConfig, nil
	}
	c, _, err := config.LoadHTTPConfigFile(o.prometheusConfigFile)
	if err != nil {
		return config.HTTPClientConfig{}, fmt.Errorf("--prometheus-http-config %s: %w", o.prometheusConfigFile, err)
	}
	return *c, nil
}
