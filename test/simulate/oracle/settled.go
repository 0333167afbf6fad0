package oracle

import (
	"reflect"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/test/simulate/apiserver"
)

// settled is the world after a pass that knew everything and was not disturbed.
type settled struct {
	*Oracle
	pass  *Pass
	g     *v1alpha1.TrafficGate
	svc   *corev1.Service
	pods  []version // of the namespace
	fleet []version
	// fresh is the answer that this pass was the first to have; nil if it had none.
	fresh *Look
}

// Settled checks what a pass has left behind that knew everything, was not
// disturbed, and failed at nothing.
func (o *Oracle) Settled(pass *Pass) *Violation {
	s := &settled{Oracle: o, pass: pass, pods: o.podsAt(pass.Gate.Namespace, o.revision)}
	s.g, _ = o.now(apiserver.TrafficGate, pass.Gate).obj.(*v1alpha1.TrafficGate)
	if s.g == nil || s.g.DeletionTimestamp != nil {
		return first(s.isGone, s.nobodyIsOut)
	}
	s.svc, _ = o.now(apiserver.Service, types.NamespacedName{Namespace: s.g.Namespace, Name: s.g.Spec.ServiceRef.Name}).obj.(*corev1.Service)
	if s.svc != nil {
		s.fleet = o.fleet(s.svc, o.revision)
	}
	if looks := pass.Looks(); pass.Fresh && len(looks) > 0 {
		if last := looks[len(looks)-1]; pass.Began.Sub(last.At).Abs() <= 2*s.g.Spec.Window.Std() && s.signalsSince(last.Seen) {
			s.fresh = &last
		}
	}
	if !o.acts(s.g, s.svc) || o.refused(s.g, s.svc) {
		return first(s.nobodyIsOut, s.labelled)
	}
	return first(s.finalizer, s.strays, s.labelled, s.overrides, s.limits, s.trials, s.pardons, s.status)
}

// signalsSince reports whether the gate has had the signals that it has since a
// revision.
func (s *settled) signalsSince(revision int64) bool {
	return !slices.ContainsFunc(s.since(apiserver.TrafficGate, s.pass.Gate, revision), func(v version) bool {
		g, _ := v.obj.(*v1alpha1.TrafficGate)
		return g == nil || !reflect.DeepEqual(g.Spec.Signals, s.g.Spec.Signals)
	})
}

func (s *settled) broken(p Promise, format string, args ...any) *Violation {
	return broken(p, "after a pass of %s over %s: "+format, append([]any{s.pass.Replica, s.pass.Gate}, args...)...)
}

// isGone: a gate that is being deleted does not stay for our finalizer.
func (s *settled) isGone() *Violation {
	if s.g != nil && slices.Contains(s.g.Finalizers, v1alpha1.Finalizer) {
		return s.broken(NotStranded, "the gate is being deleted and still has the finalizer")
	}
	return nil
}

// nobodyIsOut: a gate that does not act holds nobody out. (A refused one leaves
// pods to the people who asked for it by an override.)
func (s *settled) nobodyIsOut() *Violation {
	for _, v := range s.pods {
		p := v.pod()
		asked := s.g != nil && s.g.DeletionTimestamp == nil && s.g.Spec.Mode == v1alpha1.ModeEnforce && p.Labels[v1alpha1.LabelOverride] == v1alpha1.OverrideNo
		unknown := v.lost && !s.selects(s.svc, p) // until it is in a fleet again
		if v.heldFor(s.pass.Gate.Name) && lives(p) && !asked && !unknown {
			return s.broken(NotStranded, "pod %s is out by %s, although the gate does not act", p.Name, v.holder)
		}
	}
	return nil
}

// finalizer: a gate that acts cannot go without its pods.
func (s *settled) finalizer() *Violation {
	if !slices.Contains(s.g.Finalizers, v1alpha1.Finalizer) {
		return s.broken(NotStranded, "the gate acts, and has no finalizer")
	}
	return nil
}

// strays: no pod outside the fleet is held out, or carries a note.
func (s *settled) strays() *Violation {
	for _, v := range s.pods {
		p := v.pod()
		if lives(p) && !s.selects(s.svc, p) && p.Annotations[v1alpha1.AnnotationGate] == s.g.Name {
			return s.broken(NotStranded, "pod %s is not of the fleet, and carries notes (kept out by %q)", p.Name, v.holder)
		}
	}
	return nil
}

// labelled: no pod of the fleet is without the label, if the Service selects on
// it.
func (s *settled) labelled() *Violation {
	if s.workable(s.svc) != "" || s.refused(s.g, s.svc) || !s.enrolled(s.svc) {
		return nil
	}
	for _, v := range s.fleet {
		if _, has := v.pod().Labels[s.Key]; !has && v.pod().Labels[v1alpha1.LabelOverride] != v1alpha1.OverrideNo {
			return s.broken(NotEnrolled, "pod %s gets no traffic because it has no label", v.obj.GetName())
		}
	}
	return nil
}

