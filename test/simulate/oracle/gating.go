package oracle

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/test/simulate/apiserver"
)

// gating is a pod taken out of traffic on evidence, and the world as the pass
// last read it from the API server.
type gating struct {
	*write
	spec  v1alpha1.TrafficGateSpec
	g     *v1alpha1.TrafficGate
	svc   *corev1.Service
	fleet []version
	me    version
	now   time.Time
}

// readAt is the revision at which the pass last read a kind of object live; the
// last before the write if it did not.
func (w *write) readAt(k apiserver.Kind) int64 {
	if r, ok := w.pass.ReadAt[k]; ok {
		return r
	}
	return w.after.revision - 1
}

// checkGating checks that a pod may be taken out of traffic.
func (w *write) checkGating() *Violation {
	podsAt := w.readAt(apiserver.Pod)
	d := &gating{write: w, now: timeOf(w.is, v1alpha1.AnnotationGatedAt)}
	d.g, _ = w.at(apiserver.TrafficGate, w.pass.Gate, podsAt).obj.(*v1alpha1.TrafficGate)
	if d.g == nil || d.g.DeletionTimestamp != nil {
		return w.broken(NotStranded, "gated for a gate that is gone or going")
	}
	d.spec = d.g.Spec
	d.svc, _ = w.at(apiserver.Service, types.NamespacedName{Namespace: d.g.Namespace, Name: d.spec.ServiceRef.Name}, w.readAt(apiserver.Service)).obj.(*corev1.Service)
	if d.spec.Mode != v1alpha1.ModeEnforce {
		return w.broken(DryRun, "gated in mode %s", d.spec.Mode)
	}
	if why := w.workable(d.svc); why != "" {
		return w.broken(NotWidened, "gated although %s", why)
	}
	if !w.enrolled(d.svc) {
		return w.broken(NotEnrolled, "gated although the Service does not select on the label")
	}
	d.fleet = w.fleet(d.svc, podsAt)
	for _, v := range d.fleet {
		if v.obj.GetUID() == w.was.UID {
			d.me = v
		}
	}
	if d.me.obj == nil {
		return w.broken(OnlyOurs, "gated although it was not a pod of the fleet when the pass read it")
	}
	return first(d.notOthers, d.wasServing, d.limit, d.minServing, d.zone, d.neighbours, d.onEvidence, d.memory)
}

// notOthers: a fleet that is another gate's too, or that a workload would lose,
// is left alone.
func (d *gating) notOthers() *Violation {
	if d.orphaned(d.fleet) {
		return d.broken(NotWidened, "gated although a workload selects its pods by the traffic label")
	}
	for revision := d.pass.Seen - 1; revision < d.after.revision; revision++ {
		if d.shadowedBy(d.g, d.fleet, revision) == "" {
			return nil // in that state the pass may have seen the other gates
		}
	}
	return d.broken(NotWidened, "gated although gate %s is older and has the same pods", d.shadowedBy(d.g, d.fleet, d.after.revision-1))
}

// wasServing: only a serving pod is gated, and none that a person keeps in.
func (d *gating) wasServing() *Violation {
	switch s := d.stateOf(d.before, d.gate); {
	case d.was.Labels[v1alpha1.LabelOverride] == v1alpha1.OverrideYes:
		return d.broken(People, "gated against a person's override")
	case s != serving:
		return d.broken(People, "gated although it was %s", s)
	case d.now.Before(d.before.pardoned):
		return d.broken(People, "gated at %s although a person put it back and it is pardoned until %s", d.now, d.before.pardoned)
	}
	return nil
}

// out reports whether a pod uses up the allowance: it did when the pass read the
// fleet, and has not come back since; or Podgate has taken it out since.
func (d *gating) out(v version) bool {
	then := d.stateOf(v, d.gate)
	now := d.at(apiserver.Pod, types.NamespacedName{Namespace: v.obj.GetNamespace(), Name: v.obj.GetName()}, d.after.revision)
	switch {
	case now.obj == nil || now.obj.GetUID() != v.obj.GetUID():
		return then != serving
	case then == gated || then == heldOut || then == unlabelled:
		return d.stateOf(now, d.gate) != serving
	}
	return then != serving || d.stateOf(now, d.gate) == gated
}

