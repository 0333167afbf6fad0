package simulate

import (
	"math/rand/v2"
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/test/simulate/apiserver"
)

// makeGate makes a gate as the dice fall, unless there is one.
func (w *world) makeGate(namespace, name, service string, dice *rand.Rand) {
	g := &v1alpha1.TrafficGate{}
	g.Namespace, g.Name = namespace, name
	seconds := func(from ...int) v1alpha1.Duration {
		return v1alpha1.DurationOf(time.Duration(pick(dice, from)) * time.Second)
	}
	g.Spec = v1alpha1.TrafficGateSpec{
		ServiceRef: v1alpha1.ServiceReference{Name: service}, Mode: v1alpha1.ModeEnforce,
		Interval: seconds(5, 15), Window: seconds(10, 30), PodLabel: "pod", TrafficLabel: w.key,
		FalseAlarms: v1alpha1.FalseAlarms{PodDays: 30},
		Recovery:    v1alpha1.Recovery{After: seconds(30, 60), MaxAfter: seconds(60, 240), Retries: new(int32(dice.IntN(4))), Then: someThen(dice)},
	}
	g.Spec.Limits = v1alpha1.Limits{WarmUp: new(seconds(0, 20, 60)), MinServing: w.someMinServing(namespace, dice), MaxGated: someLimit(dice),
		PerDomain: v1alpha1.DomainLimit{TopologyKey: "topology.kubernetes.io/zone", MaxGated: someLimit(dice)}}
	if dice.IntN(4) == 0 {
		g.Spec.Limits.Headroom = someHeadroom(g.Name, dice)
	}
	if dice.IntN(4) == 0 {
		g.Spec.Recovery.Signal = queryProbe + "/" + g.Name
	}
	if dice.IntN(4) == 0 {
		g.Spec.Mode = someMode(dice)
	}
	g.Spec.Signals = someSignals(g.Name, dice)
	_ = w.sim.server.Create(author, g)
}

// someMinServing is often just about what there is.
func (w *world) someMinServing(namespace string, dice *rand.Rand) int32 {
	if n := len(w.sim.server.All(apiserver.Pod, namespace)); n > 1 && dice.IntN(3) == 0 {
		return int32(max(1, n-dice.IntN(3)))
	}
	return int32(1 + dice.IntN(3))
}

func someMode(dice *rand.Rand) v1alpha1.Mode {
	return pick(dice, []v1alpha1.Mode{v1alpha1.ModeEnforce, v1alpha1.ModeEnforce, v1alpha1.ModeEnforce, v1alpha1.ModeDryRun, v1alpha1.ModeSuspended})
}

func someThen(dice *rand.Rand) v1alpha1.Then {
	return pick(dice, []v1alpha1.Then{v1alpha1.ThenHold, v1alpha1.ThenEvict, v1alpha1.ThenRetry})
}

// someLimit is a number of pods, or a percentage; often more than a minority.
func someLimit(dice *rand.Rand) *intstr.IntOrString {
	if dice.IntN(3) == 0 {
		return new(intstr.FromInt32(dice.Int32N(7)))
	}
	return new(intstr.FromString(pick(dice, []string{"0%", "10%", "20%", "30%", "50%", "70%", "100%"})))
}

func someHeadroom(gate string, dice *rand.Rand) *v1alpha1.Headroom {
	return &v1alpha1.Headroom{Query: queryLoad + "/" + gate, Max: pick(dice, []v1alpha1.Decimal{"0.5", "0.6", "0.9"})}
}

// someSignals are mostly plain limits, because with them there is no doubt who
// looks bad.
func someSignals(gate string, dice *rand.Rand) []v1alpha1.Signal {
	health := v1alpha1.Signal{Name: "health", Value: new(queryHealth + "/" + gate)}
	switch dice.IntN(10) {
	case 0:
		health.Robust = &v1alpha1.Robust{}
	case 1:
		health = v1alpha1.Signal{Name: "health", Ratio: &v1alpha1.RatioQuery{Bad: queryBad + "/" + gate, Total: queryTotal + "/" + gate}, Outlier: &v1alpha1.Outlier{}}
	default:
		health.Threshold = &v1alpha1.Threshold{Above: new(v1alpha1.Decimal("1.5"))}
	}
	signals := []v1alpha1.Signal{health}
	if dice.IntN(3) == 0 {
		signals = append(signals, v1alpha1.Signal{Name: "slow", Value: new(querySlow + "/" + gate),
			Threshold: &v1alpha1.Threshold{Above: new(v1alpha1.Decimal("1.5"))}})
	}
	return signals
}

// someGate picks a gate of any namespace.
func (w *world) someGate(dice *rand.Rand) *v1alpha1.TrafficGate {
	if gate := pick(dice, w.sim.server.All(apiserver.TrafficGate, "")); gate != nil {
		return gate.(*v1alpha1.TrafficGate)
	}
	return nil
}
