package controller

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/source"
)

// slowPast is a Prometheus that takes long to tell of the past.
type slowPast struct {
	*stub
	clock *clocktesting.FakePassiveClock
	takes time.Duration
	err   error
	asked int
}

func (s *slowPast) History(context.Context, []source.Question, time.Time, time.Time, time.Duration) ([]source.Moment, error) {
	s.asked++
	s.clock.SetTime(s.clock.Now().Add(s.takes))
	return nil, s.err
}

// TestASlowPastStopsNoLook: a history that takes longer than an answer may be old is
// not asked for at every look, or no look would ever be taken.
func TestASlowPastStopsNoLook(t *testing.T) {
	for name, row := range map[string]struct {
		err  error
		most int
	}{
		"it comes at last": {nil, 1},
		"it fails":         {errors.New("timeout"), 3}, // once in historyRetry, for ten minutes
	} {
		g := newRig(t, 10, nil, nil)
		s := &slowPast{stub: g.src, clock: g.clock, takes: 130 * time.Second, err: row.err}
		g.r.Source = s
		g.src.levels["web-3"] = 5
		g.look()
		if c := g.ready(); !strings.Contains(c.Message, "were asked for first, as after a restart") {
			t.Errorf("%s: the gate says %s: %s", name, c.Reason, c.Message)
		}
		gated := false // it comes back on trial, and goes out again
		for range 24 {
			g.look()
			gated = gated || g.pod("web-3").Labels[v1alpha1.LabelTraffic] == v1alpha1.TrafficNo
		}
		if !gated || s.asked > row.most {
			t.Errorf("%s: the bad pod was gated: %t; the past was asked for %d times, where %d are enough", name, gated, s.asked, row.most)
		}
	}
}

// TestAWorkloadThatCannotBeReadChangesNothing: an API server that has just started
// forbids everything for a moment. Nobody comes back for it, and nobody goes out.
func TestAWorkloadThatCannotBeReadChangesNothing(t *testing.T) {
	g := newRig(t, 10, nil, func(i int, p *corev1.Pod) {
		if i == 9 {
			gatedPod(p, 20*time.Second, 30*time.Minute, 3) // and no trial is left
		}
	})
	rs := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "rs", UID: "rs"},
		Spec: appsv1.ReplicaSetSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}}}
	if err := g.c.Create(t.Context(), rs); err != nil {
		t.Fatal(err)
	}
	forbids := true
	g.forbidWorkloads(&forbids, `clusterrole "podgate" not found`)
	g.src.levels["web-3"] = 5
	for range 3 {
		g.look()
	}
	out := g.pod("web-9")
	if out.Labels[v1alpha1.LabelTraffic] != v1alpha1.TrafficNo || out.Annotations[v1alpha1.AnnotationRelapses] != "3" {
		t.Errorf("the gated pod has labels %v and notes %v", out.Labels, out.Annotations)
	}
	if got := g.pod("web-3").Labels[v1alpha1.LabelTraffic]; got != v1alpha1.TrafficYes {
		t.Errorf("a pod went out that may be orphaned by it: %q", got)
	}
	if c := g.ready(); c.Reason != v1alpha1.ReasonWorkloadUnreadable || !strings.Contains(c.Message, `grant the controller's role "get" on it`) {
		t.Errorf("the gate says %s: %s", c.Reason, c.Message)
	}
	forbids = false
	for range 2 {
		g.look()
	}
	if got := g.pod("web-3").Labels[v1alpha1.LabelTraffic]; got != v1alpha1.TrafficNo {
		t.Errorf("once it can be read, traffic of the bad pod is %q", got)
	}
}

// TestWhatIsDueIsNotMaskedByWhatIsPast: a pod whose time has passed and that waits
// for something else must not hide when the next thing is due.
func TestWhatIsDueIsNotMaskedByWhatIsPast(t *testing.T) {
	hourly := func(gate *v1alpha1.TrafficGate) { gate.Spec.Interval = v1alpha1.DurationOf(time.Hour) }
	for name, row := range map[string]struct {
		pod  func(*corev1.Pod)
		want time.Duration
	}{
		"an override ends": {func(p *corev1.Pod) {
			p.Labels[v1alpha1.LabelOverride] = v1alpha1.OverrideNo
			p.Annotations[v1alpha1.AnnotationOverrideUntil] = noon.Add(10 * time.Minute).Format(time.RFC3339)
		}, 10 * time.Minute},
		"a stay is over": {func(p *corev1.Pod) { gatedPod(p, 0, time.Minute, 0) }, time.Minute},
	} {
		g := newRig(t, 10, hourly, func(i int, p *corev1.Pod) {
			switch i {
			case 1:
				row.pod(p)
			case 9:
				gatedPod(p, 10*time.Minute, time.Minute, 1)
				p.Status.Conditions[0].Status = corev1.ConditionFalse
			}
		})
		var next time.Duration
		for range 2 { // the first pass does what is to be done at once
			result, err := g.reconcile()
			if err != nil {
				t.Fatal(err)
			}
			next = result.RequeueAfter
		}
		if next <= 0 || next > row.want {
			t.Errorf("%s in %s, and the next pass is in %s", name, row.want, next)
		}
	}
}

// TestAnOverrideEndsUnderAGateThatStalls: also where the gate's fleet cannot be told.
func TestAnOverrideEndsUnderAGateThatStalls(t *testing.T) {
	g := newRig(t, 10, nil, func(i int, p *corev1.Pod) {
		if i == 1 {
			p.Labels[v1alpha1.LabelOverride] = v1alpha1.OverrideNo
			p.Annotations[v1alpha1.AnnotationOverrideUntil] = noon.Add(10 * time.Minute).Format(time.RFC3339)
		}
	})
	g.look()
	svc := &corev1.Service{}
	if err := g.c.Get(t.Context(), client.ObjectKey{Namespace: "shop", Name: "web"}, svc); err != nil {
		t.Fatal(err)
	}
	svc.Spec.Selector = map[string]string{v1alpha1.LabelTraffic: v1alpha1.TrafficYes}
	if err := g.c.Update(t.Context(), svc); err != nil {
		t.Fatal(err)
	}
	result, err := g.reconcile()
	if got := g.pod("web-1").Labels; err != nil || got[v1alpha1.LabelTraffic] != v1alpha1.TrafficNo || result.RequeueAfter <= 0 || result.RequeueAfter > 10*time.Minute {
		t.Errorf("before its time the pod has %v, and the next pass is in %s (%v)", got, result.RequeueAfter, err)
	}
	g.clock.SetTime(noon.Add(20 * time.Minute))
	if _, err := g.reconcile(); err != nil {
		t.Fatal(err)
	}
	if got := g.pod("web-1").Labels; got[v1alpha1.LabelOverride] != "" || got[v1alpha1.LabelTraffic] != v1alpha1.TrafficYes {
		t.Errorf("the gate says %s, and the pod has %v", g.ready().Reason, got)
	}
}
