package controller

import (
	"context"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/podgate/podgate/anomaly"
	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
)

// heartbeat is how old the status may become while nothing but numbers change.
const heartbeat = time.Minute

// report writes the status, in one write and only if something changed, and
// tells of what happened.
func (r *Reconciler) report(ctx context.Context, gate *v1alpha1.TrafficGate, state *gateState, o outcome) error {
	status := statusOf(gate, state, o)
	var err error
	if worthWriting(gate.Status, status) {
		err = r.writeStatus(ctx, gate, status)
	}
	r.metrics.observePlan(gate, o.plan, idle(gate, o.w) == "" && actsAsDryRun(gate, o.w))
	r.tellChanges(gate, status, o.looked)
	state.forgetTold(o)
	r.announce(gate, o.w, state.news(o.done))
	for _, d := range state.news(o.rehearsed) {
		r.metrics.observeDecision(gate, d, true)
		r.tellDecision(gate, nil, d, true)
		log.FromContext(ctx).Info("dry run", logged(d)...)
	}
	for _, d := range o.done {
		if d.Writes() {
			log.FromContext(ctx).Info("decision", logged(d)...)
		}
	}
	return client.IgnoreNotFound(err)
}

// logged is a decision as key-value pairs.
func logged(d decide.Decision) []any {
	return []any{"action", d.Action, "reason", d.Reason, "pod", d.Pod, "uid", d.UID, "message", d.Message,
		"signal", d.Finding.Signal, "evidence", d.Finding.Evidence, "bar", d.Finding.Bar}
}

// announce counts decisions and tells of them.
func (r *Reconciler) announce(gate *v1alpha1.TrafficGate, w *world, decisions []decide.Decision) {
	for _, d := range decisions {
		r.metrics.observeDecision(gate, d, false)
		r.tellDecision(gate, w.objects[d.UID], d, false)
	}
}

// forgetTold forgets, after a look, the pods that are not held back any more, so
// that the next time is told again.
func (s *gateState) forgetTold(o outcome) {
	if !o.looked {
		return
	}
	held := map[string]bool{}
	for _, d := range append(slices.Clone(o.done), o.rehearsed...) {
		held[d.UID] = held[d.UID] || d.Action == decide.Hold
	}
	for uid := range s.told {
		if !held[uid] {
			delete(s.told, uid)
		}
	}
}

// news leaves out what was told before: a pod that is held back for the same
// reason look after look, and pods that are held by a common cause, which is
// told of the gate.
func (s *gateState) news(decisions []decide.Decision) (out []decide.Decision) {
	for _, d := range decisions {
		if d.Action == decide.Hold {
			if d.Reason == decide.HeldCommonCause || s.told[d.UID] == d.Reason {
				continue
			}
			s.told[d.UID] = d.Reason
		}
		out = append(out, d)
	}
	return out
}

// tellChanges tells of conditions that changed with this status.
func (r *Reconciler) tellChanges(gate *v1alpha1.TrafficGate, status v1alpha1.TrafficGateStatus, looked bool) {
	before := meta.FindStatusCondition(gate.Status.Conditions, v1alpha1.ConditionReady)
	ready := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady)
	r.metrics.observeReady(gate, ready.Reason, ready.Status == metav1.ConditionTrue)
	if before == nil || before.Reason != ready.Reason {
		r.tellReady(gate, ready.Reason, ready.Message, ready.Status != metav1.ConditionFalse)
	}
	was := meta.IsStatusConditionTrue(gate.Status.Conditions, v1alpha1.ConditionCommonCause)
	is := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionCommonCause)
	if is != nil && !was {
		r.tellCommonCause(gate, is.Message)
	} else if is == nil && was && looked && meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionMetricsAvailable) {
		r.tellCommonCause(gate, "")
	}
}

// worthWriting reports whether the status differs in more than numbers that
// change at every look, or has become old.
func worthWriting(before, after v1alpha1.TrafficGateStatus) bool {
	if after.LastEvaluation != nil && (before.LastEvaluation == nil || after.LastEvaluation.Time.Sub(before.LastEvaluation.Time.Time) >= heartbeat) {
		return true
	}
	return !equality.Semantic.DeepEqual(essence(before), essence(after))
}

func essence(s v1alpha1.TrafficGateStatus) v1alpha1.TrafficGateStatus {
	s = *s.DeepCopy()
	if e := s.LastEvaluation; e != nil {
		e.Time, e.Decision = metav1.Time{}, ""
		for i := range e.Signals {
			e.Signals[i].Level, e.Signals[i].Unknown, e.Signals[i].Missing = "", 0, ""
		}
	}
	for i := range s.Conditions {
		s.Conditions[i].LastTransitionTime = metav1.Time{}
		if s.Conditions[i].Type == v1alpha1.ConditionCommonCause || s.Conditions[i].Reason == v1alpha1.ReasonCommonCause {
			s.Conditions[i].Message = "" // full of numbers
		}
	}
	return s
}

