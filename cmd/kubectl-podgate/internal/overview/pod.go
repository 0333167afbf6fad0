package overview

import (
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
)

// pod is one pod as its labels, its notes and the gate's status tell of it.
func (w *World) pod(p decide.Pod, now time.Time) Pod {
	out := Pod{
		Name: p.Name, UID: p.UID, State: p.State(w.Gate.Name), Traffic: p.Traffic, Ready: p.Ready,
		Since: stamp(p.ReadySince), Relapses: p.Memory.Relapses, Node: p.Node, Revision: p.Revision,
	}
	if p.Override != "" {
		out.Override = &Override{Value: p.Override, Until: stamp(p.OverrideUntil), Reason: p.OverrideReason}
		if p.OverrideUntil.IsZero() {
			out.Override.Unread = p.OverrideTime
		}
	}
	switch out.State {
	case decide.Gated:
		w.gated(&out, p)
	case decide.HeldOut:
		out.Since, out.Why = stamp(p.Memory.GatedAt), heldOutBy(p)
	default:
		w.serving(&out, p, now)
	}
	if notObeyed(p) {
		out.Remark = NotObeyed
	}
	return out
}

func (w *World) gated(out *Pod, p decide.Pod) {
	out.Since, out.Until, out.Why = stamp(p.Memory.GatedAt), stamp(p.Memory.GatedUntil), p.Memory.Reason
	if listed := w.listed(p.Name); listed != nil {
		out.Next = listed.Next
	}
}

// serving fills in what is known of a pod that is in traffic.
func (w *World) serving(out *Pod, p decide.Pod, now time.Time) {
	back := p.Memory.ReleasedAt
	if !back.IsZero() && p.Memory.ReleasedFor != decide.ReasonRecovered && now.Sub(back) < w.Policy.TrialPeriod() {
		out.Remark, out.Since = Trial, stamp(back)
	}
	if listed := w.listed(p.Name); listed != nil && rehearses(w.Gate) {
		out.Remark, out.Since, out.Until = WouldBeGated, &listed.Since, listed.Until
		out.Why, out.Next, out.Relapses = listed.Reason, listed.Next, int(listed.Relapses)
		return
	}
	i := slices.IndexFunc(w.Gate.Status.Suspects, func(s v1alpha1.Suspect) bool { return s.Name == p.Name })
	if i < 0 {
		return
	}
	s := w.Gate.Status.Suspects[i]
	out.Remark, out.HeldBy = LooksBad, s.HeldBy
	out.Why, out.HeldWhy, _ = strings.Cut(s.Message, "; held back: ")
}

// listed is the pod in the status' list of gated pods; nil if it is not there.
func (w *World) listed(pod string) *v1alpha1.GatedPod {
	for i := range w.Gate.Status.Gated {
		if w.Gate.Status.Gated[i].Name == pod {
			return &w.Gate.Status.Gated[i]
		}
	}
	return nil
}

// heldOutBy says how a person took the pod out.
func heldOutBy(p decide.Pod) string {
	switch {
	case p.Override == v1alpha1.OverrideNo && p.OverrideReason != "":
		return "a person's override says no: " + p.OverrideReason
	case p.Override == v1alpha1.OverrideNo:
		return "a person's override says no"
	}
	return "a person set the traffic label to " + p.Traffic
}

// notObeyed reports whether an override asks for something else than what the
// traffic label says.
func notObeyed(p decide.Pod) bool {
	return (p.Override == v1alpha1.OverrideNo && p.Traffic == v1alpha1.TrafficYes) ||
		(p.Override == v1alpha1.OverrideYes && p.Traffic == v1alpha1.TrafficNo)
}

func stamp(t time.Time) *metav1.Time {
	if t.IsZero() {
		return nil
	}
	return &metav1.Time{Time: t}
}
