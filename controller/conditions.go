package controller

import (
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
	"github.com/podgate/podgate/controller/source"
)

// maxMessage is the longest message of a condition, in bytes: the schema allows 32,768,
// and a status that breaks it is not written at all, when there is most to say.
const maxMessage = 4096

// setConditions works out every condition of a gate. Those of negative polarity
// (Stalled, CommonCause, Reconciling) are there only while they are true.
func setConditions(s *v1alpha1.TrafficGateStatus, gate *v1alpha1.TrafficGate, state *gateState, o outcome) {
	set := func(kind string, status metav1.ConditionStatus, reason, message string) {
		meta.SetStatusCondition(&s.Conditions, metav1.Condition{Type: kind, Status: status, Reason: reason,
			Message: cut(message, maxMessage), ObservedGeneration: gate.Generation, LastTransitionTime: metav1.NewTime(o.now)})
	}
	for _, kind := range []string{v1alpha1.ConditionStalled, v1alpha1.ConditionCommonCause, v1alpha1.ConditionDomainSuspected, v1alpha1.ConditionReconciling} {
		meta.RemoveStatusCondition(&s.Conditions, kind)
	}
	if o.w.refused != nil {
		set(v1alpha1.ConditionReady, metav1.ConditionFalse, o.w.refused.Reason, o.w.refused.Message)
		set(v1alpha1.ConditionStalled, metav1.ConditionTrue, o.w.refused.Reason, o.w.refused.Message)
		meta.RemoveStatusCondition(&s.Conditions, v1alpha1.ConditionEnrolled)
		meta.RemoveStatusCondition(&s.Conditions, v1alpha1.ConditionMetricsAvailable)
		return
	}
	if o.w.unenrolled == "" {
		set(v1alpha1.ConditionEnrolled, metav1.ConditionTrue, "Selected", "the Service selects on the traffic label")
	} else {
		set(v1alpha1.ConditionEnrolled, metav1.ConditionFalse, v1alpha1.ReasonNotEnrolled, o.w.unenrolled)
	}
	metrics := metricsCondition(gate, state)
	if metrics.Reason != "" && idle(gate, o.w) == "" {
		set(v1alpha1.ConditionMetricsAvailable, metrics.Status, metrics.Reason, metrics.Message)
	} else {
		meta.RemoveStatusCondition(&s.Conditions, v1alpha1.ConditionMetricsAvailable)
	}
	if o.plan.CommonCause != "" {
		set(v1alpha1.ConditionCommonCause, metav1.ConditionTrue, v1alpha1.ReasonCommonCause, o.plan.CommonCause)
	}
	if d := o.plan.Domain; d.Kind != "" {
		set(v1alpha1.ConditionDomainSuspected, metav1.ConditionTrue, d.Kind, d.String())
	}
	ready := readyCondition(gate, state, o, metrics)
	set(v1alpha1.ConditionReady, ready.Status, ready.Reason, ready.Message)
	if ready.Reason == v1alpha1.ReasonReconciling {
		set(v1alpha1.ConditionReconciling, metav1.ConditionTrue, ready.Reason, ready.Message)
	}
}

