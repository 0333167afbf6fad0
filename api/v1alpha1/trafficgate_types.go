package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// TrafficGate watches the pods of one Service by their Prometheus metrics and
// takes those that are worse than their peers out of the Service's traffic.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=tg,categories=podgate
// +kubebuilder:printcolumn:name="Service",type=string,JSONPath=`.spec.serviceRef.name`
// +kubebuilder:printcolumn:name="Mode",type=string,JSONPath=`.spec.mode`
// +kubebuilder:printcolumn:name="Serving",type=integer,JSONPath=`.status.pods.serving`
// +kubebuilder:printcolumn:name="Gated",type=integer,JSONPath=`.status.pods.gated`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type TrafficGate struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec is what the user wants.
	// +required
	Spec TrafficGateSpec `json:"spec"`
	// status is what the controller saw and did.
	// +optional
	Status TrafficGateStatus `json:"status,omitzero"`
}

// TrafficGateList is a list of TrafficGates.
//
// +kubebuilder:object:root=true
type TrafficGateList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []TrafficGate `json:"items"`
}

// Mode is how far a gate goes.
//
// +kubebuilder:validation:Enum=DryRun;Enforce;Suspended
type Mode string

// The modes.
const (
	// ModeDryRun decides and reports, and writes nothing.
	ModeDryRun Mode = "DryRun"
	// ModeEnforce acts.
	ModeEnforce Mode = "Enforce"
	// ModeSuspended does nothing, and gives every pod back.
	ModeSuspended Mode = "Suspended"
)

