package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/test/stage"
)

// dryRun: the same decisions as in earnest, reported as such, and not one write.
func (c *cases) dryRun(t *testing.T) {
	must(t, c.Apply(t.Context()))
	c.kubectl(t, "-n", "shop", "patch", "trafficgate", "checkout", "--type=merge", "-p", `{"spec":{"mode":"DryRun"}}`)
	c.readyIs(t, v1alpha1.ReasonDryRun)
	pods, err := c.Pods(t.Context())
	must(t, err)
	before := map[string]string{}
	for _, p := range pods {
		before[p.Name] = written(p)
	}
	sick := pods[0].Name
	must(t, c.Turn(t.Context(), stage.Dials{ErrorShare: 0.5}, sick))
	eventually(t, func() error {
		gate, err := c.GetGate(t.Context())
		if err == nil && (len(gate.Status.Gated) != 1 || gate.Status.Gated[0].Name != sick) {
			err = fmt.Errorf("the dry run would gate %+v, not %s", gate.Status.Gated, sick)
		}
		return err
	})
	c.sample().says(t, "DryRunGated", sick)
	pods, err = c.Pods(t.Context())
	must(t, err)
	for _, p := range pods {
		if now := written(p); now != before[p.Name] {
			t.Errorf("pod %s was written: %s, before %s", p.Name, now, before[p.Name])
		}
	}
	must(t, c.Turn(t.Context(), stage.Dials{}, sick))
	c.sample().looksWell(t)
	c.kubectl(t, "-n", "shop", "patch", "trafficgate", "checkout", "--type=merge", "-p", `{"spec":{"mode":"Enforce"}}`)
	c.readyIs(t, v1alpha1.ReasonEnforcing)
}

// written is what a controller may write of a pod, and when ours last did.
func written(p corev1.Pod) string {
	at := ""
	for _, m := range p.ManagedFields {
		if m.Manager == v1alpha1.FieldManager {
			at += fmt.Sprintf(" %s at %s", m.Operation, m.Time)
		}
	}
	return fmt.Sprint(p.Labels, p.Annotations, at)
}

// looksWell waits until evaluations that know only of what happens from now on find
// no outlier. (One that finds what the last one found is not written at once.)
func (f *fleet) looksWell(t *testing.T) {
	t.Helper()
	time.Sleep(3 * stage.Interval) // the window, and a look
	eventually(t, func() error {
		gate, err := f.GetGate(t.Context())
		if err != nil {
			return err
		}
		if last := gate.Status.LastEvaluation; last == nil || gate.Status.Pods.Outliers > 0 {
			return fmt.Errorf("the fleet does not look well yet: %d outliers at %+v", gate.Status.Pods.Outliers, last)
		}
		return nil
	})
}

// hungPrometheus: a Prometheus that accepts connections and never answers.
func (c *cases) hungPrometheus(t *testing.T) {
	must(t, c.Apply(t.Context())) // the case before has deleted the gate
	c.sample().known(t, 10)
	pods, err := c.Pods(t.Context())
	must(t, err)
	prometheus := c.Component("prometheus")
	must(t, prometheus.Pause(t.Context()))
	defer func() { must(t, prometheus.Continue(t.Context())) }()
	time.Sleep(2 * stage.Interval) // let a query hang
	for _, step := range []struct{ label, want string }{
		{v1alpha1.LabelOverride + "=no", "no"},
		{v1alpha1.LabelOverride + "-", "yes"},
	} {
		c.kubectl(t, "-n", "shop", "label", "pod", pods[1].Name, step.label)
		// A query is given ten seconds: what waits for one takes most of them, and what
		// does not takes a hundredth. Overrides are in the tests of where nobody looks too.
		took := c.trafficIs(t, pods[1].Name, step.want)
		if t.Logf("%s took %s", step.label, took); took > 8*time.Second {
			t.Errorf("%s waited for Prometheus", step.label)
		}
	}
	c.readyIs(t, v1alpha1.ReasonMetricsUnavailable)
}

