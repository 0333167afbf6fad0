package decide

import (
	"time"

	"github.com/podgate/podgate/api/v1alpha1"
)

// Pod is one member of the fleet, as far as decisions need it.
type Pod struct {
	Name, UID string
	// Ready and since when, as the kubelet reports it.
	Ready      bool
	ReadySince time.Time
	// Traffic is the value of the traffic label; Labelled says whether the pod has
	// the label at all.
	Traffic  string
	Labelled bool
	// ByOther says that somebody else than Podgate wrote the traffic label last.
	ByOther bool
	// Stratum groups pods that are compared with each other only; empty puts all
	// in one.
	Stratum string
	// Override is the value of the override label, empty if there is none.
	Override string
	// Memory is what Podgate has noted on the pod.
	Memory Memory
}

// Memory is what Podgate has noted on a pod, in its annotations. The zero value
// is a pod that was never gated.
type Memory struct {
	// Gate is the name of the TrafficGate that wrote the rest.
	Gate string
	// GatedAt is when the pod was taken out; set exactly while Podgate keeps it
	// out.
	GatedAt time.Time
	// GatedUntil is when the pod is due for a trial. It is zero on a pod that is
	// out for an override only. On a pod that a person put back it is until when
	// the pod may not be gated again.
	GatedUntil time.Time
	// ReleasedAt is when the pod last came back, zero once that is forgotten.
	ReleasedAt time.Time
	// Relapses counts how often the pod was gated again after it had come back.
	Relapses int
	// Reason is the sentence for which it was taken out.
	Reason string
}

// State is where a pod stands.
type State string

// The states. Every pod of the fleet is in exactly one.
const (
	// Serving: Ready, and in traffic as far as Podgate goes.
	Serving State = "serving"
	// NotReady: in traffic as far as Podgate goes, but not Ready.
	NotReady State = "notReady"
	// Unlabelled: without the traffic label, so that an enrolled Service does not
	// see it.
	Unlabelled State = "unlabelled"
	// Gated: out of traffic, put there by this gate on evidence.
	Gated State = "gated"
	// HeldOut: kept out of traffic by a person, through the override label or by
	// writing the traffic label.
	HeldOut State = "heldOut"
)

// State of the pod under a gate. A pod that says "no" without our note, or whose
// "no" was written by somebody else, was put there by a person.
func (p Pod) State(gate string) State {
	switch {
	case p.Override == v1alpha1.OverrideNo:
		return HeldOut
	case !p.Labelled:
		return Unlabelled
	case p.Traffic == v1alpha1.TrafficYes && p.Ready:
		return Serving
	case p.Traffic == v1alpha1.TrafficYes:
		return NotReady
	case p.Ours(gate):
		return Gated
	default:
		return HeldOut
	}
}

// Ours reports whether this gate put the pod out of traffic, and nobody has
// changed the label since.
func (p Pod) Ours(gate string) bool {
	return p.Traffic == v1alpha1.TrafficNo && !p.ByOther &&
		p.Memory.Gate == gate && !p.Memory.GatedAt.IsZero()
}

// Judged reports whether the pod's metrics as of some instant, now or in the
// past, may speak for or against anybody: it was served traffic then, and past
// its warm-up. Of the past no more is known than the pod's notes tell; now is the
// time of the pass.
func (p Pod) Judged(gate string, policy Policy, at, now time.Time) bool {
	switch p.State(gate) {
	case Serving:
		released := p.Memory.ReleasedAt
		return at.Sub(p.ReadySince) >= policy.WarmUp && (!at.Before(released) || released.After(now.Add(clockSlack)))
	case Gated:
		return p.Ready && at.Sub(p.ReadySince) >= policy.WarmUp && at.Before(p.Memory.GatedAt)
	}
	return false
}
