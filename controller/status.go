package controller

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"
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
	"github.com/podgate/podgate/controller/tracing"
)

// heartbeat is how old the status may become while nothing but numbers change.
const heartbeat = time.Minute

// report writes the status, in one write and only if something changed, and
// tells of what happened.
func (r *Reconciler) report(ctx context.Context, gate *v1alpha1.TrafficGate, state *gateState, o outcome) error {
	status := statusOf(gate, state, o)
	var err error
	if worthWriting(o.known, status) {
		err = r.writeStatus(ctx, gate, status)
		r.metrics.StatusWrite(err)
		state.noteWritten(status, err)
	}
	r.metrics.Pass(gate, passOf(gate, state, o))
	r.tellChanges(gate, status)
	state.forgetTold(o)
	logSpec(ctx, gate, state)
	seen := decidedOn{gate: gate, state: state, world: o.w, counts: o.plan.Counts, now: o.now}
	r.announce(ctx, seen, state.news(o.done))
	seen.dryRun = true
	r.announce(ctx, seen, state.news(o.rehearsed))
	return client.IgnoreNotFound(err)
}

// noteWritten keeps a status that was written, as the API server has it.
func (s *gateState) noteWritten(status v1alpha1.TrafficGateStatus, err error) {
	if err != nil {
		return
	}
	s.written = status.DeepCopy()
	if e := s.written.LastEvaluation; e != nil {
		e.Time = e.Time.Rfc3339Copy()
	}
}

// announce counts decisions, logs them and tells of them.
func (r *Reconciler) announce(ctx context.Context, on decidedOn, decisions []decide.Decision) {
	on.trace = trace.SpanContextFromContext(ctx)
	for _, d := range decisions {
		r.metrics.Decision(on.gate, d, on.dryRun, traceID(on.trace))
		log.FromContext(ctx).Info(msgDecision, on.line(d)...)
		pod := on.world.objects[d.UID]
		if on.dryRun {
			pod = nil
		}
		r.tellDecision(on.gate, pod, d, on.dryRun)
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
		held[d.UID] = held[d.UID] || repeats(d)
	}
	for uid := range s.told {
		if !held[uid] {
			delete(s.told, uid)
		}
	}
}

// repeats reports whether a decision is made again at every look until something
// changes: a hold, or an eviction that a dry run only thinks of.
func repeats(d decide.Decision) bool { return d.Action == decide.Hold || d.Action == decide.Evict }

// news leaves out what was told before: a pod that is held back for the same
// reason look after look, and pods that are held by a common cause, which is
// told of the gate.
func (s *gateState) news(decisions []decide.Decision) (out []decide.Decision) {
	for _, d := range decisions {
		if repeats(d) {
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
func (r *Reconciler) tellChanges(gate *v1alpha1.TrafficGate, status v1alpha1.TrafficGateStatus) {
	before := meta.FindStatusCondition(gate.Status.Conditions, v1alpha1.ConditionReady)
	ready := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady)
	r.metrics.Ready(gate, ready.Reason, messageOf(before, ready), ready.Status == metav1.ConditionTrue)
	if before == nil || before.Reason != ready.Reason {
		r.tellReady(gate, ready.Reason, ready.Message, ready.Status != metav1.ConditionFalse)
	}
	was := meta.IsStatusConditionTrue(gate.Status.Conditions, v1alpha1.ConditionCommonCause)
	is := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionCommonCause)
	if is != nil && !was {
		r.tellCommonCause(gate, is.Message)
	} else if is == nil && was && meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionMetricsAvailable) {
		r.tellCommonCause(gate, "")
	}
	suspected := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionDomainSuspected)
	if suspected != nil && !meta.IsStatusConditionTrue(gate.Status.Conditions, v1alpha1.ConditionDomainSuspected) {
		r.tellDomain(gate, suspected.Message)
	}
}

// messageOf is a condition's message as the status has it: each one is a series, so
// it must not be another at every look.
func messageOf(before, now *metav1.Condition) string {
	if before != nil && before.Reason == now.Reason && fullOfNumbers[now.Reason] {
		return before.Message
	}
	return now.Message
}

// worthWriting reports whether the status differs in more than numbers that
// change at every look, or has become old.
func worthWriting(before, after v1alpha1.TrafficGateStatus) bool {
	if after.LastEvaluation != nil && (before.LastEvaluation == nil || after.LastEvaluation.Time.Sub(before.LastEvaluation.Time.Time).Abs() >= heartbeat) {
		return true
	}
	return !equality.Semantic.DeepEqual(essence(before), essence(after))
}

// fullOfNumbers are the types and reasons of conditions whose messages change at
// every look.
var fullOfNumbers = map[string]bool{v1alpha1.ConditionCommonCause: true, v1alpha1.ConditionDomainSuspected: true, v1alpha1.ReasonLimitReached: true,
	v1alpha1.ConditionMetricsAvailable: true, v1alpha1.ReasonMetricsUnavailable: true, v1alpha1.ReasonWriteFailed: true}

