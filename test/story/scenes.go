package story

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/test/load"
	"github.com/podgate/podgate/test/stage"
)

func healthy(ctx context.Context, t *Teller) error {
	if err := t.StartLoad(ctx); err != nil {
		return err
	}
	t.say("a client calls the Service %d times a second", stage.Rate)
	if _, err := t.untilReady(ctx, v1alpha1.ReasonEnforcing, 90*time.Second); err != nil {
		return err
	}
	// Everything else waits until the pods are past their warm-up, so that there
	// is something to compare.
	_, err := stage.Until(ctx, 60*time.Second, func() error {
		gate, err := t.GetGate(ctx)
		if err == nil && (gate.Status.LastEvaluation == nil || gate.Status.LastEvaluation.Signals[0].Known < 10) {
			err = fmt.Errorf("the gate does not know all ten pods yet: %+v", gate.Status.LastEvaluation)
		}
		return err
	})
	if err != nil {
		return err
	}
	began := time.Now()
	if err := stage.Pause(ctx, 4*time.Second); err != nil {
		return err
	}
	t.mark("serving")
	gate, err := t.GetGate(ctx)
	if err != nil {
		return err
	}
	v := t.Load.View(began, time.Now())
	t.say("the client: %d requests, %s errors, %d pods answer", v.Count, percent(v.ErrorShare()), len(v.ByPod))
	t.equal("pods that serve", 10, gate.Status.Pods.Serving)
	t.equal("the client's error share", percent(0), percent(v.ErrorShare()))
	return nil
}

func oneFails(ctx context.Context, t *Teller) error {
	pods, err := t.Pods(ctx)
	if err != nil {
		return err
	}
	t.Sick = pods[3].Name
	fault := time.Now()
	t.say("fault: %s fails 30 %% of its requests; its probes stay green", t.Sick)
	if err := t.Turn(ctx, stage.Dials{ErrorShare: 0.3}, t.Sick); err != nil {
		return err
	}
	if _, err := t.untilTraffic(ctx, t.Sick, v1alpha1.TrafficNo, 60*time.Second); err != nil {
		return err
	}
	gated := time.Now()
	before := t.Load.View(fault, gated)
	t.say("gated after %s: the client saw %s errors meanwhile", round(gated.Sub(fault)), percent(before.ErrorShare()))
	why := ""
	if _, err := stage.Until(ctx, 60*time.Second, func() error {
		gate, err := t.GetGate(ctx)
		if err == nil && len(gate.Status.Gated) == 0 {
			err = errors.New("the gate's status lists no gated pod")
		} else if err == nil {
			why = gate.Status.Gated[0].Reason
		}
		return err
	}); err != nil {
		return err
	}
	t.say("why: %s", why)
	out, err := t.Out(ctx) // it comes back on trial before long
	if err != nil {
		return err
	}
	if _, err := stage.Until(ctx, 60*time.Second, func() error {
		if time.Since(t.Load.LastAnswer(t.Sick)) < stage.Interval {
			return fmt.Errorf("%s still answers the client", t.Sick)
		}
		return nil
	}); err != nil {
		return err
	}
	t.mark("gated")
	gone := t.Load.LastAnswer(t.Sick)
	after := t.Load.View(gone.Add(time.Millisecond), time.Now())
	all := t.Load.View(fault, time.Now())
	t.say("the client since: %d requests, %s errors", after.Count, percent(after.ErrorShare()))
	t.equal("pods out of traffic", []string{t.Sick}, out)
	t.check("the client's error share before", "> 1.0 %", percent(before.ErrorShare()), before.ErrorShare() > 0.01)
	t.equal("the client's error share after", percent(0), percent(after.ErrorShare()))
	t.took("from the fault to the last failed request", 4*stage.Interval, all.LastFailure.Sub(fault))
	t.took("from the label patch to traffic gone", 2*time.Second, max(gone.Sub(gated), 0))
	return nil
}

