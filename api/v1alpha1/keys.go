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
	// AnnotationRelapses counts how often the pod went bad again after it had come
	// back; the stay doubles with each.
	AnnotationRelapses = "podgate.dev/relapses"
	// AnnotationReason says in one sentence why the pod was taken out.
	AnnotationReason = "podgate.dev/reason"
)

// Finalizer on a TrafficGate: the gate goes only after its pods are back.
const Finalizer = "podgate.dev/release"

// FieldManager is the name under which Podgate writes, as managedFields show it.
const FieldManager = "podgate"
