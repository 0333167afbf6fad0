package faults

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/test/stage"
)

// slack is how late a pod may come back for reasons of the machine.
const slack = 30 * time.Second

// trial is how long one pod that came back is watched, at most, before the next
// may: twice the window and two intervals of the gate.
const trial = 2 * (10*time.Second + 2*stage.Interval)

// waitUntilAllAreBack waits until every pod of the fleet under test is in
// traffic. Each must be there when its own stay is over; where several are out,
// they come one after the other, each on trial for a while.
func (a *Arena) waitUntilAllAreBack(ctx context.Context, r *Round, mended time.Time) error {
	late := time.Duration(math.MinInt64)
	err := a.until(ctx, 5*time.Minute, func() error {
		out := a.pods.outNow(with)
		if len(out) == 0 {
			return nil
		}
		var first time.Time
		for name, due := range out {
			if due.IsZero() {
				return fmt.Errorf("%s is out, and nothing says until when", name)
			}
			if first.IsZero() || due.Before(first) {
				first = due
			}
		}
		late = max(late, time.Since(later(first, mended)))
		return fmt.Errorf("%d pods are out: %v", len(out), out)
	})
	may := time.Duration(len(r.Sick)-1)*trial + slack
	r.check("every pod is back when its stay is over", err == nil && late <= may, "%s after the fault was mended; at most %s late, where %s is allowed: %v",
		time.Since(mended).Round(time.Second), max(late, 0).Round(time.Second), may, err)
	return ctx.Err()
}

// judge holds what the pods and the clients saw since the round began against
// what may be.
func (a *Arena) judge(f Fault, r *Round, began time.Time) {
	states := a.pods.between(with, began, time.Now())
	r.MostOut, r.Limit = worst(states)
	r.check("never more pods out than allowed", r.MostOut <= r.Limit, "%d of %d, in %d states", r.MostOut, r.Limit, len(states))
	wrong := slices.DeleteFunc(everOut(states), func(p string) bool { return slices.Contains(r.Sick, p) })
	r.check("no healthy pod was taken out", len(wrong) == 0, "%v", wrong)
	for _, other := range []string{without, alone} {
		out := everOut(a.pods.between(other, began, time.Now()))
		r.check("no pod of "+other+" Podgate was taken out", len(out) == 0, "%v", out)
	}
	if f.Says != "" {
		r.check("the gate says "+f.Says, slices.Contains(r.Said, f.Says), "%v", r.Said)
	}
	r.Checks = append(r.Checks, noWorse(r.With, r.Without, r.Alone))
}

// noWorse checks that the clients of a fleet with Podgate fare no worse than
// those without, apart from what the fault itself costs and from chance: three
// standard deviations of the difference of the counts.
func noWorse(with, without, alone Client) Check {
	rate := func(c Client) float64 { return 1 - c.Success() }
	variance := 0.0
	for _, c := range []Client{with, without, alone} {
		if c.Requests > 0 {
			variance += float64(c.Failures+1) / float64(c.Requests) / float64(c.Requests)
		}
	}
	limit := rate(without) + rate(alone) + 3*math.Sqrt(variance)
	return Check{"the client fares no worse with Podgate",
		fmt.Sprintf("%s succeed with, %s without, %s in the fault alone", percent(with.Success()), percent(without.Success()), percent(alone.Success())),
		with.Requests > 0 && without.Requests > 0 && rate(with) <= limit}
}

func percent(share float64) string { return fmt.Sprintf("%.2f %%", 100*share) }

// cleanUp deletes the gate: then no pod may be out or carry notes. It reads what
// the controllers have logged since the last round.
func (a *Arena) cleanUp(ctx context.Context, r *Round) error {
	err := a.turn(ctx, stage.Dials{}, indexes(r.pods), with, without)
	err = errors.Join(err, a.deleteGate(ctx))
	var pods corev1.PodList
	err = errors.Join(err, a.Client.List(ctx, &pods, client.InNamespace(with)))
	left := leftOn(pods.Items)
	r.check("nothing is left of a gate that is gone", err == nil && len(left) == 0 && len(pods.Items) == len(r.pods), "%d pods: %v %v", len(pods.Items), left, err)
	bad, logErr := a.logs.bad(a.Dir())
	r.check("no panic, and no right was missing", logErr == nil && len(bad) == 0, "%s", strings.Join(bad, "\n"))
	return errors.Join(err, logErr)
}

// deleteGate deletes the gate and waits until it is gone.
func (a *Arena) deleteGate(ctx context.Context) error {
	gate := &v1alpha1.TrafficGate{ObjectMeta: named(with, stage.Gate)}
	if err := client.IgnoreNotFound(a.Client.Delete(ctx, gate)); err != nil {
		return err
	}
	return a.until(ctx, 60*time.Second, func() error {
		if _, err := a.gate(ctx); !apierrors.IsNotFound(err) {
			return errors.Join(errors.New("the gate is still there"), err)
		}
		return nil
	})
}

// leftOn is what a gate has left behind on pods.
func leftOn(pods []corev1.Pod) (left []string) {
	for _, p := range pods {
		if p.Labels[v1alpha1.LabelTraffic] != v1alpha1.TrafficYes {
			left = append(left, fmt.Sprintf("%s: traffic %q", p.Name, p.Labels[v1alpha1.LabelTraffic]))
		}
		for key := range p.Annotations {
			if strings.HasPrefix(key, v1alpha1.GroupVersion.Group+"/") || key == corev1.PodDeletionCost {
				left = append(left, p.Name+": "+key)
			}
		}
	}
	slices.Sort(left)
	return left
}

func indexes(of []string) (all []int) {
	for i := range of {
		all = append(all, i)
	}
	return all
}
