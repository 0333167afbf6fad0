package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/test/stage"
)

// pardon: how long a person's word stands who puts gated pods back by the
// traffic label, although they still fail.
func (c *cases) pardon(t *testing.T) {
	f := c.joinFleet(t, "pardon", 5)
	f.call(t, 15)
	stubborn, mended := f.twoZones(t)
	f.fail(t, stubborn, mended)
	trafficIs(t, f.Fleet, stubborn, v1alpha1.TrafficNo)
	trafficIs(t, f.Fleet, mended, v1alpha1.TrafficNo)
	f.kubectl(t, "label", "--overwrite", "pod", stubborn, mended, v1alpha1.LabelTraffic+"=yes")
	for _, pod := range []string{stubborn, mended} {
		f.says(t, "HeldBack", pod, "HeldPardoned", "a person put it back")
		if err := released(f.pod(t, pod), true); err != nil {
			t.Error(err)
		}
	}
	t.Run("until it was normal once", func(t *testing.T) {
		must(t, f.Turn(t.Context(), stage.Dials{}, mended))
		patiently(t, func() error {
			if until := f.pod(t, mended).Annotations[v1alpha1.AnnotationGatedUntil]; until != "" {
				return fmt.Errorf("%s is not normal yet: it may be gated from %s on", mended, until)
			}
			return nil
		})
		f.gate(t, mended)
	})
	t.Run("or until its time has passed", func(t *testing.T) {
		if err := released(f.pod(t, stubborn), true); err != nil {
			t.Error(err)
		}
		// It would pass in an hour.
		f.kubectl(t, "annotate", "--overwrite", "pod", stubborn, v1alpha1.AnnotationGatedUntil+"="+time.Now().UTC().Format(time.RFC3339))
		trafficIs(t, f.Fleet, stubborn, v1alpha1.TrafficNo)
	})
	f.remove(t)
}

// twoZones are two pods of different zones, so that both may be out.
func (f *fleet) twoZones(t *testing.T) (a, b string) {
	t.Helper()
	pods := f.pods(t)
	for _, p := range pods[1:] {
		if p.Spec.NodeName != pods[0].Spec.NodeName {
			return pods[0].Name, p.Name
		}
	}
	t.Fatal("all pods are in one zone")
	return "", ""
}

// released checks that a pod is in traffic, that Podgate knows it, and that it
// has its deletion cost back; and whether Podgate noted that a person has put it
// back.
func released(p corev1.Pod, pardoned bool) error {
	_, cost := p.Annotations[v1alpha1.PodDeletionCost]
	_, until := p.Annotations[v1alpha1.AnnotationGatedUntil]
	_, at := p.Annotations[v1alpha1.AnnotationGatedAt]
	if traffic := p.Labels[v1alpha1.LabelTraffic]; traffic != v1alpha1.TrafficYes || at || cost || until != pardoned {
		return fmt.Errorf("pod %s has traffic %q and annotations %v", p.Name, traffic, p.Annotations)
	}
	return nil
}

// peopleFirst is a fleet with gated pods that people put back in all the ways
// that kubectl knows.
type peopleFirst struct {
	*fleet
	sick []string
}

const single = "single" // a pod without a workload

// manyGated makes the fleet, and lets one pod a look be gated while other cases
// run.
func (c *cases) manyGated(t *testing.T) *peopleFirst {
	t.Helper()
	c.applyFleets(t)
	f := &peopleFirst{fleet: c.joinFleet(t, "people", 15), sick: []string{single}}
	f.call(t, 25)
	inZone := map[string]int{f.pod(t, single).Spec.NodeName: 1}
	for _, p := range f.pods(t) {
		if zone := p.Spec.NodeName; p.Name != single && inZone[zone] < 2 {
			inZone[zone]++
			f.sick = append(f.sick, p.Name)
		}
	}
	f.fail(t, f.sick...)
	return f
}

