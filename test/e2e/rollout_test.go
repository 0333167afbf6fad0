package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/podgate/podgate/api/v1alpha1"
)

// rollout: what a Deployment does with a gated pod, under load.
func (c *cases) rollout(t *testing.T) {
	f := c.joinFleet(t, "rollout", 5)
	f.call(t, 15)
	pods := f.pods(t)
	t.Run("a pod that a person holds out uses up the limit", func(t *testing.T) {
		f.kubectl(t, "label", "pod", pods[0].Name, v1alpha1.LabelOverride+"=no")
		trafficIs(t, f.Fleet, pods[0].Name, v1alpha1.TrafficNo)
		f.fail(t, pods[1].Name)
		t.Log(readyIs(t, f.Fleet, v1alpha1.ReasonLimitReached))
		f.says(t, "HeldBack", pods[1].Name, "HeldLimit", "1 held out by people")
		f.kubectl(t, "label", "pod", pods[0].Name, v1alpha1.LabelOverride+"-")
		f.gated(t, pods[1].Name)
	})
	sick := pods[1].Name
	t.Run("a manifest that is applied again leaves the gated pod alone", func(t *testing.T) {
		f.c.kubectl(t, "apply", "-k", "testdata/fleets/rollout")
		time.Sleep(time.Second)
		if got := f.pod(t, sick).Labels[v1alpha1.LabelTraffic]; got != v1alpha1.TrafficNo {
			t.Errorf("traffic of %s is %q", sick, got)
		}
	})
	t.Run("a rollout replaces the gated pod like any other", func(t *testing.T) {
		began := time.Now()
		lowest := f.lowestInTraffic(t, func() {
			f.kubectl(t, "rollout", "restart", "deployment/app")
			f.kubectl(t, "rollout", "status", "deployment/app", "--timeout=90s")
		})
		t.Logf("rolled out in %s, never fewer than %d pods in traffic", time.Since(began).Round(100*time.Millisecond), lowest)
		if lowest < 4 {
			t.Errorf("%d pods were in traffic at one time", lowest)
		}
		f.allNew(t, pods[0].Labels[v1alpha1.LabelPodTemplateHash], 5)
		f.noneLost(t, began)
	})
	t.Run("scaled in, the gated pod goes first", func(t *testing.T) {
		sick := f.pods(t)[0].Name
		f.kubectl(t, "annotate", "pod", sick, v1alpha1.PodDeletionCost+"=100") // its owner would keep it longest
		gated := f.gate(t, sick)
		f.kubectl(t, "scale", "deployment/app", "--replicas=6")
		f.readyPods(t, 6)
		if n := len(f.inTraffic(t)); n != 5 {
			t.Errorf("%d of 6 pods are in traffic after scaling out", n)
		}
		f.kubectl(t, "scale", "deployment/app", "--replicas=5")
		if left := f.readyPods(t, 5); slices.Contains(left, sick) {
			t.Errorf("%s is gated, and among those that are left: %v", sick, left)
		}
		if n := len(f.inTraffic(t)); n != 5 {
			t.Errorf("%d of 5 pods are in traffic after scaling in", n)
		}
		f.noneLost(t, gated)
	})
	f.remove(t)
}

// allNew checks that all pods are of another revision, in traffic, and reached
// by the client, and that the gate knows of no gated pod.
func (f *fleet) allNew(t *testing.T, old string, n int) {
	t.Helper()
	f.readyPods(t, n)
	began := time.Now()
	for _, p := range f.pods(t) {
		if p.Labels[v1alpha1.LabelPodTemplateHash] == old && p.Labels[v1alpha1.LabelControllerRevisionHash] == old {
			t.Errorf("%s is of the old revision", p.Name)
		}
		if got := p.Labels[v1alpha1.LabelTraffic]; got != v1alpha1.TrafficYes {
			t.Errorf("traffic of %s is %q", p.Name, got)
		}
	}
	patiently(t, func() error {
		gate, err := f.GetGate(t.Context())
		if err != nil {
			return err
		}
		if len(gate.Status.Gated) > 0 || int(gate.Status.Pods.Serving) != n {
			return fmt.Errorf("the gate counts %+v, gated %v", gate.Status.Pods, gate.Status.Gated)
		}
		for _, p := range f.pods(t) {
			if f.LastAnswer(p.Name).Before(began) {
				return fmt.Errorf("%s does not get requests", p.Name)
			}
		}
		return nil
	})
}
