package e2e

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/test/stage"
)

// limits are the cases of what keeps pods in traffic besides the number of those
// that are out, on the sample once more.
func (c *cases) limits(t *testing.T) {
	c.apply(t, "testdata/limits")
	f := c.join(t, c.FleetOf("limits", stage.Service), 10)
	f.call(t, stage.Rate)
	f.known(t, 10)
	t.Run("a sick node is blamed, and half of it stays", f.sickNode)
	t.Run("a pod that the rest cannot stand in for stays", f.headroom)
	t.Run("another Service keeps most of its pods", f.canary)
	f.remove(t)
}

// sickNode: all pods of one node, which is a minority, fail alike. The node is
// blamed, and no more than half of its pods go.
func (f *fleet) sickNode(t *testing.T) {
	pods := f.pods(t)
	on := map[string][]string{}
	for _, p := range pods {
		on[p.Spec.NodeName] = append(on[p.Spec.NodeName], p.Name)
	}
	node := ""
	for name, its := range on {
		if len(its) == 3 {
			node = name
		}
	}
	if node == "" {
		t.Fatalf("the pods are spread as %v: this needs a node with three of ten", on)
	}
	defer f.tellStatus(t)
	must(t, f.Turn(t.Context(), stage.Dials{ErrorShare: 0.4}, on[node]...))
	want := fmt.Sprintf("%d of %d pods of node %s look bad or are out, and 0 of %d elsewhere", len(on[node]), len(on[node]), node, len(pods)-len(on[node]))
	eventually(t, func() error {
		cause, err := f.Condition(t.Context(), v1alpha1.ConditionDomainSuspected)
		if err == nil && (cause.Reason != v1alpha1.ReasonNodeSuspected || !strings.Contains(cause.Message, want)) {
			err = fmt.Errorf("the gate says %s %q, not %q", cause.Reason, cause.Message, want)
		}
		return err
	})
	time.Sleep(3 * stage.Interval)
	out, err := f.Out(t.Context())
	must(t, err)
	if len(out) != len(on[node])/2 {
		t.Errorf("%v are out, of %v", out, on[node])
	}
	for _, name := range out {
		if !slices.Contains(on[node], name) {
			t.Errorf("%s is out, and not on %s", name, node)
		}
	}
	gate, err := f.GetGate(t.Context())
	must(t, err)
	if s := gate.Status.Suspects; len(s) == 0 || s[0].HeldBy != "HeldDomain" {
		t.Errorf("the suspects are %+v, not held by their domain", s)
	}
	events := f.kubectl(t, "get", "events", "--field-selector", "reason=DomainSuspected")
	if !strings.Contains(events, node) {
		t.Errorf("no event names %s:\n%s", node, events)
	}
	f.mend(t, on[node]...)
}

// headroom: a pod that the others could not stand in for stays in traffic, until
// they can.
func (f *fleet) headroom(t *testing.T) {
	pods := f.pods(t)
	defer f.tellStatus(t)
	sick := pods[5].Name
	limit := func(max float64) {
		f.kubectl(t, "patch", "trafficgate", f.Name, "--type=merge", "-p", fmt.Sprintf(
			`{"spec":{"limits":{"headroom":{"query":"sum by (pod) (rate(http_requests_total{namespace=\"$namespace\",job=\"$service\"}[$__window]))","max":"%g"}}}}`, max))
	}
	each := float64(stage.Rate) / float64(len(pods))
	limit(each / 2) // less than a pod has to do already, also while the machine is slow
	must(t, f.Turn(t.Context(), stage.Dials{ErrorShare: 0.5}, sick))
	eventually(t, func() error {
		gate, err := f.GetGate(t.Context())
		if err == nil && (len(gate.Status.Suspects) != 1 || gate.Status.Suspects[0].HeldBy != "HeldHeadroom") {
			err = fmt.Errorf("the suspects are %+v, not one that headroom holds", gate.Status.Suspects)
		}
		return err
	})
	if message := readyIs(t, f.Fleet, v1alpha1.ReasonLimitReached); !strings.Contains(message, sick) || !strings.Contains(message, "mean load") {
		t.Errorf("the gate says %q", message)
	}
	limit(2 * each)
	trafficIs(t, f.Fleet, sick, "no")
	f.kubectl(t, "patch", "trafficgate", f.Name, "--type=json", "-p", `[{"op":"remove","path":"/spec/limits/headroom"}]`)
	f.mend(t, sick)
}

