package command

import (
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/prometheus/common/config"
	"github.com/spf13/pflag"

	"github.com/podgate/podgate/controller/source"
)

// envPrometheusURL is the controller's own name for Prometheus' address.
const envPrometheusURL = "PODGATE_PROMETHEUS_URL"

// prometheus is where and how Prometheus is asked.
type prometheus struct {
	url, configFile string
	timeout         time.Duration
}

func (p *prometheus) bind(flags *pflag.FlagSet) {
	flags.StringVar(&p.url, "prometheus", os.Getenv(envPrometheusURL), "address of the Prometheus-compatible server that answers the gates' queries (environment "+envPrometheusURL+")")
	flags.Lookup("prometheus").DefValue = ""
	flags.StringVar(&p.configFile, "prometheus-http-config", "", "file with TLS and authentication settings for Prometheus, in the format of promtool's --http.config.file")
	flags.DurationVar(&p.timeout, "prometheus-timeout", 10*time.Second, "how long one query may take")
}

// source is the Prometheus to ask; nil if none is named.
func (p *prometheus) source() (*source.Prometheus, error) {
	if p.url == "" {
		return nil, nil
	}
	u, err := url.Parse(p.url)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, misused("--prometheus %q: must be an address such as http://localhost:9090", p.url)
	}
	if p.timeout <= 0 {
		return nil, misused("--prometheus-timeout %s: must be greater than 0", p.timeout)
	}
	http := &config.HTTPClientConfig{}
	if p.configFile == "" {
		*http = config.DefaultHTTPClientConfig
	} else if http, _, err = config.LoadHTTPConfigFile(p.configFile); err != nil {
		return nil, misused("--prometheus-http-config %s: %w", p.configFile, err)
	}
	return source.New(p.url, *http, p.timeout)
}

// advised adds to what went wrong with Prometheus what a person can do about it.
func (p *prometheus) advised(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: check --prometheus %s; from outside of the cluster it takes a way in, such as kubectl -n monitoring port-forward svc/prometheus-operated 9090 and --prometheus http://localhost:9090", err, p.url)
}
