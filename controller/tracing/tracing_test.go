package tracing

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

func TestTextsEndWhereATraceStoreEndsThem(t *testing.T) {
	for name, row := range map[string]struct{ text, want string }{
		"nothing":       {"", ""},
		"short":         {"up", "up"},
		"just as long":  {strings.Repeat("x", MaxText), strings.Repeat("x", MaxText)},
		"too long":      {strings.Repeat("x", MaxText+1), strings.Repeat("x", MaxText-3) + "…"},
		"within a rune": {strings.Repeat("x", MaxText-4) + "äöüß", strings.Repeat("x", MaxText-4) + "…"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Text("k", row.text).Value.AsString(); got != row.want {
				t.Errorf("got %d bytes: %s, want %d: %s", len(got), got, len(row.want), row.want)
			}
		})
	}
}

func TestAPartIsOfTheTraceOfItsContextOnly(t *testing.T) {
	exporter := tracetest.NewInMemoryExporter()
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter)).Tracer(Name)
	if _, end := Part(t.Context(), "alone"); len(exporter.GetSpans()) > 0 {
		t.Fatal("a part of nothing is traced")
	} else {
		end(errors.New("no"))
	}
	ctx, look := tracer.Start(t.Context(), "look")
	_, end := Part(ctx, "query", attribute.String("podgate.signal", "errors"))
	end(errors.New(strings.Repeat("x", 2*MaxText)))
	look.End()
	spans := exporter.GetSpans()
	if len(spans) != 2 || spans[0].Parent.SpanID() != look.SpanContext().SpanID() {
		t.Fatalf("the spans are %v, want a query within a look", spans)
	}
	if s := spans[0].Status; s.Code != codes.Error || len(s.Description) != MaxText {
		t.Errorf("the query's status is %v with %d bytes, want an error with %d", s.Code, len(s.Description), MaxText)
	}
	if spans[1].Status.Code != codes.Unset {
		t.Errorf("the look's status is %v: it is not told of its parts", spans[1].Status.Code)
	}
}

func TestRequestsOfNoTraceAreLeftAlone(t *testing.T) {
	var got http.Header
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header }))
	defer server.Close()
	client := &http.Client{Transport: Transport(http.DefaultTransport)}
	ask := func(ctx context.Context) string {
		t.Helper()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		return got.Get("Traceparent")
	}
	if h := ask(t.Context()); h != "" {
		t.Errorf("without a trace the server is sent %q", h)
	}
	ctx, look := sdktrace.NewTracerProvider().Tracer(Name).Start(t.Context(), "look")
	if h := ask(ctx); !strings.HasPrefix(h, "00-"+look.SpanContext().TraceID().String()+"-") {
		t.Errorf("with one it is sent %q", h)
	}
}

func TestOnlyWhatIsSampledIsNamed(t *testing.T) {
	c := trace.SpanContextConfig{TraceID: trace.TraceID{0x0a}, SpanID: trace.SpanID{0x0b}}
	if id, span := IDs(trace.NewSpanContext(c)); id+span != "" {
		t.Errorf("not sampled, it is %s %s", id, span)
	}
	c.TraceFlags = trace.FlagsSampled
	if id, span := IDs(trace.NewSpanContext(c)); id != "0a"+strings.Repeat("0", 30) || span != "0b"+strings.Repeat("0", 14) {
		t.Errorf("sampled, it is %s %s", id, span)
	}
}

// BenchmarkPartOfNothing is what a query or a write costs where nothing is traced.
func BenchmarkPartOfNothing(b *testing.B) {
	for b.Loop() {
		_, end := Part(b.Context(), "query", attribute.String("podgate.signal", "errors"), Text("db.query.text", "up"))
		end(nil)
	}
}