func overrule(ctx context.Context, t *Teller) error {
	label := func(value string) error {
		args := []string{"-n", stage.Namespace, "label", "--overwrite", "pod", t.Sick, v1alpha1.LabelOverride + value}
		t.say("$ kubectl -n %s label --overwrite pod %s %s%s", stage.Namespace, t.Sick, v1alpha1.LabelOverride, value)
		_, err := t.Kubectl(ctx, args...)
		return err
	}
	if err := label("=" + v1alpha1.OverrideYes); err != nil {
		return err
	}
	took, err := t.untilTraffic(ctx, t.Sick, v1alpha1.TrafficYes, 60*time.Second)
	if err != nil {
		return err
	}
	t.say("it is back in traffic after %s", round(took))
	t.took("override=yes acts", time.Second, took)
	if err := stage.Pause(ctx, 3*stage.Interval); err != nil {
		return err
	}
	out, err := t.Out(ctx)
	if err != nil {
		return err
	}
	t.mark("kept")
	t.say("three looks later it still serves, though it still fails")
	t.equal("pods out against the person's word", []string(nil), out)
	if err := label("=" + v1alpha1.OverrideNo); err != nil {
		return err
	}
	if took, err = t.untilTraffic(ctx, t.Sick, v1alpha1.TrafficNo, 60*time.Second); err != nil {
		return err
	}
	t.say("it is out of traffic after %s", round(took))
	t.took("override=no acts", time.Second, took)
	if err := t.markSeen(ctx, "held-out"); err != nil {
		return err
	}
	if err := label("-"); err != nil {
		return err
	}
	// It is in traffic, or the look after that has gated it already: then a time is
	// noted at which its stay ends, as a pod that a person holds out has none.
	if took, err = stage.Until(ctx, 60*time.Second, func() error {
		pod, err := t.pod(ctx, t.Sick)
		if err == nil && pod.Annotations[v1alpha1.AnnotationGatedUntil] == "" && pod.Labels[v1alpha1.LabelTraffic] != v1alpha1.TrafficYes {
			err = fmt.Errorf("%s is still held out", t.Sick)
		}
		return err
	}); err != nil {
		return err
	}
	t.say("without the label the pod is the gate's again: back after %s", round(took))
	t.took("removing the override acts", time.Second, took)
	took, err = stage.Until(ctx, 60*time.Second, func() error {
		pod, err := t.pod(ctx, t.Sick)
		if err == nil && (pod.Labels[v1alpha1.LabelTraffic] != v1alpha1.TrafficNo || pod.Annotations[v1alpha1.AnnotationGatedUntil] == "") {
			err = fmt.Errorf("%s is not gated on the evidence: %v", t.Sick, pod.Annotations)
		}
		return err
	})
	if err != nil {
		return err
	}
	t.say("and gated on the evidence after %s; a person's word begins the count of failed trials anew", round(took))
	return nil
}

func heals(ctx context.Context, t *Teller) error {
	t.say("the fault is mended")
	if err := t.Turn(ctx, stage.Dials{}, t.Sick); err != nil {
		return err
	}
	took, err := t.untilTraffic(ctx, t.Sick, v1alpha1.TrafficYes, 90*time.Second)
	if err != nil {
		return err
	}
	back := time.Now()
	t.say("back on trial after %s", round(took))
	if err := stage.Pause(ctx, 3*stage.Interval); err != nil {
		return err
	}
	t.mark("trial")
	out, err := t.Out(ctx)
	if err != nil {
		return err
	}
	v := t.Load.View(back, time.Now())
	t.say("the client since: %d requests, %s errors, %d pods answer", v.Count, percent(v.ErrorShare()), len(v.ByPod))
	t.equal("pods out of traffic", []string(nil), out)
	t.equal("the client's error share", percent(0), percent(v.ErrorShare()))
	t.check("the pod answers again", "> 0 requests", fmt.Sprintf("%d requests", v.ByPod[t.Sick].Count), v.ByPod[t.Sick].Count > 0)
	return nil
}

func sixFail(ctx context.Context, t *Teller) error {
	pods, err := t.Pods(ctx)
	if err != nil {
		return err
	}
	var six []string
	for _, p := range pods[:6] {
		six = append(six, p.Name)
	}
	t.say("fault: six of ten pods fail 30 %% of their requests, as when something behind them is down")
	fault := time.Now()
	if err := t.Turn(ctx, stage.Dials{ErrorShare: 0.3}, six...); err != nil {
		return err
	}
	var cause metav1.Condition
	_, err = stage.Until(ctx, 60*time.Second, func() error {
		if cause, err = t.Condition(ctx, v1alpha1.ConditionCommonCause); err == nil && cause.Status != metav1.ConditionTrue {
			err = fmt.Errorf("the gate does not say CommonCause")
		}
		return err
	})
	if err != nil {
		return err
	}
	t.say("after %s the gate says %s: %s", round(time.Since(fault)), cause.Type, cause.Message)
	if err := stage.Pause(ctx, 3*stage.Interval); err != nil {
		return err
	}
	t.mark("common-cause")
	out, err := t.Out(ctx)
	if err != nil {
		return err
	}
	var v load.View
	from, answering := time.Now(), 0
	_, _ = stage.Until(ctx, 60*time.Second, func() error { // of what is asked from now on; fewer than ten is told below
		v = t.Load.View(from, time.Now())
		delete(v.ByPod, "") // who did not answer
		if answering = len(v.ByPod); answering < 10 {
			return fmt.Errorf("%d pods answer", answering)
		}
		return nil
	})
	t.say("the client: %s errors, and %d pods answer", percent(v.ErrorShare()), answering)
	t.equal("pods out of traffic", []string(nil), out)
	t.equal("pods that answer the client", 10, answering)
	t.say("the fault is mended")
	if err := t.Turn(ctx, stage.Dials{}, six...); err != nil {
		return err
	}
	_, err = t.untilReady(ctx, v1alpha1.ReasonEnforcing, 120*time.Second)
	return err
}

