package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
)

// receiver takes traces as a collector does, over HTTP and over gRPC.
type receiver struct {
	collector.UnimplementedTraceServiceServer
	took chan *collector.ExportTraceServiceRequest
}

func (r receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	request := &collector.ExportTraceServiceRequest{}
	if err = errors.Join(err, proto.Unmarshal(body, request)); err != nil || q.URL.Path != "/v1/traces" {
		http.Error(w, q.URL.Path, http.StatusBadRequest)
		return
	}
	r.took <- request
}

func (r receiver) Export(_ context.Context, q *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	r.took <- q
	return &collector.ExportTraceServiceResponse{}, nil
}

// TestTracesArriveWhereTheEnvironmentSays, by either protocol, from podgate unless
// the environment names it otherwise.
func TestTracesArriveWhereTheEnvironmentSays(t *testing.T) {
	r := receiver{took: make(chan *collector.ExportTraceServiceRequest, 10)}
	overHTTP := httptest.NewServer(r)
	defer overHTTP.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	overGRPC := grpc.NewServer()
	collector.RegisterTraceServiceServer(overGRPC, r)
	go func() { _ = overGRPC.Serve(listener) }()
	defer overGRPC.Stop()
	for name, row := range map[string]struct {
		env  map[string]string
		want string
	}{
		"over HTTP":                {map[string]string{envEndpoint: overHTTP.URL}, "podgate"},
		"to the address of traces": {map[string]string{envEndpoint: "http://nowhere.invalid", envTracesEndpoint: overHTTP.URL + "/v1/traces"}, "podgate"},
		"over gRPC":                {map[string]string{envEndpoint: "http://" + listener.Addr().String(), envProtocol: "grpc"}, "podgate"},
		"under another name":       {map[string]string{envEndpoint: overHTTP.URL, "OTEL_RESOURCE_ATTRIBUTES": "service.name=gates-of-paris"}, "gates-of-paris"},
	} {
		t.Run(name, func(t *testing.T) {
			set(t, row.env)
			traces, err := newTraces(t.Context(), logr.Discard())
			if err != nil || !traces.on() {
				t.Fatal(traces, err)
			}
			_, span := traces.tracer().Start(t.Context(), "look")
			span.End()
			traces.flush(flushLimit)
			got := (<-r.took).ResourceSpans[0]
			if spans := got.ScopeSpans[0].Spans; len(spans) != 1 || spans[0].Name != "look" {
				t.Errorf("what arrives is %v, want one look", spans)
			}
			service := ""
			for _, a := range got.Resource.Attributes {
				if a.Key == "service.name" {
					service = a.Value.GetStringValue()
				}
			}
			if service != row.want {
				t.Errorf("the service is %q, want %q", service, row.want)
			}
		})
	}
}

// set sets environment variables of OpenTelemetry, and no others of its.
func set(t *testing.T, env map[string]string) {
	t.Helper()
	for _, name := range []string{envEndpoint, envTracesEndpoint, envProtocol, envTracesProtocol, envExporter, envDisabled} {
		t.Setenv(name, env[name])
	}
	for name, value := range env {
		t.Setenv(name, value)
	}
}

// TestTracesAreOffUnlessAsked, and what asks for them wrongly is told which
// variable, and what to do.
func TestTracesAreOffUnlessAsked(t *testing.T) {
	const address = "http://collector:4318"
	for name, row := range map[string]struct {
		env  map[string]string
		want string // in the error; empty for no traces and no error
	}{
		"nothing is set":                 {},
		"disabled":                       {env: map[string]string{envEndpoint: address, envDisabled: "true"}},
		"exported to nobody":             {env: map[string]string{envEndpoint: address, envExporter: "none"}},
		"another exporter, and no place": {env: map[string]string{envExporter: "zipkin"}},
		"another exporter":               {map[string]string{envEndpoint: address, envExporter: "zipkin"}, `OTEL_TRACES_EXPORTER="zipkin": podgate knows otlp only`},
		"no scheme":                      {map[string]string{envEndpoint: "collector:4318"}, `OTEL_EXPORTER_OTLP_ENDPOINT="collector:4318": must be an address such as http://`},
		"no host":                        {map[string]string{envTracesEndpoint: "http://"}, `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="http://": must be an address such as http://`},
		"no address":                     {map[string]string{envEndpoint: "http://[::1"}, "unset it to have no traces"},
		"one right, one wrong":           {map[string]string{envEndpoint: "://", envTracesEndpoint: address}, `OTEL_EXPORTER_OTLP_ENDPOINT="://"`},
		"another protocol":               {map[string]string{envEndpoint: address, envProtocol: "http/json"}, `OTEL_EXPORTER_OTLP_PROTOCOL is "http/json" where http/protobuf or grpc is needed`},
		"no such sampler":                {map[string]string{envEndpoint: address, "OTEL_TRACES_SAMPLER": "sometimes"}, "unsupported sampler: sometimes (correct OTEL_TRACES_SAMPLER"},
		"no such share":                  {map[string]string{envEndpoint: address, "OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "10%"}, "OTEL_TRACES_SAMPLER_ARG"},
		"no attributes":                  {map[string]string{envEndpoint: address, "OTEL_RESOURCE_ATTRIBUTES": "podgate"}, "correct OTEL_RESOURCE_ATTRIBUTES"},
	} {
		t.Run(name, func(t *testing.T) {
			set(t, row.env)
			traces, err := newTraces(t.Context(), logr.Discard())
			if row.want == "" && (err != nil || traces.on() || traces.tracer() != nil) {
				t.Errorf("got %v, %v, want no traces", traces, err)
			}
			if row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)) {
				t.Errorf("the error is %v, want in it %s", err, row.want)
			}
		})
	}
}

// TestTheEndDoesNotWaitForATraceServer that hangs.
func TestTheEndDoesNotWaitForATraceServer(t *testing.T) {
	release, asked := make(chan struct{}), make(chan struct{}, 1)
	hanging := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-release
	}))
	defer hanging.Close()
	defer close(release)
	set(t, map[string]string{envEndpoint: hanging.URL})
	traces, err := newTraces(t.Context(), logr.Discard())
	if err != nil {
		t.Fatal(err)
	}
	_, span := traces.tracer().Start(t.Context(), "look")
	span.End()
	traces.flush(time.Millisecond)
	<-asked // and is not answered yet
}

// TestLostTracesAreToldOnce a minute, not each time.
func TestLostTracesAreToldOnce(t *testing.T) {
	refused := make(chan struct{}, 10)
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		refused <- struct{}{}
		http.Error(w, "no such tenant", http.StatusForbidden)
	}))
	defer refusing.Close()
	set(t, map[string]string{envEndpoint: refusing.URL, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "1"})
	var out bytes.Buffer
	traces, err := newTraces(t.Context(), zap.New(zap.WriteTo(&out)))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		_, span := traces.tracer().Start(t.Context(), "look")
		span.End()
		<-refused
	}
	traces.flush(flushLimit)
	if strings.Count(out.String(), "traces are lost") != 1 || !strings.Contains(out.String(), "no such tenant") {
		t.Errorf("three exports were refused, and the log says\n%s\nwant one line that says why", out.String())
	}
}
