package oracle

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/test/simulate/apiserver"
)

// checkRelease checks that a pod comes back for one of the reasons that there
// are.
func (w *write) checkRelease() *Violation {
	if w.someState(w.mayServe) {
		return nil
	}
	switch w.before.holder {
	case byPerson:
		return w.broken(People, "put into traffic although a person took it out")
	case byOverride:
		if w.someState(func(_ *v1alpha1.TrafficGate, _ *corev1.Service, p version) bool {
			return p.pod().Labels[v1alpha1.LabelOverride] != v1alpha1.OverrideNo
		}) {
			return nil
		}
		return w.broken(People, "put into traffic against a person's override")
	}
	if w.before.scribbled || w.before.lost || w.excess() {
		return nil
	}
	return w.checkTrial()
}

// mayServe reports whether a pod comes back whatever else: its gate does not
// act, or not on this pod, or a person says so.
func (w *write) mayServe(g *v1alpha1.TrafficGate, svc *corev1.Service, p version) bool {
	pod := p.pod()
	if pod.Labels[v1alpha1.LabelOverride] == v1alpha1.OverrideYes {
		return true
	}
	if w.before.holder == byPerson {
		return false
	}
	if !w.acts(g, svc) || !w.selects(svc, pod) {
		return true
	}
	return w.refusedSince(g, svc) && pod.Labels[v1alpha1.LabelOverride] != v1alpha1.OverrideNo
}

// refusedSince reports whether the gate had to be refused in some state that the
// pass may have seen.
func (w *write) refusedSince(g *v1alpha1.TrafficGate, svc *corev1.Service) bool {
	for revision := w.pass.Seen - 1; revision < w.after.revision; revision++ {
		fleet := w.fleet(svc, revision)
		if w.orphaned(fleet) || w.shadowedBy(g, fleet, revision) != "" {
			return true
		}
	}
	return false
}

// excess reports whether more pods were out than may be, or too few left to
// serve, in some state that the pass may have seen. A cache may be further ahead
// with gates and Services than with pods.
func (w *write) excess() bool {
	for _, v := range w.since(apiserver.TrafficGate, w.pass.Gate, w.pass.Seen) {
		g, _ := v.obj.(*v1alpha1.TrafficGate)
		for _, svc := range w.servicesSince(g) {
			if svc != nil && w.excessOf(g, svc) {
				return true
			}
		}
	}
	return false
}

func (w *write) excessOf(g *v1alpha1.TrafficGate, svc *corev1.Service) bool {
	for revision := max(w.pass.Seen-1, 1); revision < w.after.revision; revision++ {
		out, serve, fleet := 0, 0, w.fleet(svc, revision)
		for _, v := range fleet {
			switch w.stateOf(v, w.gate) {
			case gated:
				out++
			case serving:
				serve++
			}
		}
		if out > allowance(g, len(fleet)) || serve < int(g.Spec.Limits.MinServing) || w.neighbourLost(svc, fleet) {
			return true
		}
	}
	return false
}

// neighbourLost reports whether another Service had lost half of what it has of the
// fleet, or more, and the pod was among those; in some state of the Services that
// the pass may have seen.
func (w *write) neighbourLost(svc *corev1.Service, fleet []version) bool {
	for revision := max(w.pass.Seen-1, 1); revision < w.after.revision; revision++ {
		for _, other := range w.losers(svc, revision) {
			if !w.selects(other, w.was) {
				continue
			}
			if out, total := w.lost(other, fleet, w.gate); out > 0 && 2*out >= total {
				return true
			}
		}
	}
	return false
}

// checkTrial: a pod comes back for a trial when its stay is over and it is Ready,
// if it has a trial left and no other pod is on trial.
func (w *write) checkTrial() *Violation {
	now := w.pass.Now()
	if !w.someState(func(g *v1alpha1.TrafficGate, _ *corev1.Service, p version) bool {
		return !spent(g.Spec.Recovery, p.pod())
	}) {
		return w.broken(Recovery, "put on trial although all its trials are spent")
	}
	if !w.someState(func(g *v1alpha1.TrafficGate, _ *corev1.Service, p version) bool { return dueBy(g, p.pod(), now) }) {
		return w.broken(FailStatic, "put into traffic at %s for no reason: it is to stay out until %s", now, w.was.Annotations[v1alpha1.AnnotationGatedUntil])
	}
	if relapsesOf(w.is) != relapsesOf(w.was) {
		return w.broken(Recovery, "relapses went from %d to %d without evidence of health", relapsesOf(w.was), relapsesOf(w.is))
	}
	return w.alone(now)
}

// dueBy reports whether a pod's stay is over: not before its metrics speak of nothing
// else, and at the latest when the longest stay is.
func dueBy(g *v1alpha1.TrafficGate, p *corev1.Pod, now time.Time) bool {
	at, until := timeOf(p, v1alpha1.AnnotationGatedAt), timeOf(p, v1alpha1.AnnotationGatedUntil)
	if least := at.Add(g.Spec.Window.Std()); until.Before(least) {
		until = least
	}
	if latest := at.Add(g.Spec.Recovery.MaxAfter.Std()); until.After(latest) {
		until = latest
	}
	return !until.After(now) || at.After(now.Add(slack))
}

// alone: no other pod of the fleet is on trial that was so when the pass began.
func (w *write) alone(now time.Time) *Violation {
	g, _ := w.now(apiserver.TrafficGate, w.pass.Gate).obj.(*v1alpha1.TrafficGate)
	svc := w.serviceOf(g)
	if svc == nil {
		return nil
	}
	for _, v := range w.fleet(svc, w.revision) {
		if v.obj.GetUID() == w.was.UID || v.revision > w.pass.From || !w.onTrial(v, g) {
			continue
		}
		if since := now.Sub(timeOf(v.pod(), v1alpha1.AnnotationReleasedAt)); since >= -slack && since < trialPeriod(g.Spec) {
			return w.broken(Recovery, "put on trial although %s has been for %s", v.obj.GetName(), since)
		}
	}
	return nil
}

// onTrial reports whether a pod came back not long ago, for all that is noted on
// it; how long ago is for the caller to say.
func (o *Oracle) onTrial(v version, g *v1alpha1.TrafficGate) bool {
	notes := v.pod().Annotations
	return o.stateOf(v, g.Name) == serving && !v.scribbled && notes[v1alpha1.AnnotationGate] == g.Name &&
		notes[v1alpha1.AnnotationReleasedAt] != "" && notes[v1alpha1.AnnotationReleasedFor] != "Recovered"
}
