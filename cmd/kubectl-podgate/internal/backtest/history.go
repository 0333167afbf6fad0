package backtest

import (
	"context"
	"errors"
	"net/url"
	"os"
	"regexp"
	"time"

	"github.com/prometheus/common/config"
	"github.com/spf13/pflag"

	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/offline"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/replay"
	"github.com/podgate/podgate/controller/source"
)

// envPrometheusURL names where Prometheus is, as for the controller.
const envPrometheusURL = "PODGATE_PROMETHEUS_URL"

// historyFlags say where the history is, and which part of it is meant.
type historyFlags struct {
	prometheus, httpConfig string
	timeout                time.Duration
	openmetrics, tsdb      string
	from, to               string
	pods                   string
}

func (h *historyFlags) bind(f *pflag.FlagSet) {
	f.StringVar(&h.prometheus, "prometheus", os.Getenv(envPrometheusURL), "address of the Prometheus-compatible server to ask (environment "+envPrometheusURL+")")
	f.Lookup("prometheus").DefValue = ""
	f.StringVar(&h.httpConfig, "prometheus-http-config", "", "file with TLS and authentication settings for Prometheus, in the format of promtool's --http.config.file")
	f.DurationVar(&h.timeout, "prometheus-timeout", 2*time.Minute, "how long one query may take")
	f.StringVar(&h.openmetrics, "openmetrics", "", "instead of a server: file in the OpenMetrics text format with timestamps, as promtool tsdb dump-openmetrics writes it")
	f.StringVar(&h.tsdb, "tsdb", "", "instead of a server: directory of a Prometheus database, or a snapshot of one")
	f.StringVar(&h.from, "from", "", "where to begin: -7d, now, 2026-03-01T12:00:00Z, Unix seconds (default -7d, or where the file begins)")
	f.StringVar(&h.to, "to", "", "where to end, likewise (default now, or where the file ends)")
	f.StringVar(&h.pods, "pods", "", "regular expression that the names of the pods must match, where the queries answer for others too")
}

// history is a source of the past, and the stretch that is asked for.
type history struct {
	replay.Source
	// name says where it is from, without passwords.
	name     string
	from, to time.Time
	close    func() error
}

// open finds the history that the flags ask for.
func (h *historyFlags) open(ctx context.Context, now time.Time) (*history, error) {
	n := 0
	for _, s := range []string{h.openmetrics, h.tsdb} {
		if s != "" {
			n++
		}
	}
	out := &history{close: func() error { return nil }}
	var err error
	switch {
	case n > 1:
		return nil, misused("--openmetrics and --tsdb are both there: name one place for the history to come from")
	case h.openmetrics != "":
		err = out.offline(h.openmetrics)(offline.OpenOpenMetrics(ctx, h.openmetrics))
	case h.tsdb != "":
		err = out.offline(h.tsdb)(offline.OpenTSDB(h.tsdb))
	case h.prometheus != "":
		out.from, out.to = now.Add(-7*24*time.Hour), now
		err = h.online(out)
	default:
		return nil, misused("no history: say where it is with --prometheus URL (for example --prometheus http://localhost:9090 after kubectl port-forward), --openmetrics FILE or --tsdb DIR")
	}
	if err == nil {
		err = h.stretch(out, now)
	}
	if err == nil {
		err = h.only(out)
	}
	if err != nil {
		return nil, errors.Join(err, out.close())
	}
	return out, nil
}

func (o *history) offline(name string) func(*offline.Data, error) error {
	return func(d *offline.Data, err error) error {
		if err != nil {
			return err
		}
		o.Source, o.name, o.from, o.to, o.close = source.From(d.API, time.Hour), name, d.From, d.To, d.Close
		return nil
	}
}

func (h *historyFlags) online(out *history) error {
	u, err := url.Parse(h.prometheus)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return misused("--prometheus %q: must be an address such as http://localhost:9090", h.prometheus)
	}
	client := config.DefaultHTTPClientConfig
	if h.httpConfig != "" {
		c, _, err := config.LoadHTTPConfigFile(h.httpConfig)
		if err != nil {
			return misused("--prometheus-http-config %s: %w: name a file in the format of promtool's --http.config.file", h.httpConfig, err)
		}
		client = *c
	}
	if h.timeout <= 0 {
		return misused("--prometheus-timeout %s: must be greater than 0", h.timeout)
	}
	p, err := source.New(h.prometheus, client, h.timeout)
	out.Source, out.name = p, u.Redacted()
	return err
}

// stretch reads --from and --to; without them it is all there is, or a week.
func (h *historyFlags) stretch(out *history, now time.Time) (err error) {
	if h.from != "" {
		if out.from, err = instant("--from", h.from, now); err != nil {
			return err
		}
	}
	if h.to != "" {
		if out.to, err = instant("--to", h.to, now); err != nil {
			return err
		}
	}
	if out.to.After(now) {
		out.to = now
	}
	if !out.from.Before(out.to) {
		return misused("--from %s is not before --to %s: swap them, or ask for an earlier --from", out.from.UTC().Format(time.RFC3339), out.to.UTC().Format(time.RFC3339))
	}
	return nil
}

// only leaves out pods that are not meant.
func (h *historyFlags) only(out *history) error {
	if h.pods == "" {
		return nil
	}
	re, err := regexp.Compile("^(?:" + h.pods + ")$")
	if err != nil {
		return misused("--pods %q is no regular expression: %w: write one such as checkout-.*", h.pods, err)
	}
	out.Source = filtered{out.Source, re}
	return nil
}

// filtered is a source that knows only some pods.
type filtered struct {
	replay.Source
	keep *regexp.Regexp
}

func (f filtered) History(ctx context.Context, questions []source.Question, from, to time.Time, step time.Duration) ([]source.Moment, error) {
	moments, err := f.Source.History(ctx, questions, from, to, step)
	for _, m := range moments {
		for _, a := range m.Answers {
			for pod := range a.ByPod {
				if !f.keep.MatchString(pod) {
					delete(a.ByPod, pod)
				}
			}
		}
	}
	return moments, err
}
