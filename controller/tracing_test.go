package controller

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/config"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/source"
)

// server answers as Prometheus does: that web-3 has 5 and all others 0, or status.
type server struct {
	mu           sync.Mutex
	status       int
	traceparents []string
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.traceparents = append(s.traceparents, r.Header.Get("Traceparent"))
	if s.status != 0 {
		w.WriteHeader(s.status)
		return
	}
	var series []string
	for i := range 10 {
		series = append(series, fmt.Sprintf(`{"metric":{"pod":"web-%d"},"value":[%d,"%d"]}`, i, noon.Unix(), map[bool]int{true: 5}[i == 3]))
	}
	if strings.HasSuffix(r.URL.Path, "query_range") {
		_, _ = io.WriteString(w, `{"status":"success","data":{"resultType":"matrix","result":[]}}`)
		return
	}
	_, _ = fmt.Fprintf(w, `{"status":"success","data":{"resultType":"vector","result":[%s]}}`, strings.Join(series, ","))
}

// tracedRig is a rig whose looks ask a server over HTTP, with a tracer.
func tracedRig(t *testing.T, o ...sdktrace.TracerProviderOption) (*rig, *server) {
	t.Helper()
	s := &server{}
	listening := httptest.NewServer(s)
	t.Cleanup(listening.Close)
	prometheus, err := source.New(listening.URL, config.DefaultHTTPClientConfig, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	g := newRig(t, 10, nil, nil)
	g.clock.SetTime(noon)
	g.r.Source = prometheus
	if len(o) > 0 {
		g.r.Tracer = sdktrace.NewTracerProvider(o...).Tracer("test")
	}
	return g, s
}

// tree draws spans with the attributes that tell them apart, those that failed
// with why.
func tree(spans tracetest.SpanStubs, parent string, indent string) string {
	slices.SortStableFunc(spans, func(a, b tracetest.SpanStub) int {
		return cmp.Or(a.StartTime.Compare(b.StartTime), strings.Compare(a.Name, b.Name))
	})
	var b strings.Builder
	for _, s := range spans {
		if s.Parent.SpanID().String() != parent {
			continue
		}
		b.WriteString(indent + s.Name)
		for _, key := range []attribute.Key{"podgate.gate", "podgate.signals", "podgate.pods", "podgate.outliers", "podgate.signal", "db.query.text",
			"http.response.status_code", "k8s.pod.name", "podgate.action", "podgate.reason"} {
			for _, a := range s.Attributes {
				if a.Key == key {
					b.WriteString(" " + a.Value.String())
				}
			}
		}
		if s.Status.Description != "" {
			b.WriteString(" !" + s.Status.Description)
		}
		b.WriteString("\n" + tree(spans, s.SpanContext.SpanID().String(), indent+"  "))
	}
	return b.String()
}

const root = "0000000000000000"

// exemplars are the traces that a metric's exemplars name.
func (g *rig) exemplars(metric string) (ids []string) {
	g.t.Helper()
	families, err := g.registry.Gather()
	if err != nil {
		g.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != metric {
			continue
		}
		for _, m := range f.GetMetric() {
			all := []*dto.Exemplar{m.GetCounter().GetExemplar()}
			for _, b := range m.GetHistogram().GetBucket() {
				all = append(all, b.GetExemplar())
			}
			for _, e := range all {
				for _, l := range e.GetLabel() {
					ids = append(ids, l.GetName()+"="+l.GetValue())
				}
			}
		}
	}
	return ids
}

// TestALookIsOneTrace: its queries and its writes are its parts, and the decision
// log, the exemplars and the requests to Prometheus name it.
func TestALookIsOneTrace(t *testing.T) {
	exporter := tracetest.NewInMemoryExporter()
	g, server := tracedRig(t, sdktrace.WithSyncer(exporter))
	g.passLogged()
	<-g.r.wake
	lines := g.passLogged()
	spans := exporter.GetSpans()
	want := `look shop/web ["errors"] 10 1
  query range errors m
    HTTP POST 200
  query range errors m
    HTTP POST 200
  query errors m
    HTTP POST 200
  confirm
    mark gate
  patch pod web-3 Gate Outlier
  apply status
`
	if got := tree(spans, root, ""); got != want {
		t.Fatalf("the trace is\n%swant\n%s", got, want)
	}
	look := spans[slices.IndexFunc(spans, func(s tracetest.SpanStub) bool { return s.Name == "look" })]
	id := look.SpanContext.TraceID().String()
	if len(lines) != 1 || lines[0]["trace_id"] != id || lines[0]["span_id"] != look.SpanContext.SpanID().String() {
		t.Errorf("the gating logs %v, want the look's trace_id %s", lines, id)
	}
	for _, s := range spans {
		if s.SpanContext.TraceID().String() != id || s.EndTime.After(look.EndTime) {
			t.Errorf("%s is of trace %s, and ends at %s, the look is %s and ends at %s", s.Name, s.SpanContext.TraceID(), s.EndTime, id, look.EndTime)
		}
	}
	for _, metric := range []string{"podgate_decisions_total", "podgate_look_duration_seconds", "podgate_query_duration_seconds"} {
		if got := g.exemplars(metric); !slices.Equal(got, []string{"trace_id=" + id}) {
			t.Errorf("%s has the exemplars %v, want trace_id=%s", metric, got, id)
		}
	}
	if len(server.traceparents) != 3 {
		t.Errorf("Prometheus was asked %d times, want 3", len(server.traceparents))
	}
	for _, h := range server.traceparents {
		if !strings.HasPrefix(h, "00-"+id+"-") || !strings.HasSuffix(h, "-01") {
			t.Errorf("Prometheus was sent the traceparent %q, want trace %s", h, id)
		}
	}
}

// TestWhatIsNotTracedLeavesNothing: without a tracer there are no identifiers
// anywhere; of a look that is not sampled only Prometheus is told that it is not.
func TestWhatIsNotTracedLeavesNothing(t *testing.T) {
	for name, row := range map[string]struct {
		options     []sdktrace.TracerProviderOption
		traceparent func(string) bool
	}{
		"no tracer":   {nil, func(h string) bool { return h == "" }},
		"not sampled": {[]sdktrace.TracerProviderOption{sdktrace.WithSampler(sdktrace.NeverSample())}, func(h string) bool { return strings.HasSuffix(h, "-00") }},
	} {
		t.Run(name, func(t *testing.T) {
			g, server := tracedRig(t, row.options...)
			g.passLogged()
			<-g.r.wake
			lines := g.passLogged()
			if len(lines) != 1 || lines[0]["action"] != "Gate" {
				t.Fatalf("logged %v, want one gating", lines)
			}
			if _, has := lines[0]["trace_id"]; has {
				t.Errorf("the line has a trace_id: %v", lines[0])
			}
			for _, metric := range []string{"podgate_decisions_total", "podgate_look_duration_seconds"} {
				if got := g.exemplars(metric); len(got) > 0 {
					t.Errorf("%s has the exemplars %v", metric, got)
				}
			}
			if len(server.traceparents) != 3 || slices.ContainsFunc(server.traceparents, func(h string) bool { return !row.traceparent(h) }) {
				t.Errorf("Prometheus was sent the traceparents %q", server.traceparents)
			}
		})
	}
}

// TestATraceSaysWhatWentWrong: a query that is not answered, and a write that is
// refused; what is decided again on the same look is of its trace.
func TestATraceSaysWhatWentWrong(t *testing.T) {
	t.Run("a query", func(t *testing.T) {
		exporter := tracetest.NewInMemoryExporter()
		g, server := tracedRig(t, sdktrace.WithSyncer(exporter))
		server.status = http.StatusServiceUnavailable
		g.passLogged()
		<-g.r.wake
		g.passLogged()
		got := tree(exporter.GetSpans(), root, "")
		for _, want := range []string{"look shop/web [\"errors\"] 10 0 !1 of 1 signals were not answered\n", "\n  query errors m !server_error: server error: 503\n    HTTP POST 503"} {
			if !strings.Contains(got, want) {
				t.Errorf("the trace is\n%swant in it %q", got, want)
			}
		}
	})
	t.Run("a write", func(t *testing.T) {
		exporter := tracetest.NewInMemoryExporter()
		g, _ := tracedRig(t, sdktrace.WithSyncer(exporter))
		down := true
		g.patch = func(obj client.Object, _ string) error {
			if _, gate := obj.(*v1alpha1.TrafficGate); gate && down {
				return apierrors.NewInternalError(errors.New("etcd is gone"))
			}
			return nil
		}
		g.passLogged()
		<-g.r.wake
		if err := g.pass(); err == nil {
			t.Fatal("the gating could be marked")
		}
		got := tree(exporter.GetSpans(), root, "")
		for _, want := range []string{"10 1 !Internal error occurred: etcd is gone\n", "\n  confirm !Internal", "\n    mark gate !Internal"} {
			if !strings.Contains(got, want) {
				t.Errorf("the trace is\n%swant in it %q", got, want)
			}
		}
		down = false
		lines := g.passLogged()
		spans := exporter.GetSpans()
		if got := tree(spans, root, ""); strings.Count(got, "look ") != 1 || !strings.Contains(got, "\n  patch pod web-3 Gate Outlier\n") {
			t.Errorf("the trace is\n%swant the gating of the second try in it", got)
		}
		if len(lines) != 1 || lines[0]["trace_id"] != spans[0].SpanContext.TraceID().String() {
			t.Errorf("the second try logs %v, want the trace of its look", lines)
		}
	})
}

// TestALookThatNobodyTakesInEndsItsTrace: its gate was suspended, or deleted.
func TestALookThatNobodyTakesInEndsItsTrace(t *testing.T) {
	for name, edit := range map[string]func(g *rig, gate *v1alpha1.TrafficGate){
		"suspended": func(g *rig, gate *v1alpha1.TrafficGate) {
			gate.Spec.Mode = v1alpha1.ModeSuspended
			_ = g.c.Update(g.t.Context(), gate)
		},
		"deleted": func(g *rig, gate *v1alpha1.TrafficGate) {
			gate.Finalizers = nil
			_ = g.c.Update(g.t.Context(), gate)
			_ = g.c.Delete(g.t.Context(), gate)
		},
		"asks for something else": func(g *rig, gate *v1alpha1.TrafficGate) {
			gate.Spec.Signals[0].Value = new("n")
			_ = g.c.Update(g.t.Context(), gate)
		},
	} {
		t.Run(name, func(t *testing.T) {
			exporter := tracetest.NewInMemoryExporter()
			g, _ := tracedRig(t, sdktrace.WithSyncer(exporter))
			g.passLogged()
			<-g.r.wake
			gate := &v1alpha1.TrafficGate{}
			if err := g.c.Get(t.Context(), client.ObjectKey{Namespace: "shop", Name: "web"}, gate); err != nil {
				t.Fatal(err)
			}
			edit(g, gate)
			if err := g.pass(); err != nil {
				t.Fatal(err)
			}
			if got := tree(exporter.GetSpans(), root, ""); strings.Count(got, "look ") != 1 || strings.Contains(got, "patch pod") {
				t.Errorf("the traces are\n%swant one look that wrote nothing", got)
			}
		})
	}
}

// TestATraceServerThatHangsChangesNothing: looks gate, and an override acts, while
// it keeps every request waiting and the queue is full.
func TestATraceServerThatHangsChangesNothing(t *testing.T) {
	release, asked := make(chan struct{}), make(chan struct{}, 100)
	hanging := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-release
	}))
	defer hanging.Close()
	defer close(release)
	exporter, err := otlptracehttp.New(t.Context(), otlptracehttp.WithEndpointURL(hanging.URL))
	if err != nil {
		t.Fatal(err)
	}
	g, _ := tracedRig(t, sdktrace.WithBatcher(exporter, sdktrace.WithMaxQueueSize(2), sdktrace.WithMaxExportBatchSize(1)))
	for range 3 {
		if ask, take := g.look(); ask != nil || take != nil {
			t.Fatal(ask, take)
		}
	}
	<-asked // and is not answered until the test ends
	if got := g.pod("web-3").Labels[v1alpha1.LabelTraffic]; got != v1alpha1.TrafficNo {
		t.Errorf("web-3 has traffic=%s: it is not gated", got)
	}
	g.label("web-3", v1alpha1.LabelOverride, v1alpha1.OverrideYes)
	if err := g.pass(); err != nil {
		t.Fatal(err)
	}
	if got := g.pod("web-3").Labels[v1alpha1.LabelTraffic]; got != v1alpha1.TrafficYes {
		t.Errorf("web-3 has traffic=%s: the override has no effect", got)
	}
}