// TrafficGateSpec is what the user wants of a gate.
//
// +kubebuilder:validation:XValidation:rule="self.serviceRef == oldSelf.serviceRef",message="serviceRef cannot be changed: delete this TrafficGate (its pods come back) and create another one"
// +kubebuilder:validation:XValidation:rule="self.trafficLabel == oldSelf.trafficLabel",message="trafficLabel cannot be changed: delete this TrafficGate (its pods come back) and create another one"
// +kubebuilder:validation:XValidation:rule="!has(self.window) || !has(self.recovery) || !has(self.recovery.after) || !self.window.matches('^([0-9]+(\\\\.[0-9]+)?(ms|s|m|h))+$') || !self.recovery.after.matches('^([0-9]+(\\\\.[0-9]+)?(ms|s|m|h))+$') || duration(self.recovery.after) >= duration(self.window)",message="recovery.after must be at least window: a pod that comes back earlier would be judged by what it did before it was gated"
type TrafficGateSpec struct {
	// serviceRef names the Service, in the gate's own namespace, whose pods are
	// watched. Its selector must contain the traffic label with the value "yes"
	// for the gate to have an effect. It cannot be changed later.
	// +required
	ServiceRef ServiceReference `json:"serviceRef"`

	// mode is how far the gate goes: DryRun decides and reports but takes no pod out
	// (try this first), Enforce takes pods out of traffic, Suspended stops and gives
	// every pod back. In every mode a pod without the traffic label gets its "yes"
	// if the Service selects on it, so that no new pod is without traffic.
	// +kubebuilder:default=DryRun
	// +optional
	Mode Mode `json:"mode,omitempty"`

	// interval is how often the gate looks: from 5s to 1h.
	// +kubebuilder:default="15s"
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+(\\\\.[0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('5s') && duration(self) <= duration('1h')",message="must be a duration from 5s to 1h, such as 30s or 1h30m"
	// +optional
	Interval Duration `json:"interval,omitzero"`

	// window is what $__window stands for in the queries: the stretch of time that
	// each look takes into account, from 5s to 1h. It must hold at least two
	// scrapes, better four.
	// +kubebuilder:default="1m"
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+(\\\\.[0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('5s') && duration(self) <= duration('1h')",message="must be a duration from 5s to 1h, such as 30s or 1h30m"
	// +optional
	Window Duration `json:"window,omitzero"`

	// podLabel is the label of the queries' answers that holds the pod's name.
	// +kubebuilder:default=pod
	// +kubebuilder:validation:Pattern=`^[a-zA-Z_][a-zA-Z0-9_]*$`
	// +kubebuilder:validation:MaxLength=64
	// +optional
	PodLabel string `json:"podLabel,omitempty"`

	// trafficLabel is the key of the pod label that the Service selects on, for
	// fleets that use another already. It cannot be changed later.
	// +kubebuilder:default="podgate.dev/traffic"
	// +kubebuilder:validation:Pattern=`^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`
	// +kubebuilder:validation:MaxLength=316
	// +kubebuilder:validation:XValidation:rule="self != 'podgate.dev/override'",message="podgate.dev/override is the label for people's overrides: choose another key"
	// +optional
	TrafficLabel string `json:"trafficLabel,omitempty"`

	// signals are the questions asked of Prometheus, each with one answer a pod
	// and a rule. A pod that one of them finds to be an outlier is a candidate for
	// gating.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +required
	Signals []Signal `json:"signals"`

	// falseAlarms is how often the gate's outlier rules may be wrong. It sets the
	// bar for their evidence.
	// +kubebuilder:default={}
	// +optional
	FalseAlarms FalseAlarms `json:"falseAlarms,omitzero"`

	// stratumLabel is the key of a pod label by whose value pods are compared with
	// their like only, where there are at least four of them: a revision
	// (pod-template-hash) or a kind of node.
	// +kubebuilder:validation:Pattern=`^(([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$`
	// +kubebuilder:validation:MaxLength=316
	// +optional
	StratumLabel string `json:"stratumLabel,omitempty"`

	// limits say how much of the fleet may be out. Whatever they say, it is always
	// a strict minority.
	// +kubebuilder:default={}
	// +optional
	Limits Limits `json:"limits,omitzero"`

	// recovery says when a gated pod comes back.
	// +kubebuilder:default={}
	// +optional
	Recovery Recovery `json:"recovery,omitzero"`
}

// FalseAlarms is the budget of wrong gatings.
type FalseAlarms struct {
	// podDays is the number of pod-days in which at most one healthy pod may be
	// taken for an outlier: 30 is once a month with one pod, or once in three days
	// with ten. A longer time costs little: ten times as long takes about one look
	// more.
	// +kubebuilder:default=30
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	// +optional
	PodDays int32 `json:"podDays,omitempty"`
}

// ServiceReference names a Service in the gate's namespace.
type ServiceReference struct {
	// name of the Service.
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",message="must be the name of a Service: lower-case letters, digits and dashes"
	// +required
	Name string `json:"name"`
}

// Limits say how much of a fleet may be out of traffic.
type Limits struct {
	// warmUp is how long after it became Ready a pod is not judged and is not a
	// peer for others: caches are cold then. Where the window is longer, that long.
	// +kubebuilder:default="2m"
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+(\\\\.[0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('0s') && duration(self) <= duration('24h')",message="must be a duration from 0s to 24h, such as 30s or 1h30m"
	// +optional
	WarmUp *Duration `json:"warmUp,omitempty"`

	// maxGated is how many pods may be out at once: a number, or a percentage of
	// all pods of the fleet, gated ones included. A percentage is rounded down but
	// allows one pod where there are at least three. Pods that are not Ready and
	// pods that people hold out use up the same allowance. Half of the pods or
	// more are never out, whatever this says; nor is half of those that another
	// Service has too which selects on the traffic label.
	// +kubebuilder:default="20%"
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=11
	// +kubebuilder:validation:XValidation:rule="type(self) == int ? int(self) >= 0 : string(self).matches('^(100|[1-9]?[0-9])%$')",message="must be a number of pods such as 2, or a percentage such as \"20%\""
	// +optional
	MaxGated *intstr.IntOrString `json:"maxGated,omitempty"`

	// minServing is how many pods must stay in traffic after any gating.
	// +kubebuilder:default=2
	// +kubebuilder:validation:Minimum=1
	// +optional
	MinServing int32 `json:"minServing,omitempty"`

	// perDomain limits how many pods of one zone (or other domain of nodes) may be
	// out. Where one zone, node or revision explains the outliers better than the
	// pods do, the same limit holds for it.
	// +kubebuilder:default={}
	// +optional
	PerDomain DomainLimit `json:"perDomain,omitzero"`

	// headroom, if given, holds a gating back when the remaining pods could not
	// carry the load.
	// +optional
	Headroom *Headroom `json:"headroom,omitempty"`
}

// DomainLimit says how many pods of one domain may be out of traffic.
type DomainLimit struct {
	// topologyKey is the label of nodes whose value names a pod's domain.
	// +kubebuilder:default="topology.kubernetes.io/zone"
	// +kubebuilder:validation:Pattern=`^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`
	// +kubebuilder:validation:MaxLength=316
	// +optional
	TopologyKey string `json:"topologyKey,omitempty"`

	// maxGated is how many pods of one domain may be out at once: a number, or a
	// percentage of the domain's pods, rounded down but at least one unless it is
	// 0%. Pods that are not Ready and pods that people hold out use it up too.
	// +kubebuilder:default="50%"
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=11
	// +kubebuilder:validation:XValidation:rule="type(self) == int ? int(self) >= 0 : string(self).matches('^(100|[1-9]?[0-9])%$')",message="must be a number of pods such as 2, or a percentage such as \"50%\""
	// +optional
	MaxGated *intstr.IntOrString `json:"maxGated,omitempty"`
}

// Headroom asks whether the pods that stay can carry the load of one that goes.
type Headroom struct {
	// query is PromQL that answers with each pod's load, such as the share of its
	// CPU limit that it uses. The same variables as in signals.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=8192
	// +required
	Query string `json:"query"`

	// max is the highest load that a pod should have, in the query's unit. A pod
	// is gated only if the mean load of the n serving pods times n/(n-1) stays at
	// or below it. Without an answer for at least half of the serving pods nobody
	// is gated.
	// +kubebuilder:validation:XValidation:rule="self.matches('^[0-9]+(\\\\.[0-9]+)?$') && double(self) > 0.0",message="must be a decimal number above 0, such as \"0.8\""
	// +required
	Max Decimal `json:"max"`
}

// After all retries, Then says what becomes of a pod.
//
// +kubebuilder:validation:Enum=Hold;Evict;Retry
type Then string

// What becomes of a pod whose trials have all failed.
const (
	// ThenHold keeps it out of traffic until a person puts it back.
	ThenHold Then = "Hold"
	// ThenEvict evicts it through the eviction API, so that its workload replaces
	// it; PodDisruptionBudgets are waited for.
	ThenEvict Then = "Evict"
	// ThenRetry goes on trying.
	ThenRetry Then = "Retry"
)

// Recovery says when a gated pod comes back.
//
// +kubebuilder:validation:XValidation:rule="!has(self.after) || !has(self.maxAfter) || !self.after.matches('^([0-9]+(\\\\.[0-9]+)?(ms|s|m|h))+$') || !self.maxAfter.matches('^([0-9]+(\\\\.[0-9]+)?(ms|s|m|h))+$') || duration(self.maxAfter) >= duration(self.after)",message="maxAfter must be at least after"
type Recovery struct {
	// after is how long a pod stays out the first time. It doubles with each
	// relapse, up to maxAfter. Each stay is up to a tenth shorter, so that pods
	// that went out together do not come back together.
	// +kubebuilder:default="1m"
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+(\\\\.[0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('5s') && duration(self) <= duration('24h')",message="must be a duration from 5s to 24h, such as 30s or 1h30m"
	// +optional
	After Duration `json:"after,omitzero"`

	// maxAfter is the longest stay. As long in traffic, ending in health, forgives
	// one relapse.
	// +kubebuilder:default="30m"
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+(\\\\.[0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('5s') && duration(self) <= duration('168h')",message="must be a duration from 5s to 168h, such as 30s or 1h30m"
	// +optional
	MaxAfter Duration `json:"maxAfter,omitzero"`

	// retries is how many trials may fail before then applies; each failed trial
	// counts until it is forgiven (see maxAfter).
	// +kubebuilder:default=3
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	// +optional
	Retries *int32 `json:"retries,omitempty"`

	// then is what becomes of a pod whose trials have all failed: Hold keeps it
	// out until a person puts it back, Evict evicts it (PodDisruptionBudgets are
	// waited for, and pods that no workload would replace are held), Retry goes on
	// trying.
	// +kubebuilder:default=Hold
	// +optional
	Then Then `json:"then,omitempty"`

	// signal is PromQL that can tell health without traffic, such as a blackbox
	// probe: one value a pod, above 0 for healthy and 0 for not. A pod that is due
	// but not healthy stays out until it is, at most for maxAfter; a pod without an
	// answer is tried. The same variables as in signals.
	// +kubebuilder:validation:MaxLength=8192
	// +optional
	Signal string `json:"signal,omitempty"`
}
