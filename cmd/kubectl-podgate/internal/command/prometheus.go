package command

import (
	"os"
	"time"

	"github.com/spf13/pflag"

	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/prometheus"
	"github.com/podgate/podgate/controller/source"
)

// envPrometheusURL is the controller's own name for Prometheus' address.
const envPrometheusURL = "PODGATE_PROMETHEUS_URL"

// prometheusFlags are where and how Prometheus is asked.
type prometheusFlags struct{ prometheus.Server }

func (p *prometheusFlags) bind(flags *pflag.FlagSet) {
	flags.StringVar(&p.URL, "prometheus", os.Getenv(envPrometheusURL), "address of the Prometheus-compatible server that answers the gates' queries (environment "+envPrometheusURL+")")
	flags.Lookup("prometheus").DefValue = ""
	flags.StringVar(&p.HTTPConfig, "prometheus-http-config", "", "file with TLS and authentication settings for Prometheus, in the format of promtool's --http.config.file")
	flags.DurationVar(&p.Timeout, "prometheus-timeout", 10*time.Second, "how long one query may take")
}

// source is the Prometheus to ask; nil if none is named.
func (p *prometheusFlags) source() (*source.Prometheus, error) {
	switch {
	case p.URL == "" && p.HTTPConfig != "":
		return nil, misused("--prometheus-http-config %s is of no use without a server: name it with --prometheus, or leave it out", p.HTTPConfig)
	case p.URL == "":
		return nil, nil
	}
	api, err := p.API()
	if err != nil {
		return nil, misused("%w", err)
	}
	return source.From(api, p.Timeout), nil
}
