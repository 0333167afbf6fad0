package controller

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/api/v1alpha1"
)

// TestAPodThatComesBetweenTwoListsIsNoStray: the fleet is listed, then whoever else
// carries the gate's notes. A pod that came, and was gated by another controller,
// between the two is of the fleet all the same; one whose labels changed is not.
func TestAPodThatComesBetweenTwoListsIsNoStray(t *testing.T) {
	for app, want := range map[string]string{"web": "no", "other": "yes"} {
		t.Run(app, func(t *testing.T) {
			g := newRig(t, 5, nil, func(i int, p *corev1.Pod) {
				if i == 4 {
					gatedPod(p, 10*time.Second, time.Hour, 0)
					p.Labels["app"] = app
				}
			})
			lists := 0
			g.cacheLists(func(list client.ObjectList) {
				if pods, ok := list.(*corev1.PodList); ok {
					if lists++; lists == 1 {
						pods.Items = pods.Items[:4]
					}
				}
			})
			g.clock.SetTime(noon)
			if err := g.pass(); err != nil {
				t.Fatal(err)
			}
			if got := g.pod("web-4").Labels[v1alpha1.LabelTraffic]; got != want {
				t.Errorf("traffic=%s, want %s", got, want)
			}
		})
	}
}