func (r *Reconciler) writeStatus(ctx context.Context, gate *v1alpha1.TrafficGate, status v1alpha1.TrafficGateStatus) error {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&status)
	if err != nil {
		return err
	}
	u := &unstructured.Unstructured{Object: map[string]any{"status": content}}
	u.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("TrafficGate"))
	u.SetNamespace(gate.Namespace)
	u.SetName(gate.Name)
	u.SetUID(gate.UID) // never bring a deleted gate's status back to a new one
	err = r.Status().Apply(ctx, client.ApplyConfigurationFromUnstructured(u), client.FieldOwner(v1alpha1.FieldManager), client.ForceOwnership)
	if err != nil {
		return fmt.Errorf("writing the status of %s: %w", describe(gate), err)
	}
	return nil
}

func statusOf(gate *v1alpha1.TrafficGate, state *gateState, o outcome) v1alpha1.TrafficGateStatus {
	s := *gate.Status.DeepCopy()
	s.ObservedGeneration = gate.Generation
	s.Pods = countsOf(o.plan.Counts)
	s.Gated = gatedOf(gate, state, o)
	setConditions(&s, gate, state, o)
	switch {
	case idle(gate, o.w) != "":
		s.LastEvaluation = nil
	case state.looked:
		s.LastEvaluation = &v1alpha1.Evaluation{Time: metav1.NewTime(state.lookedAt), Decision: sentence(o), Signals: signalsOf(state)}
		if !o.looked && gate.Status.LastEvaluation != nil {
			s.LastEvaluation.Decision = gate.Status.LastEvaluation.Decision
		}
	}
	return s
}

func countsOf(c decide.Counts) v1alpha1.PodCounts {
	return v1alpha1.PodCounts{
		Total: int32(c.Total), Serving: int32(c.Serving), NotReady: int32(c.NotReady + c.Unlabelled),
		Gated: int32(c.Gated), HeldOut: int32(c.HeldOut), Trial: int32(c.Trial),
		Outliers: int32(c.Outliers), Limit: int32(c.Limit),
	}
}

// gatedOf lists the pods that are out once the plan is carried out.
func gatedOf(gate *v1alpha1.TrafficGate, state *gateState, o outcome) (out []v1alpha1.GatedPod) {
	pods := slices.Clone(o.w.pods)
	if idle(gate, o.w) == "" && actsAsDryRun(gate, o.w) {
		pods = state.shadowed(pods)
	}
	after := map[string]decide.Decision{}
	for _, d := range append(slices.Clone(o.done), o.rehearsed...) {
		if d.Writes() {
			after[d.UID] = d
		}
	}
	for _, p := range pods {
		if d, ok := after[p.UID]; ok && o.rehearsed == nil {
			p.Traffic, p.Labelled, p.Memory, p.ByOther = d.Traffic, true, d.Memory, false
		}
		if p.State(gate.Name) != decide.Gated {
			continue
		}
		until := metav1.NewTime(p.Memory.GatedUntil.Truncate(time.Second))
		out = append(out, v1alpha1.GatedPod{Name: p.Name, Since: metav1.NewTime(p.Memory.GatedAt.Truncate(time.Second)),
			Until: &until, Relapses: int32(p.Memory.Relapses), Reason: p.Memory.Reason})
	}
	slices.SortStableFunc(out, func(a, b v1alpha1.GatedPod) int { return a.Since.Compare(b.Since.Time) })
	return out
}

func signalsOf(state *gateState) (out []v1alpha1.SignalEvaluation) {
	for _, s := range state.signals {
		f := s.Result.Fleet
		out = append(out, v1alpha1.SignalEvaluation{Name: s.Name, Known: int32(f.Known), Judged: int32(f.Judged),
			Unknown: int32(s.Unknown), Missing: s.Missing, Level: anomaly.Format(s.Kind, f.Level), Error: s.Err})
	}
	return out
}

// sentence is what came of a look.
func sentence(o outcome) string {
	for _, d := range append(slices.Clone(o.done), o.rehearsed...) {
		if d.Action == decide.Gate {
			return fmt.Sprintf("gated %s: %s", d.Pod, d.Message)
		}
	}
	switch {
	case o.plan.CommonCause != "":
		return "nobody is gated: " + o.plan.CommonCause
	case o.plan.LimitReached != "":
		return o.plan.LimitReached
	case o.plan.Counts.Outliers > 0:
		for _, d := range append(slices.Clone(o.done), o.rehearsed...) {
			if d.Action == decide.Hold {
				return fmt.Sprintf("%s is held back: %s", d.Pod, d.Message)
			}
		}
	}
	if unknown := o.plan.Counts.Unknown; unknown > 0 {
		return fmt.Sprintf("no serving pod looks bad; %d cannot be judged", unknown)
	}
	return "no serving pod looks bad"
}