// canary: a Service on two of the ten pods loses neither although both are bad and the
// gate may take out two; of three it loses one, and has that back when it shrinks.
func (f *fleet) canary(t *testing.T) {
	defer f.tellStatus(t)
	first, second := f.twoZones(t)
	third := ""
	for _, p := range f.pods(t) {
		if p.Name != first && p.Name != second {
			third = p.Name
		}
	}
	svc := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: f.Namespace, Name: "canary"}, Spec: corev1.ServiceSpec{
		Selector: map[string]string{"track": "canary", v1alpha1.LabelTraffic: v1alpha1.TrafficYes},
		Ports:    []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(8080)}}}}
	must(t, f.c.Client.Create(t.Context(), svc))
	f.kubectl(t, "label", "pod", first, second, "track=canary")
	serves := func(n int) {
		t.Helper()
		patiently(t, func() error {
			if got := len(f.endpoints(t, svc.Name)); got != n {
				return fmt.Errorf("%d pods of Service %s are in traffic, not %d", got, svc.Name, n)
			}
			return nil
		})
	}
	held := func(names ...string) {
		t.Helper()
		eventually(t, func() error {
			gate, err := f.GetGate(t.Context())
			if err != nil {
				return err
			}
			var got []string
			for _, s := range gate.Status.Suspects {
				if s.HeldBy == "HeldOtherService" {
					got = append(got, s.Name)
				}
			}
			for _, name := range names {
				if !slices.Contains(got, name) {
					return fmt.Errorf("%s is not held by HeldOtherService: %+v", name, gate.Status.Suspects)
				}
			}
			return nil
		})
	}
	serves(2)
	must(t, f.Turn(t.Context(), stage.Dials{ErrorShare: 0.5}, first, second))
	held(first, second)
	patiently(t, func() error {
		ready, err := f.Condition(t.Context(), v1alpha1.ConditionReady)
		if err == nil && (ready.Reason != v1alpha1.ReasonLimitReached || !strings.Contains(ready.Message, "Service canary")) {
			err = fmt.Errorf("the gate says %s %q", ready.Reason, ready.Message)
		}
		return err
	})
	serves(2)
	f.kubectl(t, "label", "pod", third, "track=canary")
	var out []string
	patiently(t, func() (err error) {
		if out, err = f.Out(t.Context()); err == nil && len(out) == 0 {
			err = errors.New("nobody is out")
		}
		return err
	})
	if len(out) != 1 || (out[0] != first && out[0] != second) {
		t.Fatalf("%v are out, not one of %s and %s", out, first, second)
	}
	held(map[string]string{first: second, second: first}[out[0]])
	serves(2) // of three
	f.kubectl(t, "label", "pod", third, "track-")
	t.Logf("%s was back after %s", out[0], trafficIs(t, f.Fleet, out[0], v1alpha1.TrafficYes))
	serves(2)
	must(t, f.c.Client.Delete(t.Context(), svc))
	f.mend(t, first, second)
}

// tellStatus shows the gate of a case that failed.
func (f *fleet) tellStatus(t *testing.T) {
	if t.Failed() {
		t.Log(f.kubectl(t, "get", "trafficgate", f.Name, "-o", "yaml"))
	}
}

// mend heals pods, and brings the fleet back by going through a suspension.
func (f *fleet) mend(t *testing.T, names ...string) {
	t.Helper()
	must(t, f.Turn(t.Context(), stage.Dials{}, names...))
	f.mode(t, v1alpha1.ModeSuspended)
	eventually(t, func() error {
		out, err := f.Out(t.Context())
		if err == nil && len(out) > 0 {
			err = fmt.Errorf("%v are still out", out)
		}
		return err
	})
	f.mode(t, v1alpha1.ModeDryRun) // until the fault is out of the window
	f.looksWell(t)
	f.mode(t, v1alpha1.ModeEnforce)
	readyIs(t, f.Fleet, v1alpha1.ReasonEnforcing)
}

func (f *fleet) mode(t *testing.T, mode v1alpha1.Mode) {
	t.Helper()
	f.kubectl(t, "patch", "trafficgate", f.Name, "--type=merge", "-p", fmt.Sprintf(`{"spec":{"mode":%q}}`, mode))
}
