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
	// ByOther says that somebody else than Podgate wrote the traffic label last,
	// ByUs that Podgate did; neither where that is not known.
	ByOther, ByUs bool
	// FirstToGo says that the pod has the deletion cost of a gated one.
	FirstToGo bool
	// Owned says that a workload controls the pod, and would replace it.
	Owned bool
	// Zone, Node and Revision are the domains that the pod belongs to; empty where
	// that is not known.
	Zone, Node, Revision string
	// Services are the names of the other Services that have the pod as well and
	// select on the traffic label, so that they lose it when it goes out.
	Services []string
	// Stratum groups pods that are compared with each other only; empty puts all
	// in one.
	Stratum string
	// Override is the value of the override label, empty if there is none.
	Override string
	// OverrideUntil is when the override ends by itself; zero if it does not.
	// OverrideTime is the note that says so, as it stands on the pod, and
	// OverrideReason why a person set the override; empty where there is none.
	OverrideUntil                time.Time
	OverrideTime, OverrideReason string
	// OutAt is when the pod was last seen out of traffic, by whose hand ever; zero if
	// it was not, as far as is known.
	OutAt time.Time
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
	// ReleasedFor is why.
	ReleasedAt  time.Time
	ReleasedFor Reason
	// Relapses counts the trials that failed. A pod that comes back for another
	// reason was not tried, and a person's word begins the count anew.
	Relapses int
	// Reason is the sentence for which it was taken out.
	Reason string
	// Voided is the resource version at which another controller's gating of the
	// pod was called off; empty once that is forgotten.
	Voided string
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

// lost reports whether Podgate put the pod out of traffic, and somebody has taken
// off the notes that say so.
func (p Pod) lost() bool {
	return p.ByUs && p.Traffic == v1alpha1.TrafficNo && (p.Memory.Gate == "" || p.Memory.GatedAt.IsZero())
}

// Judged reports whether the pod's metrics as of some instant, now or in the
// past, may speak for or against anybody: it was served traffic then, and past
// its warm-up. Of the past no more is known than the pod's notes tell; now is the
// time of the pass.
func (p Pod) Judged(gate string, policy Policy, at, now time.Time) bool {
	switch p.State(gate) {
	case Serving:
		released := p.Memory.ReleasedAt
		return at.Sub(p.ReadySince) >= policy.warmUp() && (!at.Before(released) || released.After(now.Add(clockSlack)))
	case Gated:
		gatedAt := p.Memory.GatedAt.Add(time.Second) // notes have whole seconds; the look that gated it counts
		return p.Ready && at.Sub(p.ReadySince) >= policy.warmUp() && at.Before(gatedAt)
	}
	return false
}

// Settled reports whether the metrics of a pod that is in traffic speak, as of an
// instant, of nothing but its time in traffic, as far as is known. What shows in how
// little a pod does, such as a rate that must not be low, says nothing of it before.
func (p Pod) Settled(policy Policy, at, now time.Time) bool {
	if p.Traffic != v1alpha1.TrafficYes {
		return true // of before it went out
	}
	back := p.OutAt
	if m := p.Memory; m.ReleasedFor != ReasonRecovered && m.ReleasedAt.After(back) {
		back = m.ReleasedAt
	}
	return back.IsZero() || !at.Before(back.Add(policy.Window)) || back.After(now.Add(clockSlack))
}

// Stratify puts each revision into a stratum of its own while there are several,
// because a rollout changes what is normal.
func Stratify(pods []Pod) {
	revisions := map[string]bool{}
	for _, p := range pods {
		if p.Revision != "" {
			revisions[p.Revision] = true
		}
	}
	if len(revisions) < 2 {
		return
	}
	for i := range pods {
		pods[i].Stratum += "/" + pods[i].Revision
	}
}

// warmUp is how long after it became Ready a pod is not judged: at least until
// the metrics speak of nothing but that time. A pod of the same name may have
// been there before.
func (p Policy) warmUp() time.Duration { return max(p.WarmUp, p.Window) }
