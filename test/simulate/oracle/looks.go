package oracle

import (
	"math"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/source"
	"github.com/podgate/podgate/test/simulate/apiserver"
)

// plain reports whether every signal is a plain limit on a value, so that an
// answer alone says who looks bad.
func plain(signals []v1alpha1.Signal) bool {
	return !slices.ContainsFunc(signals, func(s v1alpha1.Signal) bool {
		return s.Threshold == nil || s.Value == nil || s.Threshold.For.Std() > 0
	})
}

// queryOf is what is asked for a signal.
func queryOf(s v1alpha1.Signal) string {
	if s.Ratio != nil {
		return s.Ratio.Total
	}
	return *s.Value
}

// answerTo is a look's answer to a query; false if it was not asked.
func (l Look) answerTo(query string) (source.Answer, bool) {
	for i, q := range l.Queries {
		if q == query && i < len(l.Answers) {
			return l.Answers[i], true
		}
	}
	return source.Answer{}, false
}

// excess is how far beyond its limit a pod is by a plain signal, in units of the
// limit: above 1 it is bad.
func excess(s v1alpha1.Signal, value float64) float64 {
	return 1 + (value-s.Threshold.Above.Or(0))/s.Threshold.Above.Or(0)
}

// judged reports whether metrics as of an instant may speak about a pod: it
// served then, and had warmed up.
func (o *Oracle) judged(v version, g *v1alpha1.TrafficGate, at, now time.Time) bool {
	p := v.pod()
	if o.stateOf(v, g.Name) != serving || at.Sub(readySince(p)) < warmUp(g.Spec) {
		return false
	}
	back := timeOf(p, v1alpha1.AnnotationReleasedAt)
	return !at.Before(back) || back.After(now.Add(slack))
}

// ever and always say what holds of one, or of all, of the states of a pod that the
// pass may have seen.
func (d *gating) ever(v version, at time.Time, holds func(version, time.Time) bool) bool {
	return slices.ContainsFunc(d.seen(v), func(v version) bool { return holds(v, at) })
}

func (d *gating) always(v version, at time.Time, holds func(version, time.Time) bool) bool {
	return !slices.ContainsFunc(d.seen(v), func(v version) bool { return !holds(v, at) })
}

func (d *gating) everJudged(v version, at time.Time) bool   { return d.ever(v, at, d.speaks) }
func (d *gating) alwaysJudged(v version, at time.Time) bool { return d.always(v, at, d.speaks) }

// speaks reports whether metrics as of an instant may speak about a pod.
func (d *gating) speaks(v version, at time.Time) bool { return d.judged(v, d.g, at, d.now) }

// counts reports whether a pod is one of those that must have an answer: it is
// judged, or has gone out at this look or after it, by what a controller knew that
// has died since.
func (d *gating) counts(v version, at time.Time) bool {
	p := v.pod()
	wentOut := d.stateOf(v, d.gate) == gated && ready(p) && at.Sub(readySince(p)) >= warmUp(d.spec) &&
		at.Before(timeOf(p, v1alpha1.AnnotationGatedAt).Add(time.Second))
	return wentOut || d.speaks(v, at)
}

func (d *gating) everCounts(v version, at time.Time) bool   { return d.ever(v, at, d.counts) }
func (d *gating) alwaysCounts(v version, at time.Time) bool { return d.always(v, at, d.counts) }

func (d *gating) seen(v version) (out []version) {
	key := types.NamespacedName{Namespace: v.obj.GetNamespace(), Name: v.obj.GetName()}
	for _, x := range d.since(apiserver.Pod, key, d.pass.Seen) {
		if x.obj != nil && x.obj.GetUID() == v.obj.GetUID() && x.revision < d.after.revision {
			out = append(out, x)
		}
	}
	return out
}

// evidence checks that a look speaks against the pod, and that it may be
// believed.
func (d *gating) evidence(l Look) *Violation {
	if age := d.pass.Began.Sub(l.At); age > 2*d.spec.Window.Std()+time.Second {
		return d.broken(FailStatic, "gated on an answer that was %s old", age)
	}
	for _, s := range d.spec.Signals {
		if _, asked := l.answerTo(queryOf(s)); !asked {
			return d.broken(FailStatic, "gated although Prometheus was not asked %q", queryOf(s))
		}
	}
	if !d.everJudged(d.me, l.At) {
		return d.broken(FailStatic, "gated on an answer as of %s, when it did not serve or had not warmed up", l.At)
	}
	if !plain(d.spec.Signals) {
		return d.headroom(l)
	}
	return first(
		func() *Violation { return d.looksBad(l) },
		func() *Violation { return d.commonCause(l) },
		func() *Violation { return d.worst(l) },
		func() *Violation { return d.headroom(l) },
	)
}

// worstOf is a pod's worst excess, and whether anything is known of it.
func worstOf(spec v1alpha1.TrafficGateSpec, l Look, pod string) (worst float64, known bool) {
	for _, s := range spec.Signals {
		if a, _ := l.answerTo(queryOf(s)); a.Err == nil {
			if sample, ok := a.ByPod[pod]; ok {
				worst, known = max(worst, excess(s, sample.Value)), true
			}
		}
	}
	return worst, known
}

