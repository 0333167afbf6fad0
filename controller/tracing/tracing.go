package tracing

import (
	"context"
	"net/http"
	"strings"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Name is the instrumentation scope of Podgate's spans.
const Name = "github.com/podgate/podgate"

// MaxText is how long a text on a span may be, in bytes: queries and errors can
// be longer than what a trace store takes.
const MaxText = 1000

// Part begins a part of the look that ctx belongs to; of what belongs to none,
// nothing is noted. The function ends it, and notes what went wrong if it is
// given an error.
func Part(ctx context.Context, name string, attributes ...attribute.KeyValue) (context.Context, func(error)) {
	of := trace.SpanFromContext(ctx)
	if !of.SpanContext().IsValid() {
		return ctx, func(error) {}
	}
	ctx, span := of.TracerProvider().Tracer(Name).Start(ctx, name, trace.WithAttributes(attributes...))
	return ctx, func(err error) {
		Fail(span, err)
		span.End()
	}
}

// Fail notes on a span what went wrong, if anything did.
func Fail(span trace.Span, err error) {
	if err == nil || !span.IsRecording() {
		return
	}
	span.SetStatus(codes.Error, clip(err.Error()))
}

// IDs are the identifiers of a trace and of a span in it, 32 and 16 hexadecimal
// digits; empty if it is not sampled, because nobody will find it then.
func IDs(of trace.SpanContext) (traceID, spanID string) {
	if !of.IsSampled() {
		return "", ""
	}
	return of.TraceID().String(), of.SpanID().String()
}

// Text is an attribute of at most MaxText bytes.
func Text(key, value string) attribute.KeyValue { return attribute.String(key, clip(value)) }

func clip(text string) string {
	if len(text) <= MaxText {
		return text
	}
	return strings.ToValidUTF8(text[:MaxText-len("…")], "") + "…"
}

// Transport makes a span of each request that is a part of a look, and sends the
// header traceparent (W3C Trace Context) with it, so that the server's own traces
// join. Other requests pass as they are.
func Transport(base http.RoundTripper) http.RoundTripper {
	return otelhttp.NewTransport(base, otelhttp.WithPropagators(propagation.TraceContext{}), otelhttp.WithFilter(func(r *http.Request) bool {
		return trace.SpanContextFromContext(r.Context()).IsValid()
	}))
}
