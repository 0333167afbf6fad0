package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
	"github.com/podgate/podgate/controller/telemetry"
)

// accept is what Prometheus asks for.
const accept = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.3,*/*;q=0.1"

// registered are the controller's metrics where the metrics server takes them from,
// which is one place for the whole process.
var registered = sync.OnceValues(func() (*telemetry.Metrics, error) { return telemetry.New(metrics.Registry) })

// TestExemplarsAddNoSeries: Prometheus' own parser finds the same series with
// exemplars, which need the OpenMetrics format, as without.
func TestExemplarsAddNoSeries(t *testing.T) {
	m, err := registered()
	if err != nil {
		t.Fatal(err)
	}
	gate := &v1alpha1.TrafficGate{}
	gate.Namespace, gate.Name = "shop", "web"
	const traceID = "0123456789abcdef0123456789abcdef"
	m.Look(gate, telemetry.Look{Took: time.Second, TraceID: traceID, Answers: []telemetry.Answer{{Signal: "errors", Took: time.Second}}})
	m.Decision(gate, decide.Decision{Action: decide.Gate}, false, traceID)

	with, exemplars := scraped(t, true)
	without, none := scraped(t, false)
	if !slices.Equal(with, without) || len(with) < 100 {
		t.Errorf("with exemplars there are %d series, without %d:\n%s\n\n%s", len(with), len(without), strings.Join(with, "\n"), strings.Join(without, "\n"))
	}
	var named []string
	for _, e := range exemplars {
		name, _, _ := strings.Cut(e, "{")
		named = append(named, name)
		if !strings.HasSuffix(e, `{trace_id="`+traceID+`"}`) {
			t.Errorf("an exemplar without the trace: %s", e)
		}
	}
	slices.Sort(named)
	if want := []string{"podgate_decisions_total", "podgate_look_duration_seconds_bucket", "podgate_query_duration_seconds_bucket"}; !slices.Equal(named, want) {
		t.Errorf("exemplars are at %v, want %v", named, want)
	}
	if len(none) > 0 {
		t.Errorf("exemplars where there may be none: %v", none)
	}
}

// scraped is what Prometheus takes from the metrics server: its series in order,
// and those that have an exemplar, with that.
func scraped(t *testing.T, traced bool) (series, exemplars []string) {
	t.Helper()
	text, contentType := scrape(t, traced)
	if strings.HasPrefix(contentType, "application/openmetrics-text") != traced {
		t.Errorf("traced %t: the answer is %s", traced, contentType)
	}
	p, err := textparse.New(text, contentType, nil, textparse.ParserOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for {
		switch entry, err := p.Next(); {
		case errors.Is(err, io.EOF):
			slices.Sort(series)
			return series, exemplars
		case err != nil:
			t.Fatal(err)
		case entry == textparse.EntrySeries:
			var l labels.Labels
			p.Labels(&l)
			name := l.Get(model.MetricNameLabel) + l.MatchLabels(false, model.MetricNameLabel).String()
			series = append(series, name)
			var e exemplar.Exemplar
			if p.Exemplar(&e) {
				exemplars = append(exemplars, name+e.Labels.String())
			}
		}
	}
}

// scrape asks the metrics server as it is with traces, or without.
func scrape(t *testing.T, traced bool) (text []byte, contentType string) {
	t.Helper()
	o := options{metricsAddress: "127.0.0.1:0"}
	server, err := metricsserver.NewServer(o.metricsServer(traced), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- server.Start(ctx) }()
	defer func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	address := ""
	for address == "" {
		address = server.(interface{ GetBindAddr() string }).GetBindAddr()
		time.Sleep(time.Millisecond)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", accept)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err = io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return text, response.Header.Get("Content-Type")
}
