package controller

import (
	"context"
	"math"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/trace"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
	"github.com/podgate/podgate/controller/measure"
	"github.com/podgate/podgate/controller/source"
	"github.com/podgate/podgate/controller/tracing"
)

// The messages of the decision log; its keys are docs/decision-log.md's.
const (
	// msgDecision is one decision.
	msgDecision = "decision"
	// msgSpec is what a gate's decisions from here on are made by.
	msgSpec = "spec"
)

// decidedOn is what decisions were made on.
type decidedOn struct {
	gate   *v1alpha1.TrafficGate
	state  *gateState
	world  *world
	counts decide.Counts
	now    time.Time
	dryRun bool
	// trace is the look's; announce sets it.
	trace trace.SpanContext
}

// logSpec logs a gate's spec once a generation, so that the log alone says what a
// decision was made by.
func logSpec(ctx context.Context, gate *v1alpha1.TrafficGate, state *gateState) {
	if state.logged == gate.Generation {
		return
	}
	state.logged = gate.Generation
	log.FromContext(ctx).Info(msgSpec, "gate", nameOf(gate), "gateUID", gate.UID, "generation", gate.Generation, "spec", gate.Spec)
}

// line is a decision as key-value pairs: what and why, on which numbers, what
// was on the pod before and after, and what to ask Prometheus as of when to see
// the same.
func (on decidedOn) line(d decide.Decision) []any {
	version := ""
	if pod := on.world.objects[d.UID]; pod != nil {
		version = pod.ResourceVersion
	}
	pairs := []any{
		"gate", nameOf(on.gate), "gateUID", on.gate.UID, "generation", on.gate.Generation, "dryRun", on.dryRun,
		"action", d.Action, "reason", d.Reason, "message", d.Message, "decidedAt", timeOf(on.now),
		"pod", d.Pod, "podUID", d.UID, "podVersion", version,
		"before", noted(d.Before.State(on.gate.Name), d.Before.Traffic, d.Before.Override, d.Before.Memory),
		"counts", counted(on.counts),
	}
	if d.Writes() {
		pairs = append(pairs, "after", noted("", d.Traffic, "", d.Memory))
	}
	if d.Finding.Signal != "" {
		pairs = append(pairs, "finding", found(d.Finding), "lookedAt", timeOf(on.state.lookedAt), "queries", on.queries(d.Finding.Signal))
	}
	if traceID, spanID := tracing.IDs(on.trace); traceID != "" {
		pairs = append(pairs, "trace_id", traceID, "span_id", spanID)
	}
	return pairs
}

func nameOf(gate *v1alpha1.TrafficGate) string {
	return types.NamespacedName{Namespace: gate.Namespace, Name: gate.Name}.String()
}

// queries are the signal's, as they were sent.
func (on decidedOn) queries(signal string) map[string]string {
	out := map[string]string{}
	for i, q := range measure.Questions(on.gate) {
		if on.gate.Spec.Signals[i].Name != signal {
			continue
		}
		for name, text := range queriesOf(q) {
			if text != "" {
				out[name] = text
			}
		}
	}
	return out
}

func queriesOf(q source.Question) map[string]string {
	out := map[string]string{"value": q.Value, "histogram": q.Histogram, "bad": q.Bad, "total": q.Total}
	if q.Detector != nil {
		out["detector"] = q.Detector.URL
	}
	return out
}

// noted is what is on a pod.
func noted(state decide.State, traffic, override string, m decide.Memory) map[string]any {
	out := map[string]any{"traffic": traffic, "relapses": m.Relapses}
	for key, text := range map[string]string{"state": string(state), "override": override, "releasedFor": string(m.ReleasedFor)} {
		if text != "" {
			out[key] = text
		}
	}
	for key, at := range map[string]time.Time{"gatedAt": m.GatedAt, "gatedUntil": m.GatedUntil, "releasedAt": m.ReleasedAt} {
		if !at.IsZero() {
			out[key] = timeOf(at)
		}
	}
	return out
}

func counted(c decide.Counts) map[string]int {
	return map[string]int{"total": c.Total, "serving": c.Serving, "gated": c.Gated, "heldOut": c.HeldOut, "notReady": c.NotReady,
		"unlabelled": c.Unlabelled, "outliers": c.Outliers, "unknown": c.Unknown, "limit": c.Limit}
}

// found is the evidence. Numbers that are none are left out: JSON has no word for
// them.
func found(f decide.Finding) map[string]any {
	out := map[string]any{"signal": f.Signal, "kind": f.Kind, "unit": f.Unit, "class": f.Class,
		"judged": f.SignalSeen.Judged, "known": f.SignalSeen.Known, "moved": f.SignalSeen.Moved}
	for key, v := range map[string]float64{"level": f.Level, "peers": f.Peers, "evidence": f.Evidence, "bar": f.Bar, "samples": f.Samples,
		"recovery": f.Recovery, "fleetLevel": f.SignalSeen.Level, "fleetUsual": f.SignalSeen.Usual} {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			out[key] = v
		}
	}
	if f.Bound != 0 {
		out["bound"] = strconv.FormatFloat(f.Bound, 'g', -1, 64) // may be +Inf
	}
	return out
}

func timeOf(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