// readyCondition says the most important thing about a gate that is not refused.
func readyCondition(gate *v1alpha1.TrafficGate, state *gateState, o outcome, metrics metav1.Condition) metav1.Condition {
	is := func(status metav1.ConditionStatus, reason, format string, args ...any) metav1.Condition {
		return metav1.Condition{Status: status, Reason: reason, Message: fmt.Sprintf(format, args...)}
	}
	enforce := gate.Spec.Mode == v1alpha1.ModeEnforce
	switch {
	case state.failedPasses >= 3:
		return is(metav1.ConditionFalse, v1alpha1.ReasonWriteFailed, "%d passes in a row could not do what was decided: %v", state.failedPasses, state.failure)
	case gate.Spec.Mode == v1alpha1.ModeSuspended:
		return is(metav1.ConditionTrue, v1alpha1.ReasonSuspended, "suspended: every pod is back, nothing is watched")
	case enforce && o.w.unenrolled != "":
		return is(metav1.ConditionFalse, v1alpha1.ReasonNotEnrolled, "acts as a dry run: %s", o.w.unenrolled)
	case o.w.unchecked != "":
		return is(metav1.ConditionFalse, v1alpha1.ReasonWorkloadUnreadable, "nobody is gated until it is known whether a workload selects its pods by the traffic label: %s", o.w.unchecked)
	case !state.looked:
		return is(metav1.ConditionUnknown, v1alpha1.ReasonReconciling, "waiting for the first answer from Prometheus")
	case metrics.Status == metav1.ConditionFalse:
		return is(metav1.ConditionFalse, v1alpha1.ReasonMetricsUnavailable, "%s: %s", effectOf(state), metrics.Message)
	case o.plan.CommonCause != "":
		return is(metav1.ConditionTrue, v1alpha1.ReasonCommonCause, "nobody is gated: %s", o.plan.CommonCause)
	case o.plan.LimitReached != "":
		return is(metav1.ConditionTrue, v1alpha1.ReasonLimitReached, "%s", o.plan.LimitReached)
	case o.plan.Domain.Kind != "":
		return is(metav1.ConditionTrue, v1alpha1.ReasonDomainSuspected, "%s", o.plan.Domain)
	case o.plan.Counts.Waiting > 0:
		return is(metav1.ConditionTrue, v1alpha1.ReasonPodsWaiting, "%d gated pods have no trial left, see status.gated", o.plan.Counts.Waiting)
	case !enforce:
		return is(metav1.ConditionTrue, v1alpha1.ReasonDryRun, "decides and reports, and writes nothing")
	}
	return is(metav1.ConditionTrue, v1alpha1.ReasonEnforcing, "watching %d pods, at most %d may be out", o.plan.Counts.Total, o.plan.Counts.Limit)
}

// metricsCondition says whether the last look was answered; no reason if there
// was none yet. The first failure stands for all.
func metricsCondition(gate *v1alpha1.TrafficGate, state *gateState) metav1.Condition {
	if !state.looked {
		return metav1.Condition{}
	}
	for i, s := range state.signals {
		if s.Err != "" {
			return metav1.Condition{Status: metav1.ConditionFalse, Reason: state.failures[i],
				Message: fmt.Sprintf("signal %s: %s", s.Name, s.Err)}
		}
	}
	for _, s := range state.signals {
		if judged := s.Result.Fleet.Judged; lacksData(s) {
			return metav1.Condition{Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonNoData,
				Message: fmt.Sprintf("signal %s: Prometheus has data for %d of %d pods that have warmed up: try the query in Prometheus, and check that its label %s holds the pods' names",
					s.Name, s.Answered, judged, gate.Spec.PodLabel)}
		}
	}
	if h := state.said.Headroom; h != nil && h.Err != "" {
		return metav1.Condition{Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonQueryFailed, Message: "limits.headroom: " + h.Err}
	}
	if err := state.said.ProbesErr; err != nil {
		return metav1.Condition{Status: metav1.ConditionFalse, Reason: failureReason(err), Message: "recovery.signal: " + err.Error()}
	}
	return metav1.Condition{Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAnswered, Message: "every query was answered"}
}

// effectOf says what it means that a query was not answered.
func effectOf(state *gateState) string {
	switch silent := silent(state); {
	case silent == len(state.signals), state.said.Headroom != nil && state.said.Headroom.Err != "":
		return "nobody is gated, gated pods keep their state"
	case silent > 0:
		return "pods can be gated by the other signals only"
	}
	return "pods come back by the clock alone"
}

// lacksData reports whether Prometheus had an answer for fewer than half of the
// pods.
func lacksData(s decide.Signal) bool { return 2*s.Answered < s.Result.Fleet.Judged }

// silent is how many signals say nothing.
func silent(state *gateState) (n int) {
	for _, s := range state.signals {
		if s.Err != "" || lacksData(s) {
			n++
		}
	}
	return n
}

// failureReason is the condition reason for a source's error.
func failureReason(err error) string {
	if d := (*source.DetectorError)(nil); errors.As(err, &d) && d.Failure == source.Rejected {
		return v1alpha1.ReasonQueryRejected
	}
	var q *source.QueryError
	if errors.As(err, &q) {
		switch q.Failure {
		case source.Rejected:
			return v1alpha1.ReasonQueryRejected
		case source.Ambiguous:
			return v1alpha1.ReasonAmbiguous
		}
	}
	return v1alpha1.ReasonQueryFailed
}