func essence(s v1alpha1.TrafficGateStatus) v1alpha1.TrafficGateStatus {
	s = *s.DeepCopy()
	if e := s.LastEvaluation; e != nil {
		e.Time, e.Decision = metav1.Time{}, ""
		for i := range e.Signals {
			e.Signals[i].Level, e.Signals[i].Unknown, e.Signals[i].Missing = "", 0, ""
		}
	}
	for i := range s.Suspects {
		s.Suspects[i].Message = ""
	}
	for i := range s.Conditions {
		s.Conditions[i].LastTransitionTime = metav1.Time{}
		if fullOfNumbers[s.Conditions[i].Type] || fullOfNumbers[s.Conditions[i].Reason] {
			s.Conditions[i].Message = ""
		}
	}
	return s
}

func (r *Reconciler) writeStatus(ctx context.Context, gate *v1alpha1.TrafficGate, status v1alpha1.TrafficGateStatus) (err error) {
	ctx, end := tracing.Part(ctx, "apply status")
	defer func() { end(err) }()
	status.Gating = "" // fence.go's; it stays as it is
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
	if o.looked || idle(gate, o.w) != "" {
		s.Suspects = suspectsOf(o)
	}
	setConditions(&s, gate, state, o)
	switch {
	case idle(gate, o.w) != "":
		s.LastEvaluation = nil
	case state.looked:
		if known := gate.Status.LastEvaluation; o.looked || state.decision == "" && known == nil {
			state.decision = sentence(o)
		} else if state.decision == "" {
			state.decision = known.Decision
		}
		s.LastEvaluation = &v1alpha1.Evaluation{Time: metav1.NewTime(state.lookedAt), Decision: state.decision, Signals: signalsOf(state)}
	}
	return s
}

func countsOf(c decide.Counts) v1alpha1.PodCounts {
	return v1alpha1.PodCounts{
		Total: int32(c.Total), Serving: int32(c.Serving), NotReady: int32(c.NotReady + c.Unlabelled),
		Gated: int32(c.Gated), HeldOut: int32(c.HeldOut), Trial: int32(c.Trial),
		Outliers: int32(c.Outliers), Limit: int32(c.Limit), Waiting: int32(c.Waiting),
	}
}

// afterwards are the pods as they are once the plan is carried out; those of a
// dry run as they would be.
func afterwards(gate *v1alpha1.TrafficGate, state *gateState, o outcome) []decide.Pod {
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
	for i, p := range pods {
		if d, ok := after[p.UID]; ok && o.rehearsed == nil {
			pods[i].Traffic, pods[i].Labelled, pods[i].Memory, pods[i].ByOther = d.Traffic, true, d.Memory, false
		}
	}
	return pods
}

// gatedOf lists the pods that are out once the plan is carried out.
func gatedOf(gate *v1alpha1.TrafficGate, state *gateState, o outcome) (out []v1alpha1.GatedPod) {
	for _, p := range afterwards(gate, state, o) {
		if p.State(gate.Name) != decide.Gated {
			continue
		}
		until := metav1.NewTime(p.Memory.GatedUntil.Truncate(time.Second))
		next := o.plan.Outlook[p.UID]
		if refused := state.refused[p.UID]; refused != "" {
			next = refused
		}
		out = append(out, v1alpha1.GatedPod{Name: p.Name, Since: metav1.NewTime(p.Memory.GatedAt.Truncate(time.Second)),
			Until: &until, Next: next, Relapses: int32(p.Memory.Relapses), Reason: p.Memory.Reason})
	}
	slices.SortStableFunc(out, func(a, b v1alpha1.GatedPod) int { return a.Since.Compare(b.Since.Time) })
	return out
}

// maxSuspects is how many suspects a status lists.
const maxSuspects = 10

// suspectsOf lists the outliers that were held back at a look, the worst first.
func suspectsOf(o outcome) (out []v1alpha1.Suspect) {
	for _, d := range append(slices.Clone(o.done), o.rehearsed...) {
		if d.Action == decide.Hold && d.Finding.Class == anomaly.Outlier && len(out) < maxSuspects {
			out = append(out, v1alpha1.Suspect{Name: d.Pod, HeldBy: string(d.Reason), Message: cut(d.Message, maxMessage)})
		}
	}
	return out
}

func signalsOf(state *gateState) (out []v1alpha1.SignalEvaluation) {
	for _, s := range state.signals {
		f := s.Result.Fleet
		out = append(out, v1alpha1.SignalEvaluation{Name: s.Name, Known: int32(f.Known), Judged: int32(f.Judged),
			Unknown: int32(s.Unknown), Missing: s.Missing, Level: levelOf(s), Ignored: ignored(s.Strangers), Error: cut(s.Err, maxMessage)})
	}
	return out
}

// levelOf is the fleet's level for people to read; of what an external detector
// says, it is how many pods it names.
func levelOf(s decide.Signal) string {
	text := anomaly.Format(s.Kind, s.Result.Fleet.Level)
	if s.Unit == anomaly.Naming && text != "none" {
		text += " named"
	}
	return text
}

// maxIgnored is how many pods are told by name.
const maxIgnored = 3

// ignored says which pods were named and are not of the fleet.
func ignored(strangers []string) string {
	if len(strangers) == 0 {
		return ""
	}
	text := "not of the fleet: " + strings.Join(strangers[:min(len(strangers), maxIgnored)], ", ")
	if more := len(strangers) - maxIgnored; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
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
