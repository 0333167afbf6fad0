package controller

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/source"
)

// TestAWorkloadThatCannotBeReadStrandsNobody: while it cannot be told whether gating is
// safe nobody is gated, and who is out comes back when it is due.
func TestAWorkloadThatCannotBeReadStrandsNobody(t *testing.T) {
	g := newRig(t, 5, nil, func(i int, p *corev1.Pod) {
		if i == 4 {
			gatedPod(p, 2*time.Minute, time.Minute, 0)
		}
	})
	g.forbidWorkloads(new(true), "rbac")
	for range 4 * 60 { // an hour: maxAfter is 30 m
		g.look()
	}
	c := g.ready()
	t.Logf("Ready: %s %s: %s", c.Status, c.Reason, c.Message)
	if got := g.pod("web-4").Labels[v1alpha1.LabelTraffic]; got != "yes" {
		t.Errorf("an hour later, with maxAfter 30m and retries left: traffic=%s", got)
	}
}

// TestAGateWithoutItsFinalizerStrandsNobody: where the finalizer cannot be put back
// nobody is gated, and who is out comes back when it is due.
func TestAGateWithoutItsFinalizerStrandsNobody(t *testing.T) {
	g := newRig(t, 5, func(gate *v1alpha1.TrafficGate) { gate.Finalizers = nil }, func(i int, p *corev1.Pod) {
		if i == 4 {
			gatedPod(p, 2*time.Minute, time.Minute, 0)
		}
	})
	g.forbidGateWrites()
	for range 4 * 60 {
		g.look()
	}
	c := g.ready()
	t.Logf("Ready: %s %s: %s", c.Status, c.Reason, c.Message)
	if got := g.pod("web-4").Labels[v1alpha1.LabelTraffic]; got != "yes" {
		t.Errorf("an hour later: traffic=%s; reconciler.go says everything else goes on", got)
	}
}

// longestMessage is what the schema allows a condition's message.
const longestMessage = 32768

// TestLongWarningsFitIntoTheStatus: as those of a Prometheus that asks many others.
func TestLongWarningsFitIntoTheStatus(t *testing.T) {
	g := newRig(t, 5, nil, nil)
	var warnings []string
	for i := range 120 {
		warnings = append(warnings, fmt.Sprintf("receive series from Addr: 10.0.0.%d:10901 LabelSets: {prometheus=\"monitoring/k8s\", prometheus_replica=\"prometheus-k8s-%d\", cluster=\"eu-west-1-production\"} MinTime: 1700000000000 MaxTime: 9223372036854775807: rpc error: code = Unavailable desc = connection error: desc = \"transport: Error while dialing: dial tcp: connect: connection refused\"", i, i))
	}
	g.src.err = &source.QueryError{Failure: source.Failed, Query: "m", Err: fmt.Errorf("the answer is not complete: %s", strings.Join(warnings, "; "))}
	g.look()
	for _, s := range g.status {
		for _, c := range s.Conditions {
			if len(c.Message) > longestMessage {
				t.Errorf("condition %s has a message of %d characters; the API server refuses the status above %d", c.Type, len(c.Message), longestMessage)
			}
		}
	}
}

// TestManyRefusedWritesFitIntoTheStatus: one sentence a pod is too much for it.
func TestManyRefusedWritesFitIntoTheStatus(t *testing.T) {
	g := newRig(t, 250, nil, func(i int, p *corev1.Pod) { delete(p.Labels, v1alpha1.LabelTraffic) })
	g.patch = func(obj client.Object, data string) error {
		if _, ok := obj.(*corev1.Pod); ok {
			return apierrors.NewInternalError(errors.New(`failed calling webhook "validate.kyverno.svc-fail": failed to call webhook: Post "https://kyverno-svc.kyverno.svc:443/validate/fail?timeout=10s": context deadline exceeded`))
		}
		return nil
	}
	for range 4 {
		_ = g.pass()
	}
	for _, s := range g.status {
		for _, c := range s.Conditions {
			if len(c.Message) > longestMessage {
				t.Errorf("condition %s %s has a message of %d characters; the API server refuses the status above %d", c.Type, c.Reason, len(c.Message), longestMessage)
			}
		}
	}
}

