package controller

import (
	"errors"
	"slices"
	"time"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
	"github.com/podgate/podgate/controller/source"
	"github.com/podgate/podgate/controller/telemetry"
)

// passOf is a pass as the metrics see it.
func passOf(gate *v1alpha1.TrafficGate, state *gateState, o outcome) telemetry.Pass {
	dryRun := idle(gate, o.w) == "" && actsAsDryRun(gate, o.w)
	p := telemetry.Pass{Plan: o.plan, Pods: afterwards(gate, state, o), OnTrial: o.plan.Trials,
		Signals: state.signals, LookedAt: state.lookedAt, Looked: o.looked, DryRun: dryRun}
	for _, d := range append(slices.Clone(o.done), o.rehearsed...) {
		if d.Action == decide.Hold && d.Finding.Signal != "" {
			p.Held = append(p.Held, d)
		}
	}
	return p
}

// lookOf is a look as the metrics see it.
func lookOf(gate *v1alpha1.TrafficGate, l *look, w *world, now time.Time) telemetry.Look {
	out := telemetry.Look{At: l.at, Took: l.took, Lag: now.Sub(l.at), TraceID: traceID(l.trace.SpanContext())}
	names := make(map[string]bool, len(w.pods))
	for _, p := range w.pods {
		names[p.Name] = true
	}
	for i, a := range l.answers {
		answer := telemetry.Answer{Signal: gate.Spec.Signals[i].Name, Failure: failureOf(a.Err), Took: a.Took}
		for name := range a.ByPod {
			if !names[name] {
				answer.Unmatched++
			}
		}
		out.Answers = append(out.Answers, answer)
	}
	return out
}

// failureOf names the kind of a failure; nothing for none.
func failureOf(err error) string {
	if err == nil {
		return ""
	}
	var q *source.QueryError
	if errors.As(err, &q) {
		return string(q.Failure)
	}
	var d *source.DetectorError
	if errors.As(err, &d) {
		return string(d.Failure)
	}
	return string(source.Failed)
}