func prometheusStops(ctx context.Context, t *Teller) error {
	prometheus := t.Component("prometheus")
	if err := prometheus.Stop(ctx); err != nil {
		return err
	}
	t.say("Prometheus is stopped, and %s fails 30 %% of its requests again", t.Sick)
	if err := t.Turn(ctx, stage.Dials{ErrorShare: 0.3}, t.Sick); err != nil {
		return err
	}
	ready, err := t.untilReady(ctx, v1alpha1.ReasonMetricsUnavailable, 60*time.Second)
	if err != nil {
		return err
	}
	t.say("the gate says: %s", ready.Message)
	if err := stage.Pause(ctx, 3*stage.Interval); err != nil {
		return err
	}
	out, err := t.Out(ctx)
	if err != nil {
		return err
	}
	t.equal("pods out of traffic", []string(nil), out)
	if err := prometheus.Start(ctx); err != nil {
		return err
	}
	took, err := t.untilTraffic(ctx, t.Sick, v1alpha1.TrafficNo, 90*time.Second)
	if err != nil {
		return err
	}
	t.say("Prometheus is back, and %s after %s the pod is gated", t.Sick, round(took))
	return t.markSeen(ctx, "prometheus-back")
}

func gateDeleted(ctx context.Context, t *Teller) error {
	t.say("$ kubectl -n %s delete trafficgate %s", stage.Namespace, stage.Gate)
	began := time.Now()
	if _, err := t.Kubectl(ctx, "-n", stage.Namespace, "delete", "trafficgate", stage.Gate, "--timeout=30s"); err != nil {
		return err
	}
	t.say("gone after %s", round(time.Since(began)))
	pods, err := t.Pods(ctx)
	if err != nil {
		return err
	}
	serving, noted := 0, []string{}
	for _, p := range pods {
		if p.Labels[v1alpha1.LabelTraffic] == v1alpha1.TrafficYes {
			serving++
		}
		if _, ok := p.Annotations[v1alpha1.AnnotationGate]; ok {
			noted = append(noted, p.Name)
		}
	}
	t.equal("pods in traffic", 10, serving)
	t.equal("pods with notes left on them", []string{}, noted)
	if err := t.Turn(ctx, stage.Dials{}, t.Sick); err != nil {
		return err
	}
	return t.markSeen(ctx, "deleted")
}

// pod is a pod of the sample.
func (t *Teller) pod(ctx context.Context, name string) (corev1.Pod, error) {
	pods, err := t.Pods(ctx)
	if err != nil {
		return corev1.Pod{}, err
	}
	i := slices.IndexFunc(pods, func(p corev1.Pod) bool { return p.Name == name })
	if i < 0 {
		return corev1.Pod{}, fmt.Errorf("there is no pod %s", name)
	}
	return pods[i], nil
}

// untilTraffic waits until a pod's traffic label has a value.
func (t *Teller) untilTraffic(ctx context.Context, pod, value string, limit time.Duration) (time.Duration, error) {
	return stage.Until(ctx, limit, func() error { return t.HasTraffic(ctx, pod, value) })
}

// untilReady waits until the gate's Ready condition has a reason.
func (t *Teller) untilReady(ctx context.Context, reason string, limit time.Duration) (metav1.Condition, error) {
	var ready metav1.Condition
	_, err := stage.Until(ctx, limit, func() (err error) {
		if ready, err = t.Condition(ctx, v1alpha1.ConditionReady); err == nil && ready.Reason != reason {
			err = fmt.Errorf("the gate is %s (%s), not %s", ready.Reason, ready.Message, reason)
		}
		return err
	})
	return ready, err
}

func round(d time.Duration) time.Duration { return d.Round(10 * time.Millisecond) }
