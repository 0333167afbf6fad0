package controller

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
)

// maxNote is what an Event's note may hold at most.
const maxNote = 1000

// eventReasons are the reasons of events about decisions, by action.
var eventReasons = map[decide.Action]string{
	decide.Gate:    "Gated",
	decide.Release: "Released",
	decide.HoldOut: "HeldOut",
	decide.Label:   "Labelled",
	decide.Note:    "Noted",
	decide.Hold:    "HeldBack",
	decide.Evict:   "Evicted",
	decide.Expire:  "OverrideEnded",
}

// tellDecision tells of one decision, on the pod and on the gate.
func (r *Reconciler) tellDecision(gate *v1alpha1.TrafficGate, pod *corev1.Pod, d decide.Decision, dryRun bool) {
	kind := corev1.EventTypeNormal
	if d.Action == decide.Gate || d.Action == decide.Hold || d.Action == decide.Evict {
		kind = corev1.EventTypeWarning
	}
	reason, note := eventReasons[d.Action], fmt.Sprintf("%s: %s", d.Reason, d.Message)
	if dryRun {
		r.tell(gate, nil, kind, "DryRun"+reason, d.Action, fmt.Sprintf("dry run, nothing is written: pod %s: %s", d.Pod, note))
		return
	}
	if pod == nil {
		r.tell(gate, nil, kind, reason, d.Action, fmt.Sprintf("pod %s: %s", d.Pod, note))
		return
	}
	r.tell(gate, pod, kind, reason, d.Action, fmt.Sprintf("pod %s: %s", d.Pod, note))
	r.tell(pod, gate, kind, reason, d.Action, note)
}

// tellCommonCause tells when the gate begins to hold everything back, and when
// it does not any more.
func (r *Reconciler) tellCommonCause(gate *v1alpha1.TrafficGate, why string) {
	if why == "" {
		r.tell(gate, nil, corev1.EventTypeNormal, "CommonCauseOver", decide.Hold, "as many pods as usual look normal again: outliers may be gated")
		return
	}
	r.tell(gate, nil, corev1.EventTypeWarning, v1alpha1.ConditionCommonCause, decide.Hold, "nobody is gated: "+why)
}

// tellDomain tells when a zone, node or revision begins to be suspected.
func (r *Reconciler) tellDomain(gate *v1alpha1.TrafficGate, why string) {
	r.tell(gate, nil, corev1.EventTypeWarning, v1alpha1.ConditionDomainSuspected, decide.Hold, why)
}

// tellReady tells when what there is to know of the gate changes.
func (r *Reconciler) tellReady(gate *v1alpha1.TrafficGate, reason, message string, ready bool) {
	kind := corev1.EventTypeNormal
	if !ready {
		kind = corev1.EventTypeWarning
	}
	r.tell(gate, nil, kind, reason, "Evaluate", message)
}

func (r *Reconciler) tell(about, related runtime.Object, kind, reason string, action decide.Action, note string) {
	r.Events.Eventf(about, related, kind, reason, string(action), "%s", cut(note, maxNote))
}

// cut is a text of so many bytes at most, and an ellipsis where more is left out.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
