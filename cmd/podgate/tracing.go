package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/time/rate"

	"github.com/podgate/podgate/controller/tracing"
)

// OpenTelemetry's own environment variables, those that are read here. The
// libraries read the rest: OTEL_TRACES_SAMPLER, OTEL_RESOURCE_ATTRIBUTES,
// OTEL_EXPORTER_OTLP_HEADERS and so on.
const (
	envEndpoint       = "OTEL_EXPORTER_OTLP_ENDPOINT"
	envTracesEndpoint = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
	envProtocol       = "OTEL_EXPORTER_OTLP_PROTOCOL"
	envTracesProtocol = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"
	envExporter       = "OTEL_TRACES_EXPORTER"
	envDisabled       = "OTEL_SDK_DISABLED"
)

const (
	// flushLimit is how long the end waits for the last traces to be taken.
	flushLimit = 5 * time.Second
	// complainEvery is how often a failed export is logged at most.
	complainEvery = time.Minute
)

// traces exports the traces of looks; nil exports none.
type traces struct{ provider *sdktrace.TracerProvider }

// newTraces exports to where OpenTelemetry's environment variables say, and
// nowhere, with nil, unless they name an endpoint. It waits for no server: one that
// hangs or is away costs traces and nothing else. An error names the variable.
func newTraces(ctx context.Context, log logr.Logger) (*traces, error) {
	where, err := endpoint()
	if where == "" || err != nil {
		return nil, err
	}
	otel.SetLogger(log)
	var wrong []error // what the libraries find wrong with their variables, and would go on without
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { wrong = append(wrong, err) }))
	exporter, err := newExporter(ctx)
	if err != nil {
		return nil, fmt.Errorf("the exporter of traces: %w (correct the variables OTEL_EXPORTER_OTLP_*, or unset the endpoint to have no traces)", err)
	}
	about, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithHost(), resource.WithAttributes(itself()...), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("what traces say of podgate itself: %w (correct OTEL_RESOURCE_ATTRIBUTES: key=value,key=value)", err)
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))
	if err := errors.Join(wrong...); err != nil {
		return nil, fmt.Errorf("OpenTelemetry's environment variables: %w (correct OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG, or unset them to trace every look)", err)
	}
	seldom := rate.Sometimes{Interval: complainEvery}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		seldom.Do(func() { log.Info("traces are lost; looks go on without", "error", err.Error()) })
	}))
	log.Info("looks are traced", "endpoint", where)
	return &traces{provider}, nil
}

// endpoint is where traces go, for people to read; empty for nowhere.
func endpoint() (where string, err error) {
	if strings.EqualFold(os.Getenv(envDisabled), "true") || os.Getenv(envExporter) == "none" {
		return "", nil
	}
	for _, name := range []string{envEndpoint, envTracesEndpoint} { // the second wins
		text := strings.TrimSpace(os.Getenv(name))
		if text == "" {
			continue
		}
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return "", fmt.Errorf("%s=%q: must be an address such as http://otel-collector.monitoring.svc:4318; unset it to have no traces", name, text)
		}
		where = u.Redacted()
	}
	if e := os.Getenv(envExporter); where != "" && e != "" && e != "otlp" {
		return "", fmt.Errorf("%s=%q: podgate knows otlp only; set that, or none to have no traces", envExporter, e)
	}
	return where, nil
}

// newExporter speaks the protocol that the environment names, HTTP by default.
func newExporter(ctx context.Context) (*otlptrace.Exporter, error) {
	switch protocol := cmp.Or(os.Getenv(envTracesProtocol), os.Getenv(envProtocol), "http/protobuf"); protocol {
	case "http/protobuf":
		return otlptracehttp.New(ctx)
	case "grpc":
		return otlptracegrpc.New(ctx)
	default:
		return nil, fmt.Errorf("%s or %s is %q where http/protobuf or grpc is needed", envTracesProtocol, envProtocol, protocol)
	}
}

// itself is what traces say of podgate, unless the environment says otherwise.
func itself() []attribute.KeyValue {
	out := []attribute.KeyValue{attribute.String("service.name", "podgate")}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		out = append(out, attribute.String("service.version", info.Main.Version))
	}
	return out
}

func (t *traces) on() bool { return t != nil }

// tracer is nil if there are no traces.
func (t *traces) tracer() trace.Tracer {
	if t == nil {
		return nil
	}
	return t.provider.Tracer(tracing.Name)
}

// flush sends what is left, and gives up after limit.
func (t *traces) flush(limit time.Duration) {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		otel.Handle(err)
	}
}