// outOf counts some pods of the fleet, and how many of them use up the allowance.
func (d *gating) outOf(some func(version) bool) (out, total int) {
	for _, v := range d.fleet {
		if some(v) {
			total++
			if d.out(v) {
				out++
			}
		}
	}
	return out, total
}

func all(version) bool { return true }

// limit: what the gate allows, and always a strict minority; of all pods,
// whatever keeps them out.
func (d *gating) limit() *Violation {
	out, total := d.outOf(all)
	if limit := allowance(d.g, total); out > limit {
		return d.broken(Minority, "%d of %d pods are out, and %d may be", out, total, limit)
	}
	return nil
}

func (d *gating) minServing() *Violation {
	out, total := d.outOf(all)
	if left := total - out; left < int(d.spec.Limits.MinServing) {
		return d.broken(Minority, "%d pods are left to serve, and %d must", left, d.spec.Limits.MinServing)
	}
	return nil
}

// zone: of one zone no more are out than the gate says.
func (d *gating) zone() *Violation {
	key := d.spec.Limits.PerDomain.TopologyKey
	mine := d.me.obj.GetLabels()[key]
	out, total := d.outOf(func(v version) bool { return v.obj.GetLabels()[key] == mine })
	if limit := share(d.spec.Limits.PerDomain.MaxGated, total, 1); mine != "" && out > limit {
		return d.broken(Minority, "%d of %d pods of %s are out, and %d may be", out, total, mine, limit)
	}
	return nil
}

// neighbours: no other Service that selects on the label loses half of what it has
// of the fleet, or more.
func (d *gating) neighbours() *Violation {
	for _, svc := range d.losers(d.svc, d.readAt(apiserver.Service)) {
		out, total := d.outOf(func(v version) bool { return d.selects(svc, v.pod()) })
		if d.selects(svc, d.me.pod()) && 2*out >= total {
			return d.broken(Minority, "%d of the %d pods that Service %s has too are out", out, total, svc.Name)
		}
	}
	return nil
}

// memory: what is noted on the pod is right, so that it comes back in time: each
// relapse doubles the stay.
func (d *gating) memory() *Violation {
	if !within(d.now, d.pass.Began, time.Second) && (d.now.Before(d.pass.Began) || d.now.After(d.pass.Now())) {
		return d.broken(Recovery, "noted as gated at %s in a pass that began at %s", d.now, d.pass.Began)
	}
	relapses := relapsesOf(d.was)
	if why := d.was.Annotations[v1alpha1.AnnotationReleasedFor]; why == "Trial" || why == "Recovered" {
		relapses++
	}
	if got := relapsesOf(d.is); got != relapses {
		return d.broken(Recovery, "noted with %d relapses instead of %d", got, relapses)
	}
	stay, longest := timeOf(d.is, v1alpha1.AnnotationGatedUntil).Sub(d.now), backOff(d.spec.Recovery, relapses)
	if stay > longest+time.Second || stay < max(longest*9/10, d.spec.Window.Std())-2*time.Second {
		return d.broken(Recovery, "a stay of %s after %d relapses instead of %s", stay, relapses, longest)
	}
	return nil
}

// onEvidence: one of the last two answers that the replica had speaks against
// the pod, and not against the fleet. (The second last, because an answer that
// arrives during a pass waits for the next; it is tried first, so that a later gating
// finds its own look unused.)
func (d *gating) onEvidence() *Violation {
	looks := d.pass.Looks()
	if len(looks) == 0 {
		return d.broken(FailStatic, "gated without an answer from Prometheus")
	}
	var why *Violation
	for i := max(0, len(looks)-2); i < len(looks); i++ {
		v := d.evidence(looks[i])
		once := fmt.Sprint(d.pass.Replica, d.pass.Gate, i)
		if v == nil && d.gatings[once] != "" {
			v = d.broken(Orderly, "gated after %s at the same look", d.gatings[once])
		}
		if v == nil {
			d.gatings[once] = d.was.Name
			return nil
		}
		why = v
	}
	return why
}
