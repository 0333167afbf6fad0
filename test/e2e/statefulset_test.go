package e2e

import (
	"fmt"
	"slices"
	"strconv"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/api/v1alpha1"
)

// statefulSet: what a StatefulSet does with a gated pod, under load.
func (c *cases) statefulSet(t *testing.T) {
	f := c.joinFleet(t, "stateful", 4)
	f.call(t, 15)
	old := f.pods(t)[0].Labels[v1alpha1.LabelControllerRevisionHash]
	gated := f.gate(t, "app-1")
	t.Run("a headless Service that does not select on the traffic label keeps its address", func(t *testing.T) {
		ip := f.pod(t, "app-1").Status.PodIP
		if !slices.Contains(f.endpoints(t, "peers"), ip) || slices.Contains(f.endpoints(t, "app"), ip) {
			t.Errorf("%s: peers has %v, and app has %v", ip, f.endpoints(t, "peers"), f.endpoints(t, "app"))
		}
	})
	t.Run("scaled in, the highest number goes and the gated pod stays", func(t *testing.T) {
		f.kubectl(t, "scale", "statefulset/app", "--replicas=3")
		if left := f.readyPods(t, 3); !slices.Equal(left, []string{"app-0", "app-1", "app-2"}) {
			t.Errorf("left are %v", left)
		}
		f.kubectl(t, "scale", "statefulset/app", "--replicas=4")
		f.readyPods(t, 4)
		f.stillOut(t, "app-1")
	})
	t.Run("a rollout with a partition above it leaves the gated pod out", func(t *testing.T) {
		f.update(t, 2)
		f.stillOut(t, "app-1")
		if got := f.pod(t, "app-1").Labels[v1alpha1.LabelControllerRevisionHash]; got != old {
			t.Errorf("app-1 is of revision %s", got)
		}
	})
	t.Run("a rollout replaces it in its turn, and the new one serves at once", func(t *testing.T) {
		f.update(t, 0)
		f.allNew(t, old, 4)
	})
	f.noneLost(t, gated)
	f.remove(t)
}

func (f *fleet) stillOut(t *testing.T, pod string) {
	t.Helper()
	if got := f.pod(t, pod).Labels[v1alpha1.LabelTraffic]; got != v1alpha1.TrafficNo {
		t.Errorf("traffic of %s is %q", pod, got)
	}
}

// update rolls a change of the StatefulSet out to all pods from a number on, and
// waits until they are Ready.
func (f *fleet) update(t *testing.T, partition int) {
	t.Helper()
	f.kubectl(t, "patch", "statefulset", "app", "--type=merge", "-p", fmt.Sprintf(
		`{"spec": {"updateStrategy": {"rollingUpdate": {"partition": %d}}, "template": {"metadata": {"annotations": {"example.com/change": "1"}}}}}`, partition))
	var set appsv1.StatefulSet
	patiently(t, func() error {
		if err := f.c.Client.Get(t.Context(), client.ObjectKey{Namespace: f.Namespace, Name: "app"}, &set); err != nil {
			return err
		}
		if set.Status.ObservedGeneration != set.Generation || int(set.Status.UpdatedReplicas) != 4-partition || set.Status.ReadyReplicas != 4 {
			return fmt.Errorf("%d pods are updated, %d Ready", set.Status.UpdatedReplicas, set.Status.ReadyReplicas)
		}
		return nil
	})
	for i := partition; i < 4; i++ {
		if got := f.pod(t, "app-"+strconv.Itoa(i)).Labels[v1alpha1.LabelControllerRevisionHash]; got != set.Status.UpdateRevision {
			t.Errorf("app-%d is of revision %s, not %s", i, got, set.Status.UpdateRevision)
		}
	}
}

// endpoints are the addresses of a Service's pods that get traffic.
func (f *fleet) endpoints(t *testing.T, service string) (ips []string) {
	t.Helper()
	var list discoveryv1.EndpointSliceList
	must(t, f.c.Client.List(t.Context(), &list, client.InNamespace(f.Namespace), client.MatchingLabels{discoveryv1.LabelServiceName: service}))
	for _, s := range list.Items {
		for _, e := range s.Endpoints {
			if e.Conditions.Ready == nil || *e.Conditions.Ready {
				ips = append(ips, e.Addresses...)
			}
		}
	}
	return ips
}