// first: what a person says is done at once, in whatever way it is said. The
// gate looks once an hour now and Prometheus is down, so that nothing else can
// have done it.
func (f *peopleFirst) first(t *testing.T) {
	for _, pod := range f.sick {
		trafficIs(t, f.Fleet, pod, v1alpha1.TrafficNo)
	}
	prometheus := f.c.Component("prometheus")
	must(t, prometheus.Stop(t.Context()))
	defer func() { must(t, prometheus.Start(t.Context())) }()
	f.kubectl(t, "patch", "trafficgate", "app", "--type=merge", "-p", `{"spec": {"interval": "1h"}}`)
	patiently(t, func() error {
		gate, err := f.GetGate(t.Context())
		if err == nil && gate.Status.ObservedGeneration != gate.Generation {
			err = fmt.Errorf("the gate has not seen generation %d", gate.Generation)
		}
		return err
	})

	well := f.inTraffic(t)
	for _, row := range []struct {
		what string
		pod  string
		do   func(pod string)
		want func(corev1.Pod) error
	}{
		{"the traffic label written by hand puts a gated pod back", f.sick[1],
			func(pod string) {
				f.kubectl(t, "label", "--overwrite", "pod", pod, v1alpha1.LabelTraffic+"=yes")
			}, putBack},
		{"kubectl edit puts a gated pod back", f.sick[2],
			func(pod string) { f.edit(t, pod, `s#podgate.dev/traffic: "no"#podgate.dev/traffic: "yes"#`) }, putBack},
		{"another field manager puts a gated pod back", f.sick[3],
			func(pod string) { f.applyAs(t, "alice", pod, v1alpha1.TrafficYes) }, putBack},
		{"a pod's own manifest puts it back", single,
			func(string) { f.kubectl(t, "apply", "-f", "testdata/fleets/people/single.yaml") }, putBack},
		{"a gated pod whose label is removed is back on trial", f.sick[4],
			func(pod string) { f.kubectl(t, "label", "pod", pod, v1alpha1.LabelTraffic+"-") }, onTrial},
		{"override=yes puts a gated pod back", f.sick[5],
			func(pod string) { f.kubectl(t, "label", "pod", pod, v1alpha1.LabelOverride+"=yes") }, onTrial},
		{"and without the override it stays", f.sick[5],
			func(pod string) { f.kubectl(t, "label", "pod", pod, v1alpha1.LabelOverride+"-") }, onTrial},
		{"override=no takes a pod out", well[0],
			func(pod string) { f.kubectl(t, "label", "pod", pod, v1alpha1.LabelOverride+"=no") }, heldOut},
		{"override=yes in its place brings it back", well[0],
			func(pod string) {
				f.kubectl(t, "label", "--overwrite", "pod", pod, v1alpha1.LabelOverride+"=yes")
			}, untouched},
		{"override=no beats the traffic label", well[0],
			func(pod string) {
				f.kubectl(t, "label", "--overwrite", "pod", pod, v1alpha1.LabelOverride+"=no", v1alpha1.LabelTraffic+"=yes")
			}, heldOut},
		{"without the override it is back as it was", well[0],
			func(pod string) { f.kubectl(t, "label", "pod", pod, v1alpha1.LabelOverride+"-") }, untouched},
		{"an override ends by itself", well[0],
			func(pod string) {
				f.kubectl(t, "label", "pod", pod, v1alpha1.LabelOverride+"=no")
				patiently(t, func() error { return heldOut(f.pod(t, pod)) })
				f.kubectl(t, "annotate", "pod", pod, v1alpha1.AnnotationOverrideUntil+"="+time.Now().Add(2*time.Second).UTC().Format(time.RFC3339))
			}, untouched},
		{"another field manager takes a pod out, and it is left alone", well[1],
			func(pod string) { f.applyAs(t, "alice", pod, v1alpha1.TrafficNo) }, theirs},
		{"override=yes beats the traffic label", well[1],
			func(pod string) { f.kubectl(t, "label", "pod", pod, v1alpha1.LabelOverride+"=yes") }, untouched},
		{"a manager that gives the label up gives the pod back", well[2],
			func(pod string) {
				f.applyAs(t, "alice", pod, v1alpha1.TrafficNo)
				f.applyAs(t, "alice", pod, "")
			}, untouched},
	} {
		t.Run(row.what, func(t *testing.T) {
			row.do(row.pod)
			took := eventually(t, func() error { return row.want(f.pod(t, row.pod)) })
			t.Logf("took %s", took.Round(10*time.Millisecond))
		})
	}
	t.Run("the gate counts those that people hold out", func(t *testing.T) {
		f.kubectl(t, "label", "pod", well[3], well[4], v1alpha1.LabelOverride+"=no")
		f.kubectl(t, "label", "--overwrite", "pod", well[5], v1alpha1.LabelTraffic+"=no")
		patiently(t, func() error {
			gate, err := f.GetGate(t.Context())
			if err == nil && (gate.Status.Pods.HeldOut != 3 || gate.Status.Pods.Gated != 0) {
				err = fmt.Errorf("the gate counts %+v", gate.Status.Pods)
			}
			return err
		})
		if got := f.pod(t, well[5]).Labels[v1alpha1.LabelTraffic]; got != v1alpha1.TrafficNo {
			t.Errorf("traffic of %s is %q", well[5], got)
		}
	})
	f.remove(t)
}

