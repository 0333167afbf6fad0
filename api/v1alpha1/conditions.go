package v1alpha1

// Condition types on a TrafficGate. Ready and Stalled follow kstatus; Stalled
// and CommonCause are present only while they are true.
const (
	// ConditionReady is True while the gate does what its spec says. Its reason
	// is the most important thing to know of the gate now.
	ConditionReady = "Ready"
	// ConditionStalled is True when only a person can help; the message says what
	// to change.
	ConditionStalled = "Stalled"
	// ConditionEnrolled is True when the Service selects on the traffic label, so
	// that flipping it takes effect.
	ConditionEnrolled = "Enrolled"
	// ConditionMetricsAvailable is True when the last queries were answered.
	ConditionMetricsAvailable = "MetricsAvailable"
	// ConditionCommonCause is True while as many pods look bad as do not, or the
	// whole fleet's level moved: the fault is not in the pods, nobody is gated.
	ConditionCommonCause = "CommonCause"
	// ConditionDomainSuspected is True while one zone, node or revision explains
	// the outliers better than the pods do; its reason says which of the three.
	ConditionDomainSuspected = "DomainSuspected"
)

// ConditionReconciling is True, and present only then, until the gate has looked
// for the first time. It follows kstatus.
const ConditionReconciling = "Reconciling"

// Reasons of Ready being True.
const (
	// ReasonEnforcing: the gate acts.
	ReasonEnforcing = "Enforcing"
	// ReasonDryRun: the gate decides and reports, and writes nothing.
	ReasonDryRun = "DryRun"
	// ReasonSuspended: the gate does nothing, and every pod is back.
	ReasonSuspended = "Suspended"
	// ReasonCommonCause: the gate holds all gating back, see ConditionCommonCause.
	ReasonCommonCause = "CommonCause"
	// ReasonLimitReached: an outlier stays in traffic because no more pods may be
	// out.
	ReasonLimitReached = "LimitReached"
	// ReasonDomainSuspected: see ConditionDomainSuspected.
	ReasonDomainSuspected = "DomainSuspected"
	// ReasonPodsWaiting: gated pods wait for a person, or for their eviction.
	ReasonPodsWaiting = "PodsWaiting"
)

// Reasons of ConditionDomainSuspected.
const (
	// ReasonZoneSuspected: the domain of limits.perDomain.topologyKey, a zone
	// unless told otherwise.
	ReasonZoneSuspected     = "Zone"
	ReasonNodeSuspected     = "Node"
	ReasonRevisionSuspected = "Revision"
)

// Reasons of Ready being False.
const (
	// ReasonNotEnrolled: the Service does not select on the traffic label, so the
	// gate acts as a dry run.
	ReasonNotEnrolled = "NotEnrolled"
	// ReasonMetricsUnavailable: Prometheus did not answer, so nobody is newly
	// gated and nobody loses their place.
	ReasonMetricsUnavailable = "MetricsUnavailable"
	// ReasonWriteFailed: what was decided could not be written, pass after pass.
	ReasonWriteFailed = "WriteFailed"
	// ReasonServiceNotFound: there is no such Service; every pod is released.
	ReasonServiceNotFound = "ServiceNotFound"
	// ReasonServiceWithoutSelector: the Service selects no pods by itself.
	ReasonServiceWithoutSelector = "ServiceWithoutSelector"
	// ReasonSelectorTooWide: the Service selects on nothing besides the traffic
	// label, and would match the whole namespace.
	ReasonSelectorTooWide = "SelectorTooWide"
	// ReasonTrafficKeyInWorkload: a workload selects its pods by the traffic
	// label, so flipping it would orphan them.
	ReasonTrafficKeyInWorkload = "TrafficKeyInWorkload"
	// ReasonWorkloadUnreadable: the workload that owns a pod cannot be read, so
	// that nobody knows whether flipping the label would orphan the pod.
	ReasonWorkloadUnreadable = "WorkloadUnreadable"
	// ReasonDuplicateGate: an older gate has this Service.
	ReasonDuplicateGate = "DuplicateGate"
	// ReasonSharedPods: another gated Service has some of the same pods.
	ReasonSharedPods = "SharedPods"
	// ReasonInvalidSpec: the spec passed the API server but cannot be used.
	ReasonInvalidSpec = "InvalidSpec"
	// ReasonReconciling: the gate has not looked for the first time yet.
	ReasonReconciling = "Reconciling"
)

// Reasons of ConditionMetricsAvailable.
const (
	// ReasonAnswered: every query of the last look was answered.
	ReasonAnswered = "Answered"
	// ReasonNoData: Prometheus answered, but with nothing for most of the pods.
	ReasonNoData = "NoData"
	// ReasonQueryFailed: Prometheus could not be reached, or took too long.
	ReasonQueryFailed = "QueryFailed"
	// ReasonQueryRejected: Prometheus says that the query is wrong.
	ReasonQueryRejected = "QueryRejected"
	// ReasonAmbiguous: a query answers with several series for one pod.
	ReasonAmbiguous = "Ambiguous"
)
