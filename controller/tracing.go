package controller

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
	"github.com/podgate/podgate/controller/tracing"
)

// A look is one trace. It begins when Prometheus is asked, and ends with the pass
// that decides on the answer; the queries and the writes are its parts. Passes
// without a look have none.

// beginLook begins the trace of a look as of an instant.
func (r *Reconciler) beginLook(ctx context.Context, gate *v1alpha1.TrafficGate, at time.Time) (context.Context, trace.Span) {
	if r.Tracer == nil {
		return ctx, trace.SpanFromContext(ctx)
	}
	signals := make([]string, len(gate.Spec.Signals))
	for i, s := range gate.Spec.Signals {
		signals[i] = s.Name
	}
	return r.Tracer.Start(ctx, "look", trace.WithAttributes(
		attribute.String("k8s.namespace.name", gate.Namespace),
		attribute.String("podgate.gate", nameOf(gate)),
		attribute.String("podgate.service", gate.Spec.ServiceRef.Name),
		attribute.String("podgate.mode", string(gate.Spec.Mode)),
		attribute.StringSlice("podgate.signals", signals),
		attribute.String("podgate.looked_at", timeOf(at)),
	))
}

// tracingLook is the context of a pass that decides on a look: its parts are the
// look's. That of another pass stays as it is.
func (s *gateState) tracingLook(ctx context.Context, again bool) context.Context {
	if s.trace == nil || !(again || s.trace.IsRecording()) {
		return ctx
	}
	return trace.ContextWithSpan(ctx, s.trace)
}

// endLook ends the trace of the look that a pass has taken in, with what came of
// it. What ended before stays as it is.
func (s *gateState) endLook(o outcome) {
	if s.trace == nil || !s.trace.IsRecording() {
		return
	}
	unanswered := 0
	for _, reason := range s.failures {
		if reason != "" {
			unanswered++
		}
	}
	if unanswered > 0 {
		s.trace.SetStatus(codes.Error, fmt.Sprintf("%d of %d signals were not answered", unanswered, len(s.failures)))
	}
	c := o.plan.Counts
	s.trace.SetAttributes(attribute.Int("podgate.pods", c.Total), attribute.Int("podgate.outliers", c.Outliers),
		attribute.Int("podgate.unknown", c.Unknown), attribute.Int("podgate.gated", c.Gated))
	tracing.Fail(s.trace, o.err)
	s.trace.End()
}

// writing begins the part of a look that writes a pod.
func writing(ctx context.Context, what, namespace string, d decide.Decision) (context.Context, func(error)) {
	return tracing.Part(ctx, what, attribute.String("k8s.namespace.name", namespace), attribute.String("k8s.pod.name", d.Pod),
		attribute.String("k8s.pod.uid", d.UID), attribute.String("podgate.action", string(d.Action)), attribute.String("podgate.reason", string(d.Reason)))
}

// traceID is empty if nobody will find the trace.
func traceID(of trace.SpanContext) string {
	id, _ := tracing.IDs(of)
	return id
}
