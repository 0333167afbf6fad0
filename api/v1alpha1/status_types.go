package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// TrafficGateStatus is what the controller saw and did.
type TrafficGateStatus struct {
	// observedGeneration is the generation of the spec that this status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions: Ready and Stalled as kstatus reads them, Enrolled,
	// MetricsAvailable, CommonCause and DomainSuspected.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// pods counts the fleet by state.
	// +optional
	Pods PodCounts `json:"pods,omitzero"`

	// gated lists the pods that this gate keeps out of traffic (in a dry run:
	// would keep out), each with the evidence, the longest out first.
	// +listType=map
	// +listMapKey=name
	// +optional
	Gated []GatedPod `json:"gated,omitempty"`

	// suspects lists the serving pods that look bad, the worst first and at most
	// ten, with what holds each back.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=10
	// +optional
	Suspects []Suspect `json:"suspects,omitempty"`

	// gating names the pod that was gated last, as UID@resourceVersion. It is
	// written before the pod, under an optimistic lock, so that of two controllers
	// that both think they lead only one gates a pod at a time.
	// +optional
	Gating string `json:"gating,omitempty"`

	// lastEvaluation is the last look at the metrics. It is refreshed at least
	// once a minute, and whenever something else in the status changes.
	// +optional
	LastEvaluation *Evaluation `json:"lastEvaluation,omitempty"`
}

// PodCounts counts the pods of a fleet by state.
type PodCounts struct {
	// total is the size of the fleet, gated pods included.
	Total int32 `json:"total"`
	// serving pods are Ready and in traffic.
	Serving int32 `json:"serving"`
	// notReady pods are in traffic as far as the gate goes, but not Ready.
	NotReady int32 `json:"notReady"`
	// gated pods are out of traffic, put there by the gate (in a dry run: would
	// be).
	Gated int32 `json:"gated"`
	// heldOut pods are kept out of traffic by a person.
	HeldOut int32 `json:"heldOut"`
	// trial counts the serving pods that came back lately and are still watched.
	Trial int32 `json:"trial"`
	// outliers is how many serving pods look bad now.
	Outliers int32 `json:"outliers"`
	// limit is how many pods may be out at once, now.
	Limit int32 `json:"limit"`
	// waiting counts the gated pods that wait for a person, or for their eviction.
	// +optional
	Waiting int32 `json:"waiting,omitempty"`
}

// GatedPod is a pod that the gate keeps out of traffic.
type GatedPod struct {
	// name of the pod.
	Name string `json:"name"`
	// since is when it was taken out.
	Since metav1.Time `json:"since"`
	// until is when it is due for a trial, if it is. One pod a gate is on trial at
	// a time, so it can be later.
	// +optional
	Until *metav1.Time `json:"until,omitempty"`
	// next says what happens next, and on what it waits.
	// +optional
	Next string `json:"next,omitempty"`
	// relapses is how often it went bad again after it had come back.
	Relapses int32 `json:"relapses"`
	// reason is the sentence with the evidence for which it was taken out.
	// +optional
	Reason string `json:"reason,omitempty"`
}

// Suspect is a serving pod that looks bad.
type Suspect struct {
	// name of the pod.
	Name string `json:"name"`
	// heldBy is the guard that keeps it in traffic.
	// +optional
	HeldBy string `json:"heldBy,omitempty"`
	// message is the evidence, and what held the gating back, in one sentence.
	// +optional
	Message string `json:"message,omitempty"`
}

// Evaluation is one look at the metrics.
type Evaluation struct {
	// time of the look.
	Time metav1.Time `json:"time"`
	// decision is what came of it, in one sentence.
	// +optional
	Decision string `json:"decision,omitempty"`
	// signals says what each query answered.
	// +listType=map
	// +listMapKey=name
	// +optional
	Signals []SignalEvaluation `json:"signals,omitempty"`
}

// SignalEvaluation is what one signal's queries answered.
type SignalEvaluation struct {
	// name of the signal.
	Name string `json:"name"`
	// known is how many of the judged pods had an answer.
	Known int32 `json:"known"`
	// judged is how many pods were judged: serving, and past their warm-up.
	Judged int32 `json:"judged"`
	// unknown is how many of the judged pods the rule could not tell about.
	// +optional
	Unknown int32 `json:"unknown,omitempty"`
	// missing says what was missing for those.
	// +optional
	Missing string `json:"missing,omitempty"`
	// level is the typical level of the fleet, for people to read.
	// +optional
	Level string `json:"level,omitempty"`
	// ignored says which pods an external detector named that are not of the
	// fleet; nothing is done about them.
	// +optional
	Ignored string `json:"ignored,omitempty"`
	// error says why there was no answer.
	// +optional
	Error string `json:"error,omitempty"`
}
