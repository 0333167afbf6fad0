package backtest

import (
	"context"
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	promapi "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/spf13/pflag"

	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/offline"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/prometheus"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/replay"
	"github.com/podgate/podgate/controller/source"
)

// envPrometheusURL names where Prometheus is, as for the controller.
const envPrometheusURL = "PODGATE_PROMETHEUS_URL"

// historyFlags say where the history is, and which part of it is meant.
type historyFlags struct {
	flags             *pflag.FlagSet
	server            prometheus.Server
	openmetrics, tsdb string
	from, to          string
	pods              string
	// back is how much of a server's history is meant where --from does not say.
	back time.Duration
}

func (h *historyFlags) bind(f *pflag.FlagSet, back time.Duration) {
	h.flags, h.back = f, back
	f.StringVar(&h.server.URL, "prometheus", os.Getenv(envPrometheusURL), "address of the Prometheus-compatible server to ask (environment "+envPrometheusURL+")")
	f.Lookup("prometheus").DefValue = ""
	f.StringVar(&h.server.HTTPConfig, "prometheus-http-config", "", "file with TLS and authentication settings for Prometheus, in the format of promtool's --http.config.file")
	f.DurationVar(&h.server.Timeout, "prometheus-timeout", 2*time.Minute, "how long one query may take")
	f.StringVar(&h.openmetrics, "openmetrics", "", "instead of a server: file in the OpenMetrics text format with timestamps, as promtool tsdb dump-openmetrics writes it")
	f.StringVar(&h.tsdb, "tsdb", "", "instead of a server: directory of a Prometheus database, or a snapshot of one")
	f.StringVar(&h.from, "from", "", "where to begin: -7d, now, 2026-03-01T12:00:00Z, Unix seconds; of files, now is where the data ends (default 7d before --to, or where the file begins)")
	f.StringVar(&h.to, "to", "", "where to end, likewise (default now)")
	f.StringVar(&h.pods, "pods", "", "regular expression that the names of the pods must match, where the queries answer for others too")
}

// given reports whether a flag was.
func (h *historyFlags) given(name string) bool { return h.flags != nil && h.flags.Changed(name) }

// history is a source of the past, and the stretch that is asked for.
type history struct {
	replay.Source
	api *listening
	// name says where it is from, without passwords.
	name string
	// server is set where it is from one, begins and ends are set where it is not.
	server       *prometheus.Server
	begins, ends time.Time
	from, to     time.Time
	// pods are those that --pods leaves; nil without it.
	pods *filtered
	// asked are those of --from and --to that were given.
	asked []string
	close func() error
}

// open finds the history that the flags ask for.
func (h *historyFlags) open(ctx context.Context, now time.Time) (*history, error) {
	if err := h.onePlace(); err != nil {
		return nil, err
	}
	out := &history{close: func() error { return nil }}
	var err error
	switch {
	case h.openmetrics != "":
		err = out.offline(ctx, h.openmetrics)(offline.OpenOpenMetrics(ctx, h.openmetrics))
	case h.tsdb != "":
		err = out.offline(ctx, h.tsdb)(offline.OpenTSDB(h.tsdb))
	case h.server.URL != "":
		err = out.online(h.server)
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

// onePlace refuses flags of which all but one would be passed over.
func (h *historyFlags) onePlace() error {
	var places []string
	for name, there := range map[string]bool{"--openmetrics": h.openmetrics != "", "--prometheus": h.given("prometheus"), "--tsdb": h.tsdb != ""} {
		if there {
			places = append(places, name)
		}
	}
	if len(places) > 1 {
		slices.Sort(places)
		return misused("%s are both there: name one place for the history to come from", strings.Join(places, " and "))
	}
	for _, name := range []string{"prometheus-http-config", "prometheus-timeout"} {
		if h.given(name) && (h.server.URL == "" || h.openmetrics != "" || h.tsdb != "") {
			return misused("--%s is of no use without a server: name it with --prometheus, or leave --%s out", name, name)
		}
	}
	return nil
}

// hears takes the answers of an API, and remembers of them what errors are told with.
func (o *history) hears(api promapi.API, timeout time.Duration) {
	o.api = &listening{API: api, labels: map[string][]string{}}
	o.Source = source.From(o.api, timeout)
}

func (o *history) offline(ctx context.Context, name string) func(*offline.Data, error) error {
	return func(d *offline.Data, err error) error {
		if err != nil && ctx.Err() == nil {
			return misused("%w", err)
		}
		if err != nil {
			return err
		}
		o.hears(d.API, time.Hour)
		o.name, o.begins, o.ends, o.close = name, d.From, d.To, d.Close
		return nil
	}
}

func (o *history) online(server prometheus.Server) error {
	api, err := server.API()
	if err != nil {
		return misused("%w", err)
	}
	o.hears(api, server.Timeout)
	o.name, o.server = server.Name(), &server
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
	out.pods = &filtered{Source: out.Source, flag: h.pods, keep: re, kept: map[string]bool{}, left: map[string]bool{}}
	out.Source = out.pods
	return nil
}