// edit edits a pod with kubectl edit, by a script of sed.
func (f *fleet) edit(t *testing.T, pod, script string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), f.c.Cluster.Kubectl(), "-n", f.Namespace, "edit", "pod", pod)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+f.c.Kubeconfig(), "KUBE_EDITOR=sed -i -e '"+script+"'")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("kubectl edit: %v: %s", err, out)
	}
}

// applyAs applies a pod's traffic label, or none, as a field manager of its own
// that takes the label from others.
func (f *fleet) applyAs(t *testing.T, manager, pod, traffic string) {
	t.Helper()
	labels := "{}"
	if traffic != "" {
		labels = fmt.Sprintf("{%s: %q}", v1alpha1.LabelTraffic, traffic)
	}
	manifest := fmt.Sprintf("{apiVersion: v1, kind: Pod, metadata: {name: %s, namespace: %s, labels: %s}}", pod, f.Namespace, labels)
	_, err := f.c.KubectlWith(t.Context(), manifest, "apply", "--server-side", "--force-conflicts", "--field-manager="+manager, "-f", "-")
	must(t, err)
}

// What a row expects of the pod.
func putBack(p corev1.Pod) error { return released(p, true) }
func onTrial(p corev1.Pod) error {
	if err := released(p, false); err != nil || p.Annotations[v1alpha1.AnnotationReleasedAt] != "" {
		return err
	}
	return fmt.Errorf("pod %s is not on trial: annotations %v", p.Name, p.Annotations)
}

// untouched: in traffic, and nothing is noted on it.
func untouched(p corev1.Pod) error {
	if err := released(p, false); err != nil || p.Annotations[v1alpha1.AnnotationGate] == "" {
		return err
	}
	return fmt.Errorf("pod %s has annotations %v", p.Name, p.Annotations)
}

// heldOut: out of traffic by our hand because a person said so, and not the first
// to go when scaled in, as a gated pod would be.
func heldOut(p corev1.Pod) error {
	_, noted := p.Annotations[v1alpha1.AnnotationGatedAt]
	_, cost := p.Annotations[v1alpha1.PodDeletionCost]
	if p.Labels[v1alpha1.LabelTraffic] != v1alpha1.TrafficNo || !noted || cost {
		return fmt.Errorf("pod %s has labels %v and annotations %v", p.Name, p.Labels, p.Annotations)
	}
	return nil
}

// theirs: out of traffic by a person's hand, and nothing of ours on it.
func theirs(p corev1.Pod) error {
	if _, ours := p.Annotations[v1alpha1.AnnotationGate]; ours || p.Labels[v1alpha1.LabelTraffic] != v1alpha1.TrafficNo {
		return fmt.Errorf("pod %s has labels %v and annotations %v", p.Name, p.Labels, p.Annotations)
	}
	return nil
}
