package overview

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
)

// Gate is a TrafficGate with what there is to know of it now.
type Gate struct {
	Namespace string        `json:"namespace"`
	Name      string        `json:"name"`
	Service   string        `json:"service"`
	Mode      v1alpha1.Mode `json:"mode"`
	// TrafficLabel is the key of the label that the Service selects on.
	TrafficLabel string      `json:"trafficLabel"`
	Created      metav1.Time `json:"created"`
	// Ready is the condition that says the most important thing; Conditions are the
	// others.
	Ready      Condition   `json:"ready"`
	Conditions []Condition `json:"conditions,omitempty"`
	Pods       Counts      `json:"pods"`
	Limit      Limit       `json:"limit"`
	// LastLook is the last look at the metrics; nil before the first.
	LastLook *Look `json:"lastLook,omitempty"`
	// Doubt says why the gate's status may not be believed, and what to look at;
	// empty if there is no reason.
	Doubt string `json:"doubt,omitempty"`
	// Next is what happens by the clock, the first thing first.
	Next []Due `json:"next,omitempty"`
	// Fleet is every pod of the Service, those out of traffic first, then those
	// that look bad, then the others, by name. A list of gates does not have it.
	Fleet []Pod `json:"fleet,omitempty"`
}

// Condition is one condition of a gate.
type Condition struct {
	Type    string                 `json:"type"`
	Status  metav1.ConditionStatus `json:"status"`
	Reason  string                 `json:"reason"`
	Message string                 `json:"message,omitempty"`
	Since   metav1.Time            `json:"since"`
}

// Counts counts the pods of a fleet by state. Of a dry run's gate, WouldBeGated
// are pods that serve.
type Counts struct {
	Total        int `json:"total"`
	Serving      int `json:"serving"`
	Trial        int `json:"trial"`
	NotReady     int `json:"notReady"`
	Gated        int `json:"gated"`
	WouldBeGated int `json:"wouldBeGated"`
	HeldOut      int `json:"heldOut"`
}

// Limit is how many pods may be out of traffic.
type Limit struct {
	// MaxGated is limits.maxGated as the spec says it.
	MaxGated string `json:"maxGated,omitempty"`
	// Allowed is how many pods may be out at once, Out how many use that up (gated,
	// held out by people, or not Ready), Left how many more may go.
	Allowed int `json:"allowed"`
	Out     int `json:"out"`
	Left    int `json:"left"`
}

// Look is one look at the metrics.
type Look struct {
	At       metav1.Time                 `json:"at"`
	Decision string                      `json:"decision,omitempty"`
	Signals  []v1alpha1.SignalEvaluation `json:"signals,omitempty"`
}

// Due is something that happens by the clock.
type Due struct {
	At   metav1.Time `json:"at"`
	What string      `json:"what"`
}

// Remark says more of a pod than its state.
type Remark string

// The remarks.
const (
	// Trial: the pod serves again, and is still watched.
	Trial Remark = "trial"
	// LooksBad: the pod serves although it is an outlier; a guard holds.
	LooksBad Remark = "looksBad"
	// WouldBeGated: the pod serves; the gate is a dry run and would have taken it
	// out.
	WouldBeGated Remark = "wouldBeGated"
	// NotObeyed: a person's override asks for something else than what is.
	NotObeyed Remark = "notObeyed"
)

// Pod is one pod of a fleet.
type Pod struct {
	Name   string       `json:"name"`
	UID    string       `json:"uid"`
	State  decide.State `json:"state"`
	Remark Remark       `json:"remark,omitempty"`
	// Traffic is the value of the traffic label.
	Traffic string `json:"traffic,omitempty"`
	Ready   bool   `json:"ready"`
	// Since is when the pod got into its state, as far as that is known: when it was
	// taken out, came back, or became Ready or not.
	Since    *metav1.Time `json:"since,omitempty"`
	Relapses int          `json:"relapses,omitempty"`
	// Why is the sentence with the evidence: the pod's level beside its peers'.
	Why string `json:"why,omitempty"`
	// HeldBy is the guard that keeps an outlier in traffic, HeldWhy what it says.
	HeldBy  string `json:"heldBy,omitempty"`
	HeldWhy string `json:"heldWhy,omitempty"`
	// Next is what happens next, and on what it waits; Until when it is due by the
	// clock.
	Next     string       `json:"next,omitempty"`
	Until    *metav1.Time `json:"until,omitempty"`
	Override *Override    `json:"override,omitempty"`
	Node     string       `json:"node,omitempty"`
	Revision string       `json:"revision,omitempty"`
}

// Override is a person's word on a pod.
type Override struct {
	Value string `json:"value"`
	// Until is when it ends by itself; Unread is what stands there and is no time.
	Until  *metav1.Time `json:"until,omitempty"`
	Unread string       `json:"unread,omitempty"`
	Reason string       `json:"reason,omitempty"`
}

// Out reports whether the pod gets no traffic, or shall get none.
func (p Pod) Out() bool { return p.State == decide.Gated || p.State == decide.HeldOut }