// unlabelledPod: a pod that lost its label, as one from an old template would
// lack it.
func (c *cases) unlabelledPod(t *testing.T) {
	pods, err := c.Pods(t.Context())
	must(t, err)
	c.kubectl(t, "-n", "shop", "label", "pod", pods[2].Name, v1alpha1.LabelTraffic+"-")
	t.Logf("labelled again after %s", c.trafficIs(t, pods[2].Name, "yes"))
	c.kubectl(t, "-n", "shop", "label", "--overwrite", "pod", pods[2].Name, v1alpha1.LabelTraffic+"=no")
	time.Sleep(2 * stage.Interval)
	out, err := c.Out(t.Context())
	must(t, err)
	if len(out) != 1 || out[0] != pods[2].Name {
		t.Errorf("a pod that a person took out by hand was not left alone: out are %v", out)
	}
	c.kubectl(t, "-n", "shop", "label", "--overwrite", "pod", pods[2].Name, v1alpha1.LabelTraffic+"=yes")
}

// gateSomebody makes a pod fail until it is gated, and returns it.
func (c *cases) gateSomebody(t *testing.T) string {
	t.Helper()
	pods, err := c.Pods(t.Context())
	must(t, err)
	sick := pods[4].Name
	c.readyIs(t, v1alpha1.ReasonEnforcing)
	must(t, c.Turn(t.Context(), stage.Dials{ErrorShare: 0.5}, sick))
	c.trafficIs(t, sick, "no")
	return sick
}

// controllerKilled: the controller dies while a pod is gated; the pod stays out,
// and comes back when it is due.
func (c *cases) controllerKilled(t *testing.T) {
	sick := c.gateSomebody(t)
	must(t, c.Turn(t.Context(), stage.Dials{}, sick))
	before := c.controllerPod(t)
	must(t, c.SignalPod(t.Context(), stage.SystemNamespace, before.Name, 9))
	eventually(t, func() error {
		if now := c.controllerPod(t); now.Status.ContainerStatuses[0].RestartCount == before.Status.ContainerStatuses[0].RestartCount {
			return fmt.Errorf("the controller was not restarted")
		}
		return nil
	})
	took, err := stage.Until(t.Context(), 3*time.Minute, func() error {
		traffic, err := c.Traffic(t.Context())
		if err == nil && traffic[sick] != "yes" {
			err = fmt.Errorf("%s is still out", sick)
		}
		return err
	})
	must(t, err)
	t.Logf("%s was back %s after the controller was", sick, took.Round(time.Second))
}

// gateLost: the gate goes, with its finalizer torn off, while no controller
// runs; the next controller finds the pod and brings it back.
func (c *cases) gateLost(t *testing.T) {
	sick := c.gateSomebody(t)
	c.noController(t)
	c.kubectl(t, "-n", "shop", "patch", "trafficgate", "checkout", "--type=merge", "-p", `{"metadata":{"finalizers":null}}`)
	c.kubectl(t, "-n", "shop", "delete", "trafficgate", "checkout", "--timeout=20s")
	c.kubectl(t, "-n", stage.SystemNamespace, "scale", "deployment/podgate", "--replicas=1")
	t.Logf("%s was back after %s", sick, c.trafficIs(t, sick, "yes"))
	must(t, c.Turn(t.Context(), stage.Dials{}, sick))
}

// noController stops the controller that is installed.
func (c *cases) noController(t *testing.T) {
	t.Helper()
	c.kubectl(t, "-n", stage.SystemNamespace, "scale", "deployment/podgate", "--replicas=0")
	eventually(t, func() error {
		if n := len(c.controllerPods(t)); n > 0 {
			return fmt.Errorf("%d controllers left", n)
		}
		return nil
	})
}

func (c *cases) controllerPods(t *testing.T) []corev1.Pod {
	t.Helper()
	var list corev1.PodList
	patiently(t, func() error { return c.Client.List(t.Context(), &list, client.InNamespace(stage.SystemNamespace)) })
	return list.Items
}

func (c *cases) controllerPod(t *testing.T) corev1.Pod {
	t.Helper()
	var pods []corev1.Pod
	patiently(t, func() error { // the one before may still be ending
		pods = c.controllerPods(t)
		if len(pods) != 1 || len(pods[0].Status.ContainerStatuses) != 1 || pods[0].DeletionTimestamp != nil {
			return fmt.Errorf("%d controller pods", len(pods))
		}
		return nil
	})
	return pods[0]
}

// controllerLog is what every controller so far has printed.
func (c *cases) controllerLog(t *testing.T) string {
	t.Helper()
	any := c.PodLog(stage.SystemNamespace, "podgate")
	files, err := filepath.Glob(filepath.Join(filepath.Dir(any), stage.SystemNamespace+"_*"))
	must(t, err)
	var all strings.Builder
	for _, f := range files {
		text, err := os.ReadFile(f)
		must(t, err)
		all.Write(text)
	}
	return all.String()
}
