package controller

import (
	"context"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/api/v1alpha1"
)

// canary is a Service on the rig's pods 8 and 9 that selects on the traffic label.
func canary() *corev1.Service {
	return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "canary"},
		Spec: corev1.ServiceSpec{Selector: map[string]string{"track": "canary", v1alpha1.LabelTraffic: v1alpha1.TrafficYes}}}
}

func track(i int, p *corev1.Pod) {
	p.Labels["track"] = "stable"
	if i >= 8 {
		p.Labels["track"] = "canary"
	}
}

// TestAnotherServiceKeepsItsPods: both of a canary's pods could go by the gate's own
// limits, which are of ten.
func TestAnotherServiceKeepsItsPods(t *testing.T) {
	g := newRig(t, 10, nil, track)
	if err := g.c.Create(context.Background(), canary()); err != nil {
		t.Fatal(err)
	}
	g.src.levels["web-8"], g.src.levels["web-9"] = 5, 7
	g.src.levels["web-1"] = 3
	for range 8 {
		_, _ = g.look()
	}
	for name, want := range map[string]string{"web-8": "yes", "web-9": "yes", "web-1": "no"} {
		if got := g.pod(name).Labels[v1alpha1.LabelTraffic]; got != want {
			t.Errorf("%s: traffic=%s, want %s", name, got, want)
		}
	}
	if c := g.ready(); c.Reason != v1alpha1.ReasonLimitReached || !strings.Contains(c.Message, "Service canary") {
		t.Errorf("the gate says %s: %s", c.Reason, c.Message)
	}
	if s := g.gate().Status.Suspects; len(s) == 0 || s[0].Name != "web-9" || s[0].HeldBy != "HeldOtherService" {
		t.Errorf("suspects: %+v", s)
	}
}

// TestAServiceThatComesHasItsPodsBack at once, between two looks.
func TestAServiceThatComesHasItsPodsBack(t *testing.T) {
	g := newRig(t, 10, nil, func(i int, p *corev1.Pod) {
		if track(i, p); i >= 8 {
			gatedPod(p, 10*time.Second, time.Hour, 0)
		}
	})
	g.clock.SetTime(noon)
	if err := g.pass(); err != nil || g.out() != 2 {
		t.Fatalf("%d are out before (%v)", g.out(), err)
	}
	svc := canary()
	if err := g.c.Create(context.Background(), svc); err != nil {
		t.Fatal(err)
	}
	woken := false
	for _, w := range g.r.Watches() {
		if _, ok := w.Object.(*corev1.Service); ok {
			woken = woken || len(w.Gates(context.Background(), svc)) == 1
		}
	}
	if !woken {
		t.Error("no gate is due because of a new Service")
	}
	if err := g.pass(); err != nil || g.out() != 0 {
		t.Errorf("%d are still out (%v)", g.out(), err)
	}
}

// TestAServiceThatTheCacheLacks: before a gating the Services are read from the API
// server too.
func TestAServiceThatTheCacheLacks(t *testing.T) {
	g := newRig(t, 10, nil, track)
	if err := g.c.Create(context.Background(), canary()); err != nil {
		t.Fatal(err)
	}
	g.cacheLists(func(list client.ObjectList) {
		if services, ok := list.(*corev1.ServiceList); ok {
			services.Items = services.Items[1:] // canary, web
		}
	})
	g.src.levels["web-9"] = 7
	for range 4 {
		_, _ = g.look()
	}
	if g.out() != 0 {
		t.Errorf("%d pods are out", g.out())
	}
	g.r.Live = g.r.Client // without it one is
	for range 4 {
		_, _ = g.look()
	}
	if g.out() != 1 {
		t.Errorf("%d pods are out for a controller that does not know the Service: the test does not test", g.out())
	}
}