// overrides: what people's overrides say is done, and what they said no more.
func (s *settled) overrides() *Violation {
	for _, v := range s.fleet {
		p := v.pod()
		until, err := time.Parse(time.RFC3339, p.Annotations[v1alpha1.AnnotationOverrideUntil])
		if err == nil && p.Labels[v1alpha1.LabelOverride] != "" && s.pass.Began.Sub(until) > time.Second {
			return s.broken(People, "the override of pod %s stands, and was to end at %s", p.Name, until)
		}
		serves := p.Labels[s.Key] == v1alpha1.TrafficYes
		switch p.Labels[v1alpha1.LabelOverride] {
		case v1alpha1.OverrideYes:
			if !serves {
				return s.broken(People, "pod %s is out against its override", p.Name)
			}
		case v1alpha1.OverrideNo:
			if serves {
				return s.broken(People, "pod %s is in traffic against its override", p.Name)
			}
		default:
			if v.lost && v.heldFor(v.gate) {
				return s.broken(NotStranded, "pod %s is still out by %s although the notes are gone", p.Name, v.holder)
			}
			if v.holder == byOverride && v.gate == s.g.Name && !v.scribbled {
				return s.broken(NotStranded, "pod %s is still out for an override that is gone", p.Name)
			}
		}
	}
	return nil
}

func (s *settled) count(state state) (n int) {
	for _, v := range s.fleet {
		if s.stateOf(v, s.g.Name) == state {
			n++
		}
	}
	return n
}

// limits: what exceeds them has come back.
func (s *settled) limits() *Violation {
	if n, limit := s.count(gated), allowance(s.g, len(s.fleet)); n > max(limit, 0) {
		return s.broken(Minority, "%d of %d pods are still out, and %d may be", n, len(s.fleet), limit)
	}
	for _, svc := range s.losers(s.svc, s.revision) {
		if out, total := s.lost(svc, s.fleet, s.g.Name); out > 0 && 2*out >= total {
			return s.broken(Minority, "%d of the %d pods that Service %s has too are still out", out, total, svc.Name)
		}
	}
	if n := s.count(serving); n < int(s.g.Spec.Limits.MinServing) && s.count(gated) > 0 && !s.pass.Wrote {
		return s.broken(Minority, "%d pods serve, %d must, and %d are still out", n, s.g.Spec.Limits.MinServing, s.count(gated))
	}
	return nil
}

// trials: while nobody is on trial, nobody waits whose stay is over.
func (s *settled) trials() *Violation {
	if s.pass.Wrote {
		return nil // whoever was on trial may have gone out again
	}
	now := s.pass.Began // it may have been paused since
	for _, v := range s.fleet {
		since := now.Sub(timeOf(v.pod(), v1alpha1.AnnotationReleasedAt))
		if s.stateOf(v, s.g.Name) == serving && since >= -slack && since < 2*trialPeriod(s.g.Spec) {
			return nil
		}
	}
	for _, v := range s.fleet {
		p := v.pod()
		if s.stateOf(v, s.g.Name) != gated || v.holder != byEvidence || !ready(p) || spent(s.g.Spec.Recovery, p) || !dueBy(s.g, p, now) {
			continue
		}
		if longest := timeOf(p, v1alpha1.AnnotationGatedAt).Add(s.g.Spec.Recovery.MaxAfter.Std()); s.g.Spec.Recovery.Signal != "" && now.Before(longest) {
			continue // a probe may say that it is not healthy
		}
		return s.broken(NotStranded, "pod %s is still out at %s: its stay ended at %s, and nobody is on trial", p.Name, now, p.Annotations[v1alpha1.AnnotationGatedUntil])
	}
	return nil
}

// pardons: what is noted against a pod that serves goes when it has been seen to
// be well, and what another controller left behind at any look.
func (s *settled) pardons() *Violation {
	if s.fresh == nil || !plain(s.g.Spec.Signals) {
		return nil
	}
	for _, v := range s.fleet {
		p := v.pod()
		if v.revision > s.pass.From || p.Annotations[v1alpha1.AnnotationGate] != s.g.Name || !s.judged(v, s.g, s.fresh.At, s.pass.Began) {
			continue
		}
		worst, known := worstOf(s.g.Spec, *s.fresh, p.Name)
		if !known || worst > 1 {
			continue
		}
		if p.Annotations[v1alpha1.AnnotationGatedUntil] != "" {
			return s.broken(Recovery, "pod %s is well, and still not to be gated before %s", p.Name, p.Annotations[v1alpha1.AnnotationGatedUntil])
		}
		since := s.pass.Began.Sub(timeOf(p, v1alpha1.AnnotationReleasedAt))
		if p.Annotations[v1alpha1.AnnotationReleasedAt] != "" && since > max(s.g.Spec.Recovery.MaxAfter.Std(), trialPeriod(s.g.Spec))+time.Second {
			return s.broken(Recovery, "pod %s is well since %s, and none of its %d relapses is forgiven", p.Name, since, relapsesOf(p))
		}
	}
	return nil
}

// status: it counts the pods as they are, and names those that are out.
func (s *settled) status() *Violation {
	if s.pass.Wrote {
		return nil // it tells of the world before this pass's writes came back
	}
	st := s.g.Status
	for name, n := range map[string][2]int{
		"total":   {int(st.Pods.Total), len(s.fleet)},
		"serving": {int(st.Pods.Serving), s.count(serving)},
		"gated":   {int(st.Pods.Gated), s.count(gated)},
		"listed":  {len(st.Gated), s.count(gated)},
		"heldOut": {int(st.Pods.HeldOut), s.count(heldOut)},
		"limit":   {int(st.Pods.Limit), max(allowance(s.g, len(s.fleet)), 0)},
	} {
		if n[0] != n[1] {
			return s.broken(Truth, "the status says %s: %d, and it is %d", name, n[0], n[1])
		}
	}
	if st.ObservedGeneration != s.g.Generation {
		return s.broken(Truth, "the status is about generation %d of %d", st.ObservedGeneration, s.g.Generation)
	}
	return nil
}
