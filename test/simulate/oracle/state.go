package oracle

import (
	"slices"
	"strconv"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/test/simulate/apiserver"
)

// slack is how far in the future a note may be before it is taken for one of a
// wrong clock.
const slack = time.Minute

// state of a pod under a gate.
type state string

const (
	serving    state = "serving"
	notReady   state = "not ready"
	unlabelled state = "without the label"
	gated      state = "gated"
	heldOut    state = "held out"
)

func (o *Oracle) stateOf(v version, gate string) state {
	p := v.pod()
	value, labelled := p.Labels[o.Key]
	switch {
	case p.Labels[v1alpha1.LabelOverride] == v1alpha1.OverrideNo:
		return heldOut
	case !labelled:
		return unlabelled
	case value == v1alpha1.TrafficYes && ready(p):
		return serving
	case value == v1alpha1.TrafficYes:
		return notReady
	case v.heldFor(gate) && !v.lost:
		return gated
	}
	return heldOut
}

// warmUp is how long after it became Ready a pod is not judged: at least for as
// long as its metrics may be those of a pod of the same name before it.
func warmUp(s v1alpha1.TrafficGateSpec) time.Duration {
	return max(s.Limits.WarmUp.Std(), s.Window.Std())
}

// heldFor reports whether the controller keeps the pod out for a gate.
func (v version) heldFor(gate string) bool {
	return (v.holder == byEvidence || v.holder == byOverride) && v.gate == gate
}

func ready(p *corev1.Pod) bool {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

func readySince(p *corev1.Pod) time.Time { return p.Status.Conditions[0].LastTransitionTime.Time }

// lives reports whether a pod is neither terminating nor finished.
func lives(p *corev1.Pod) bool {
	return p.DeletionTimestamp == nil && p.Status.Phase != corev1.PodSucceeded && p.Status.Phase != corev1.PodFailed
}

// bare is a Service's selector without the traffic label.
func (o *Oracle) bare(svc *corev1.Service) labels.Set {
	out := labels.Set{}
	for k, v := range svc.Spec.Selector {
		if k != o.Key {
			out[k] = v
		}
	}
	return out
}

// selects reports whether a pod is of a Service's fleet.
func (o *Oracle) selects(svc *corev1.Service, p *corev1.Pod) bool {
	if svc == nil || p == nil || !lives(p) || p.Namespace != svc.Namespace {
		return false
	}
	bare := o.bare(svc)
	return len(bare) > 0 && bare.AsSelector().Matches(labels.Set(p.Labels))
}

// fleet of a Service at a revision.
func (o *Oracle) fleet(svc *corev1.Service, revision int64) (out []version) {
	for _, v := range o.podsAt(svc.Namespace, revision) {
		if o.selects(svc, v.pod()) {
			out = append(out, v)
		}
	}
	return out
}

// losers are the other Services of the namespace that lose a pod which goes out of a
// Service, at a revision: those that select on the label, and on something else.
func (o *Oracle) losers(of *corev1.Service, revision int64) (out []*corev1.Service) {
	for key := range o.objects[apiserver.Service] {
		svc, _ := o.at(apiserver.Service, key, revision).obj.(*corev1.Service)
		if svc != nil && key.Namespace == of.Namespace && key.Name != of.Name && o.enrolled(svc) && len(o.bare(svc)) > 0 {
			out = append(out, svc)
		}
	}
	slices.SortFunc(out, func(a, b *corev1.Service) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// lost counts those of some pods that a Service has too, and how many of them are
// gated.
func (o *Oracle) lost(svc *corev1.Service, pods []version, gate string) (out, total int) {
	for _, v := range pods {
		if o.selects(svc, v.pod()) {
			total++
			if o.stateOf(v, gate) == gated {
				out++
			}
		}
	}
	return out, total
}

// workable says why a Service cannot be gated, or nothing if it can.
func (o *Oracle) workable(svc *corev1.Service) string {
	switch {
	case svc == nil:
		return "there is no Service"
	case len(svc.Spec.Selector) == 0:
		return "the Service has no selector"
	case len(o.bare(svc)) == 0:
		return "the Service selects on nothing but the traffic label"
	}
	return ""
}

func (o *Oracle) enrolled(svc *corev1.Service) bool {
	return svc.Spec.Selector[o.Key] == v1alpha1.TrafficYes
}

// orphaned reports whether a workload selects one of the pods by the traffic
// label.
func (o *Oracle) orphaned(pods []version) bool {
	for _, v := range pods {
		for _, owner := range v.pod().OwnerReferences {
			key := types.NamespacedName{Namespace: v.pod().Namespace, Name: owner.Name}
			for _, rs := range o.objects[apiserver.ReplicaSet][key] {
				if rs.obj == nil {
					continue
				}
				if _, selected := rs.obj.(*appsv1.ReplicaSet).Spec.Selector.MatchLabels[o.Key]; selected {
					return true
				}
			}
		}
	}
	return false
}

// allowance is how many of n pods a gate may have out: what it says, and always
// fewer than half.
func allowance(g *v1alpha1.TrafficGate, n int) int {
	return min(share(g.Spec.Limits.MaxGated, n, 3), (n-1)/2)
}

// share of n pods: a number as it is; a percentage rounded down, but at least one
// from so many pods on.
func share(limit *intstr.IntOrString, n, oneFrom int) int {
	if limit.Type == intstr.Int {
		return int(limit.IntVal)
	}
	percent, _ := strconv.Atoi(strings.TrimSuffix(limit.StrVal, "%"))
	if whole := n * percent / 100; whole > 0 || percent == 0 || n < oneFrom {
		return whole
	}
	return 1
}

// backOff is the stay after so many relapses, before it is shortened.
func backOff(r v1alpha1.Recovery, relapses int) time.Duration {
	stay := r.After.Std()
	for range relapses {
		stay = min(2*stay, r.MaxAfter.Std())
	}
	return min(stay, r.MaxAfter.Std())
}

// trialPeriod is how long a pod that came back is watched.
func trialPeriod(s v1alpha1.TrafficGateSpec) time.Duration {
	return s.Window.Std() + 2*s.Interval.Std()
}

func relapsesOf(p *corev1.Pod) int {
	n, _ := strconv.Atoi(p.Annotations[v1alpha1.AnnotationRelapses])
	return max(n, 0)
}

// spent reports whether a gate gives a pod no more trials.
func spent(r v1alpha1.Recovery, p *corev1.Pod) bool {
	return r.Then != v1alpha1.ThenRetry && relapsesOf(p) >= int(*r.Retries)
}
