package overview

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
	"github.com/podgate/podgate/controller/measure"
)

// Of is what a gate's own status tells, without its pods.
func Of(gate *v1alpha1.TrafficGate, now time.Time) Gate {
	s := gate.Status
	g := Gate{
		Namespace: gate.Namespace, Name: gate.Name, Service: gate.Spec.ServiceRef.Name,
		Mode: gate.Spec.Mode, TrafficLabel: gate.Spec.TrafficLabel, Created: gate.CreationTimestamp,
		Pods: Counts{Total: int(s.Pods.Total), Serving: int(s.Pods.Serving), Trial: int(s.Pods.Trial),
			NotReady: int(s.Pods.NotReady), Gated: int(s.Pods.Gated), HeldOut: int(s.Pods.HeldOut)},
		Limit: Limit{Allowed: int(s.Pods.Limit)},
		Doubt: doubt(gate, now), Next: nextLook(gate, now),
	}
	if gate.Spec.Limits.MaxGated != nil {
		g.Limit.MaxGated = gate.Spec.Limits.MaxGated.String()
	}
	if rehearses(gate) {
		g.Pods.WouldBeGated, g.Pods.Gated = g.Pods.Gated, 0
		g.Pods.Serving += g.Pods.WouldBeGated
	}
	g.Limit.use(g.Pods)
	for _, c := range s.Conditions {
		found := Condition{c.Type, c.Status, c.Reason, c.Message, c.LastTransitionTime}
		if c.Type == v1alpha1.ConditionReady {
			g.Ready = found
		} else {
			g.Conditions = append(g.Conditions, found)
		}
	}
	if g.Ready.Reason == "" {
		g.Ready = Condition{Type: v1alpha1.ConditionReady, Status: metav1.ConditionUnknown, Reason: v1alpha1.ReasonReconciling, Message: g.Doubt}
	}
	if e := s.LastEvaluation; e != nil {
		g.LastLook = &Look{e.Time, e.Decision, e.Signals}
	}
	return g
}

// rehearses reports whether the gate's status tells of what it would do.
func rehearses(gate *v1alpha1.TrafficGate) bool {
	if gate.Spec.Mode == v1alpha1.ModeDryRun {
		return true
	}
	return slices.ContainsFunc(gate.Status.Conditions, func(c metav1.Condition) bool {
		return c.Type == v1alpha1.ConditionEnrolled && c.Status == metav1.ConditionFalse
	})
}

// use takes what is out off the limit.
func (l *Limit) use(c Counts) {
	l.Out = c.Gated + c.WouldBeGated + c.HeldOut + c.NotReady
	l.Left = max(l.Allowed-l.Out, 0)
}

// heartbeat is how old the controller lets a gate's status become.
const heartbeat = time.Minute

// doubt says why the status may not be believed. A controller that is gone says
// nothing; only the clock tells.
func doubt(gate *v1alpha1.TrafficGate, now time.Time) string {
	const look = "is the controller running? kubectl -n podgate-system get pods"
	s := gate.Status
	switch e, late := s.LastEvaluation, heartbeat+max(time.Minute, 3*gate.Spec.Interval.Std()); {
	case len(s.Conditions) == 0:
		return "no controller has looked at this gate yet: " + look
	case s.ObservedGeneration < gate.Generation:
		return "the controller has not seen the last change of this gate yet: " + look
	case e != nil && now.Sub(e.Time.Time) > late:
		return fmt.Sprintf("the last look was %s ago, and one is due every %s: %s", now.Sub(e.Time.Time).Round(time.Second), gate.Spec.Interval.Std(), look)
	}
	return ""
}

// nextLook is when the gate looks again; nothing where it does not.
func nextLook(gate *v1alpha1.TrafficGate, now time.Time) []Due {
	interval := gate.Spec.Interval.Std()
	if interval <= 0 || gate.Spec.Mode == v1alpha1.ModeSuspended || gate.Status.LastEvaluation == nil || doubt(gate, now) != "" {
		return nil
	}
	return []Due{{metav1.NewTime(measure.LastTick(gate, now).Add(interval)), "next look"}}
}

// count counts the fleet as it is now.
func (g *Gate) count(pods []decide.Pod, policy decide.Policy) {
	g.Pods = Counts{Total: len(pods)}
	for _, p := range g.Fleet {
		switch p.State {
		case decide.Serving:
			g.Pods.Serving++
		case decide.Gated:
			g.Pods.Gated++
		case decide.HeldOut:
			g.Pods.HeldOut++
		default:
			g.Pods.NotReady++
		}
		switch p.Remark {
		case Trial:
			g.Pods.Trial++
		case WouldBeGated:
			g.Pods.WouldBeGated++
		}
	}
	g.Limit.Allowed = policy.Allowance(len(pods))
	g.Limit.use(g.Pods)
}

// Sort puts gates in the order of their namespaces and names.
func Sort(gates []Gate) {
	slices.SortFunc(gates, func(a, b Gate) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
}
