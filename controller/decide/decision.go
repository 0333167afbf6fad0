package decide

import "time"

// Action is what is done about a pod.
type Action string

// The actions.
const (
	// Gate takes a pod out of traffic on evidence.
	Gate Action = "Gate"
	// Release brings a pod back into traffic.
	Release Action = "Release"
	// HoldOut takes a pod out of traffic because a person asked for it.
	HoldOut Action = "HoldOut"
	// Label gives a pod without the traffic label its "yes".
	Label Action = "Label"
	// Evict evicts a gated pod whose trials have all failed, through the eviction
	// API.
	Evict Action = "Evict"
	// Expire takes a person's override off whose time is up, or what is left of one
	// that is gone.
	Expire Action = "Expire"
	// Note changes what is noted on a pod, and nothing else.
	Note Action = "Note"
	// Hold leaves an outlier in traffic because a guard said so; nothing is
	// written.
	Hold Action = "Hold"
)

// Reason says why, in one word.
type Reason string

// Reasons of Gate, Release, HoldOut, Label, Evict and Note.
const (
	// ReasonOutlier: the pod is worse than its peers.
	ReasonOutlier Reason = "Outlier"
	// ReasonTrial: the pod's time out is over.
	ReasonTrial Reason = "Trial"
	// ReasonOverride: a person's override label says so.
	ReasonOverride Reason = "Override"
	// ReasonOverrideRemoved: the override that kept the pod out is gone.
	ReasonOverrideRemoved Reason = "OverrideRemoved"
	// ReasonOverrideExpired: the time of a person's override is up.
	ReasonOverrideExpired Reason = "OverrideExpired"
	// ReasonPutBack: a person wrote the traffic label of a gated pod.
	ReasonPutBack Reason = "PutBack"
	// ReasonLimitShrunk: more pods are out than may be, because the fleet or the
	// limit shrank.
	ReasonLimitShrunk Reason = "LimitShrunk"
	// ReasonRetriesSpent: all trials have failed.
	ReasonRetriesSpent Reason = "RetriesSpent"
	// ReasonNewPod: the pod had no traffic label.
	ReasonNewPod Reason = "NewPod"
	// ReasonRecovered: the pod has been healthy long enough for something noted
	// against it to be forgotten.
	ReasonRecovered Reason = "Recovered"
	// ReasonNoteLost: Podgate took the pod out, and somebody removed its notes.
	ReasonNoteLost Reason = "NoteLost"
	// ReasonVoided: a gating that was begun and not known to have happened was called off.
	ReasonVoided Reason = "Voided"
	// ReasonGateDeleted, ReasonSuspended and so on: see Input.ReleaseAll.
	ReasonGateDeleted Reason = "GateDeleted"
	ReasonSuspended   Reason = "Suspended"
	ReasonDryRun      Reason = "DryRun"
	ReasonNotEnrolled Reason = "NotEnrolled"
	ReasonRefused     Reason = "Refused"
	// ReasonLeftFleet: the pod is no longer one of the Service's.
	ReasonLeftFleet Reason = "LeftFleet"
)

// Decision is what is done about one pod and why, with everything that a person
// or a test needs to know.
type Decision struct {
	Action Action
	Reason Reason
	// Pod and UID say which.
	Pod, UID string
	// Message is the reason as a sentence, with its numbers.
	Message string
	// Finding is the evidence, for Gate and Hold.
	Finding Finding
	// Before is the pod as the decision saw it; a write is preconditioned on its
	// UID and traffic label.
	Before Pod
	// Traffic and Memory are what the pod's label and notes shall be.
	Traffic string
	Memory  Memory
}

// Writes reports whether the decision changes anything on the pod.
func (d Decision) Writes() bool { return d.Action != Hold }

// Plan is the outcome of one step.
type Plan struct {
	// Decisions in the order in which they are to be carried out.
	Decisions []Decision
	// Counts is the fleet as it will be when they are.
	Counts Counts
	// CommonCause says why nobody may be gated at all; empty if that is not so.
	CommonCause string
	// LimitReached says which outlier stays in traffic because of the limits;
	// empty if that is not so.
	LimitReached string
	// CommonCauseAt is when a common cause was last seen; it goes into the next
	// step.
	CommonCauseAt time.Time
	// Domain is the zone, node or revision that explains the outliers better than
	// the pods do; its Kind is empty if there is none.
	Domain Domain
	// Trials are the pods, by UID, that came back lately and are still watched.
	Trials map[string]bool
	// Outlook says of each gated pod, by UID, what happens next.
	Outlook map[string]string
	// Next is when something falls due by the clock alone; zero if nothing does.
	Next time.Time
}
