package v1alpha1

// Label keys and values on pods.
const (
	// LabelTraffic is the default traffic key: a Service that is enrolled selects
	// on it with the value TrafficYes.
	LabelTraffic = "podgate.dev/traffic"
	// TrafficYes lets a pod serve.
	TrafficYes = "yes"
	// TrafficNo keeps a pod out of traffic.
	TrafficNo = "no"

	// LabelOverride belongs to people: OverrideYes keeps the pod in traffic
	// whatever the verdict, OverrideNo keeps it out until the label goes.
	LabelOverride = "podgate.dev/override"
	OverrideYes   = "yes"
	OverrideNo    = "no"
)

// Annotation keys on pods. Together with the traffic label they are the
// controller's whole memory: after a restart, everything that is needed to
// bring a pod back is on the pod.
const (
	// AnnotationGate names the TrafficGate that took the pod out.
	AnnotationGate = "podgate.dev/gate"
	// AnnotationTrafficLabel holds the traffic key, where it is not the default.
	AnnotationTrafficLabel = "podgate.dev/traffic-label"
	// AnnotationGatedAt is when the pod was taken out (RFC 3339, UTC); present
	// exactly while we keep the pod out.
	AnnotationGatedAt = "podgate.dev/gated-at"
	// AnnotationGatedUntil is when the pod is due for a trial; on a pod that a
	// person put back, it is until when the pod may not be gated again.
	AnnotationGatedUntil = "podgate.dev/gated-until"
	// AnnotationReleasedAt is when the pod last came back; from it follow whether
	// the pod is on trial and when a relapse is forgiven.
	AnnotationReleasedAt = "podgate.dev/released-at"
	// AnnotationReleasedFor is why: Trial, Override and so on.
	AnnotationReleasedFor = "podgate.dev/released-for"
	// AnnotationRelapses counts the trials that failed; the stay doubles with each.
	AnnotationRelapses = "podgate.dev/relapses"
	// AnnotationReason says in one sentence why the pod was taken out.
	AnnotationReason = "podgate.dev/reason"
	// AnnotationVoided notes that a gating which another controller had begun was
	// called off; it goes at the next look.
	AnnotationVoided = "podgate.dev/voided"
	// AnnotationOverrideUntil is when the override ends by itself (RFC 3339), and
	// AnnotationOverrideReason why it was set. Both belong to people, as the label
	// does; the controller takes all three off when the time is up, and the
	// annotations when the label is gone.
	AnnotationOverrideUntil  = "podgate.dev/override-until"
	AnnotationOverrideReason = "podgate.dev/override-reason"
	// AnnotationDeletionCost keeps the value that PodDeletionCost had before the
	// pod was gated; empty if it had none.
	AnnotationDeletionCost = "podgate.dev/pod-deletion-cost"
)

// PodDeletionCost is Kubernetes' annotation that says which pods of a ReplicaSet
// go first when it is scaled in
// (https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/#pod-deletion-cost).
// GatedDeletionCost is its lowest value: pods that are out of traffic go first.
const (
	PodDeletionCost   = "controller.kubernetes.io/pod-deletion-cost"
	GatedDeletionCost = "-2147483648"
)

// AnnotationResumeMode on a TrafficGate is the mode that it had before a person
// suspended it, so that it can be resumed as it was.
const AnnotationResumeMode = "podgate.dev/resume-mode"

// Labels of pods that name their revision: of a Deployment, and of a StatefulSet
// or DaemonSet.
const (
	LabelPodTemplateHash        = "pod-template-hash"
	LabelControllerRevisionHash = "controller-revision-hash"
)

// Finalizer on a TrafficGate: the gate goes only after its pods are back.
const Finalizer = "podgate.dev/release"

// FieldManager is the name under which Podgate writes, as managedFields show it.
const FieldManager = "podgate"
