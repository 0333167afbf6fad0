package controller

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/api/v1alpha1"
)

// TestAPodThatCameBackSinceTheLookIsNotGatedForIt: the cache does not show yet that
// another controller had it out and has put it on trial; the API server does.
func TestAPodThatCameBackSinceTheLookIsNotGatedForIt(t *testing.T) {
	for name, came := range map[string]time.Duration{"before the look": -time.Minute, "after it": 0} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t, 10, nil, nil)
			g.src.levels["web-3"] = 5
			stale := &corev1.PodList{}
			if err := g.c.List(context.Background(), stale); err != nil {
				t.Fatal(err)
			}
			g.cacheLists(func(list client.ObjectList) {
				if pods, ok := list.(*corev1.PodList); ok && len(pods.Items) > 0 { // strays are none
					stale.DeepCopyInto(pods)
				}
			})
			g.clock.SetTime(noon)
			if err := g.pass(); err != nil {
				t.Fatal(err)
			}
			<-g.r.wake
			p := g.pod("web-3")
			p.Annotations[v1alpha1.AnnotationGate] = "web"
			p.Annotations[v1alpha1.AnnotationReleasedAt] = noon.Add(came).Format(time.RFC3339)
			p.Annotations[v1alpha1.AnnotationReleasedFor] = "Trial"
			if err := g.c.Update(context.Background(), p); err != nil {
				t.Fatal(err)
			}
			g.clock.SetTime(noon.Add(time.Second))
			if err := g.pass(); err != nil {
				t.Log(err)
			}
			want := 0
			if came < 0 {
				want = 1
			}
			if got := g.out(); got != want {
				t.Errorf("%d pods are out, want %d", got, want)
			}
		})
	}
}