// looksBad: there is data about the pod, and it is beyond a limit, by a signal
// that at least half of the judged pods have data for.
func (d *gating) looksBad(l Look) *Violation {
	worst, known := worstOf(d.spec, l, d.was.Name)
	if !known || worst <= 1 {
		return d.broken(FailStatic, "gated although the answer as of %s says nothing against it (known: %t, %.3f)", l.At, known, worst)
	}
	for _, s := range d.spec.Signals {
		a, _ := l.answerTo(queryOf(s))
		if sample, ok := a.ByPod[d.was.Name]; a.Err != nil || !ok || excess(s, sample.Value) <= 1 {
			continue
		}
		if d.complete(a, l.At, d.everCounts, d.alwaysCounts) {
			return nil
		}
	}
	return d.broken(FailStatic, "gated although fewer than half of the pods have data")
}

// complete reports whether an answer has data for at least half of the pods that
// are judged; a pod may be judged in some of the states that the pass may have
// seen, and in others not.
func (d *gating) complete(a source.Answer, at time.Time, counts, judges func(version, time.Time) bool) bool {
	answered, judged := 0, 0
	for _, v := range d.fleet {
		if _, ok := a.ByPod[v.obj.GetName()]; ok && counts(v, at) {
			answered++
		}
		if judges(v, at) {
			judged++
		}
	}
	return 2*answered >= judged
}

// commonCause: fewer pods look bad, or are out, than look well. One that this pass has
// put on trial is neither, as it is in all passes after it.
func (d *gating) commonCause(l Look) *Violation {
	bad, good := 0, 0
	for _, v := range d.fleet {
		worst, known := worstOf(d.spec, l, v.obj.GetName())
		switch {
		case d.stateOf(v, d.gate) == gated && v.holder == byEvidence && d.out(v), known && worst > 1 && d.alwaysJudged(v, l.At):
			bad++
		case known && worst <= 1 && d.everJudged(v, l.At):
			good++
		}
	}
	if bad >= good && bad > 1 {
		return d.broken(NoMass, "%d pods look bad or are out, and %d look well", bad, good)
	}
	return nil
}

// worst: no other pod that could have been gated looks worse. Only pods are
// compared that have every domain in common, as the others may be held by theirs.
func (d *gating) worst(l Look) *Violation {
	if !d.pass.Fresh {
		return nil // what an answer said was worked out in an earlier pass, by what that knew
	}
	mine, _ := worstOf(d.spec, l, d.was.Name)
	sure := d.spec
	sure.Signals = nil
	for _, s := range d.spec.Signals {
		if a, _ := l.answerTo(queryOf(s)); d.complete(a, l.At, d.alwaysCounts, d.everCounts) {
			sure.Signals = append(sure.Signals, s)
		}
	}
	for _, v := range d.fleet {
		worst, known := worstOf(sure, l, v.obj.GetName())
		p := v.pod()
		if !known || worst <= mine || !d.alwaysJudged(v, l.At) || !d.sameDomains(p, d.was) || d.inNeighbour(p) {
			continue
		}
		if p.Labels[v1alpha1.LabelOverride] == v1alpha1.OverrideYes || !timeOf(p, v1alpha1.AnnotationGatedUntil).IsZero() {
			continue
		}
		return d.broken(Orderly, "gated with %.4f although %s is worse with %.4f", mine, p.Name, worst)
	}
	return nil
}

// inNeighbour reports whether another Service may hold a pod in traffic.
func (d *gating) inNeighbour(p *corev1.Pod) bool {
	return slices.ContainsFunc(d.losers(d.svc, d.readAt(apiserver.Service)), func(svc *corev1.Service) bool { return d.selects(svc, p) })
}

// sameDomains reports whether two pods share zone, node and revision.
func (d *gating) sameDomains(a, b *corev1.Pod) bool {
	key := d.spec.Limits.PerDomain.TopologyKey
	return a.Labels[key] == b.Labels[key] && a.Spec.NodeName == b.Spec.NodeName &&
		a.Labels[v1alpha1.LabelPodTemplateHash] == b.Labels[v1alpha1.LabelPodTemplateHash]
}

// headroom: the pods that stay can carry the load.
func (d *gating) headroom(l Look) *Violation {
	h := d.spec.Limits.Headroom
	if h == nil {
		return nil
	}
	a, asked := l.answerTo(h.Query)
	if !asked || a.Err != nil {
		return d.broken(Minority, "gated although the load is not known")
	}
	n, known, sum := 0, 0, 0.0
	for _, v := range d.fleet {
		if then := d.stateOf(v, d.gate); then != serving && (then == notReady || d.out(v)) {
			continue
		}
		n++
		if s, ok := a.ByPod[v.obj.GetName()]; ok {
			known, sum = known+1, sum+s.Value
		}
	}
	if known == 0 || 2*known < n {
		return d.broken(Minority, "gated although the load of %d of %d pods is known", known, n)
	}
	if load := sum / float64(known) * float64(n) / float64(n-1); load > h.Max.Or(math.Inf(-1)) {
		return d.broken(Minority, "gated although the load would be %.3f, above %s", load, h.Max)
	}
	return nil
}

// anyLookWell reports whether one of the last two answers says that the pod is
// well.
func (w *write) anyLookWell() bool {
	looks := w.pass.Looks()
	g, _ := w.at(apiserver.TrafficGate, w.pass.Gate, w.revision).obj.(*v1alpha1.TrafficGate)
	if g == nil || !plain(g.Spec.Signals) {
		return true // not for an answer alone to say
	}
	for _, l := range looks[max(0, len(looks)-2):] {
		if worst, known := worstOf(g.Spec, l, w.was.Name); known && worst <= 1 {
			return true
		}
	}
	return false
}