// TestATrialIsNotJudgedByTheSilenceBeforeIt: the rate of a pod that is back is low
// until the window speaks of nothing but its time in traffic.
func TestATrialIsNotJudgedByTheSilenceBeforeIt(t *testing.T) {
	g := newRig(t, 10, func(gate *v1alpha1.TrafficGate) {
		gate.Spec.Signals = []v1alpha1.Signal{{Name: "throughput", Value: new("sum by (pod) (rate(http_requests_total[$__window]))"),
			Threshold: &v1alpha1.Threshold{Below: new(v1alpha1.Decimal("50"))}}}
	}, func(i int, p *corev1.Pod) {
		if i == 9 {
			gatedPod(p, 2*time.Minute, time.Minute, 0)
		}
	})
	// every pod does 100 requests a second while it is in traffic
	rate, back := map[string]float64{}, time.Time{}
	for i := range 10 {
		rate[fmt.Sprint("web-", i)] = 100
	}
	for range 4 * 60 {
		at := g.clock.Now().Add(15 * time.Second)
		for name, r := range rate {
			g.src.levels[name] = r
		}
		if g.pod("web-9").Labels[v1alpha1.LabelTraffic] == "no" {
			back, g.src.levels["web-9"] = time.Time{}, 0
		} else {
			if back.IsZero() {
				back = g.clock.Now()
			}
			g.src.levels["web-9"] = 100 * min(1, at.Sub(back).Seconds()/60)
		}
		g.look()
	}
	p := g.pod("web-9")
	t.Logf("an hour later: traffic=%s relapses=%s: %s", p.Labels[v1alpha1.LabelTraffic], p.Annotations[v1alpha1.AnnotationRelapses], p.Annotations[v1alpha1.AnnotationReason])
	if p.Labels[v1alpha1.LabelTraffic] != "yes" {
		t.Errorf("a pod that serves like its peers whenever it is let fails every trial: %v", p.Annotations)
	}
}

// TestAPodThatWasHeldOutIsNotGatedForItsSilence: of a pod that a person held out
// nothing is noted once it is back, and its window is as empty.
func TestAPodThatWasHeldOutIsNotGatedForItsSilence(t *testing.T) {
	g := newRig(t, 10, func(gate *v1alpha1.TrafficGate) {
		gate.Spec.Signals = []v1alpha1.Signal{{Name: "throughput", Value: new("m"), Threshold: &v1alpha1.Threshold{Below: new(v1alpha1.Decimal("50"))}}}
	}, nil)
	for i := range 10 {
		g.src.levels[fmt.Sprint("web-", i)] = 100
	}
	g.look()
	g.label("web-9", v1alpha1.LabelOverride, "no")
	_ = g.pass()
	g.src.levels["web-9"] = 0
	for range 8 {
		g.look()
	}
	p := g.pod("web-9")
	delete(p.Labels, v1alpha1.LabelOverride)
	_ = g.c.Update(t.Context(), p)
	_ = g.pass()
	if g.pod("web-9").Labels[v1alpha1.LabelTraffic] != "yes" {
		t.Fatal("not back")
	}
	g.src.levels["web-9"] = 25 // a quarter of the window
	g.look()
	if p := g.pod("web-9"); p.Labels[v1alpha1.LabelTraffic] != "yes" {
		t.Errorf("a healthy pod that a person handed back is gated 15 s later: %s", p.Annotations[v1alpha1.AnnotationReason])
	}
}

// TestAStalledGateLabelsNewPods: a Service that selects on the label does not see a new
// pod without it, whatever keeps the gate from its work.
func TestAStalledGateLabelsNewPods(t *testing.T) {
	g := newRig(t, 6, nil, func(i int, p *corev1.Pod) {
		if i == 0 {
			p.Labels["tier"] = "x"
		}
		if i >= 1 { // a rollout of a template without the label
			delete(p.Labels, v1alpha1.LabelTraffic)
		}
	})
	svc := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "older"}, Spec: corev1.ServiceSpec{Selector: map[string]string{"tier": "x", v1alpha1.LabelTraffic: "yes"}}}
	if err := g.c.Create(t.Context(), svc); err != nil {
		t.Fatal(err)
	}
	older := g.gate().DeepCopy()
	older.Name, older.UID, older.ResourceVersion = "a-older", "older", ""
	older.Spec.ServiceRef.Name = "older"
	if err := g.c.Create(t.Context(), older); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		g.clock.SetTime(g.clock.Now().Add(15 * time.Second))
		_ = g.pass()
	}
	c := g.ready()
	t.Logf("%s %s: %s", c.Status, c.Reason, c.Message)
	without := 0
	for i := range 6 {
		if _, ok := g.pod(fmt.Sprint("web-", i)).Labels[v1alpha1.LabelTraffic]; !ok {
			without++
		}
	}
	if without > 0 {
		t.Errorf("%d of 6 pods of the enrolled Service have no traffic label", without)
	}
}

// TestTheStatusIsRefreshedAfterTheClockWasSetBack: not only once the clock has caught
// up with what it says.
func TestTheStatusIsRefreshedAfterTheClockWasSetBack(t *testing.T) {
	g := newRig(t, 5, nil, nil)
	for range 8 {
		g.look()
	}
	g.clock.SetTime(g.clock.Now().Add(-time.Hour))
	for range 40 { // ten minutes
		g.look()
	}
	if e := g.gate().Status.LastEvaluation; e.Time.After(g.clock.Now()) {
		t.Errorf("at %s, ten minutes after the clock was set back, lastEvaluation is of %s", g.clock.Now().Format(time.TimeOnly), e.Time.UTC().Format(time.TimeOnly))
	}
}
