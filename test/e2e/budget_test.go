package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/podgate/podgate/api/v1alpha1"
)

// disruptionBudget: five pods of which one is gated, and at least four of which
// are wanted, as different budgets see it.
func (c *cases) disruptionBudget(t *testing.T) {
	f := &budgeted{c.joinFleet(t, "budget", 5)}
	f.call(t, 15)
	pods := f.pods(t)
	sick, well := pods[1].Name, pods[2].Name
	gated := f.gate(t, sick)

	t.Run("the gated pod counts as healthy, so one pod too many may go", func(t *testing.T) {
		f.budget(t, minAvailable(4), 5, 1)
		f.refuses(t, well, false)
	})
	t.Run("a budget raised by limits.maxGated keeps the others", func(t *testing.T) {
		f.budget(t, minAvailable(5), 5, 0)
		f.refuses(t, well, true)
		f.refuses(t, sick, true)
	})
	t.Run("unhealthyPodEvictionPolicy changes nothing, as the gated pod is Ready", func(t *testing.T) {
		spec := minAvailable(5)
		spec.UnhealthyPodEvictionPolicy = new(policyv1.AlwaysAllow)
		f.budget(t, spec, 5, 0)
		f.refuses(t, sick, true)
	})
	t.Run("a budget that selects on the traffic label counts those in traffic, and lets the gated pod go", func(t *testing.T) {
		spec := minAvailable(4)
		spec.Selector.MatchLabels[v1alpha1.LabelTraffic] = v1alpha1.TrafficYes
		f.budget(t, spec, 4, 0)
		f.refuses(t, well, true)
		f.refuses(t, sick, false)
		t.Run("but learns that a pod has left it only when another one changes", func(t *testing.T) {
			f.kubectl(t, "label", "pod", well, v1alpha1.LabelOverride+"=no")
			trafficIs(t, f.Fleet, well, v1alpha1.TrafficNo)
			time.Sleep(2 * time.Second)
			t.Logf("2 s after a second pod has left traffic the budget counts %d healthy pods of 3", f.status(t).CurrentHealthy)
			f.kubectl(t, "annotate", "pod", pods[3].Name, "example.com/touched=yes")
			f.counts(t, 3, 0)
			f.kubectl(t, "label", "pod", well, v1alpha1.LabelOverride+"-")
			trafficIs(t, f.Fleet, well, v1alpha1.TrafficYes)
		})
	})
	t.Run("kubectl drain replaces the gated pod like any other, within the raised budget", func(t *testing.T) {
		f.kubectl(t, "scale", "deployment/app", "--replicas=6") // room for one to go
		f.readyPods(t, 6)
		f.budget(t, minAvailable(5), 6, 1)
		node := f.pod(t, sick).Spec.NodeName
		lowest := f.lowestInTraffic(t, func() {
			f.c.kubectl(t, "drain", node, "--pod-selector=fleet=budget", "--timeout=90s")
		})
		f.c.kubectl(t, "uncordon", node)
		if left := f.readyPods(t, 6); slices.Contains(left, sick) {
			t.Errorf("%s is still there", sick)
		}
		if n := len(f.inTraffic(t)); n != 6 {
			t.Errorf("%d of 6 pods are in traffic after the drain", n)
		}
		if lowest < 4 {
			t.Errorf("there were times with only %d pods in traffic", lowest)
		}
	})
	f.noneLost(t, gated)
	t.Run("recovery.then: Evict waits for the budget", f.evicted)
	f.remove(t)
}

// evicted: a pod whose trials are spent, here because there are none, is evicted
// as soon as the budget lets it go.
func (f *budgeted) evicted(t *testing.T) {
	f.budget(t, minAvailable(6), 6, 0)
	f.kubectl(t, "patch", "trafficgate", "app", "--type=merge", "-p", `{"spec": {"recovery": {"retries": 0, "then": "Evict"}}}`)
	before := f.pods(t)
	sick := before[0].Name
	gated := f.gate(t, sick)
	f.says(t, "HeldBack", sick, "HeldEviction", "disruption budget")
	if got := f.pod(t, sick); got.UID != before[0].UID || got.DeletionTimestamp != nil {
		t.Fatalf("%s was evicted against the budget", sick)
	}
	allowed := time.Now()
	f.budget(t, minAvailable(5), 6, -1)
	patiently(t, func() error {
		for _, p := range f.pods(t) {
			if p.Name == sick {
				return fmt.Errorf("%s is still there", sick)
			}
		}
		return nil
	})
	t.Logf("evicted %s after the budget allowed it", time.Since(allowed).Round(100*time.Millisecond))
	f.says(t, "Evicted", sick)
	f.readyPods(t, 6)
	if n := len(f.inTraffic(t)); n != 6 {
		t.Errorf("%d of 6 pods are in traffic after the eviction", n)
	}
	f.noneLost(t, gated)
}

// budgeted is a fleet with a PodDisruptionBudget.
type budgeted struct{ *fleet }

func minAvailable(n int) policyv1.PodDisruptionBudgetSpec {
	return policyv1.PodDisruptionBudgetSpec{
		MinAvailable: new(intstr.FromInt(n)),
		Selector:     &metav1.LabelSelector{MatchLabels: map[string]string{"app.kubernetes.io/name": "app"}},
	}
}

func (f *budgeted) get() *policyv1.PodDisruptionBudget {
	return &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Namespace: f.Namespace, Name: "app"}}
}

// budget sets the fleet's one budget, and waits until it counts so many healthy
// pods and allows so many disruptions; -1 is any.
func (f *budgeted) budget(t *testing.T, spec policyv1.PodDisruptionBudgetSpec, healthy, allowed int32) {
	t.Helper()
	must(t, retry.RetryOnConflict(retry.DefaultBackoff, func() error { // its controller writes too
		b := f.get()
		_, err := controllerutil.CreateOrUpdate(t.Context(), f.c.Client, b, func() error {
			b.Spec = spec
			return nil
		})
		return err
	}))
	f.counts(t, healthy, allowed)
}

func (f *budgeted) counts(t *testing.T, healthy, allowed int32) {
	t.Helper()
	patiently(t, func() error {
		s := f.status(t)
		if s.CurrentHealthy != healthy || (allowed >= 0 && s.DisruptionsAllowed != allowed) {
			return fmt.Errorf("the budget counts %d healthy pods and allows %d disruptions, not %d and %d",
				s.CurrentHealthy, s.DisruptionsAllowed, healthy, allowed)
		}
		return nil
	})
}

// status is what the budget says of its present spec; nothing if it has not seen
// that yet.
func (f *budgeted) status(t *testing.T) policyv1.PodDisruptionBudgetStatus {
	t.Helper()
	b := f.get()
	must(t, f.c.Client.Get(t.Context(), client.ObjectKeyFromObject(b), b))
	if b.Status.ObservedGeneration != b.Generation {
		return policyv1.PodDisruptionBudgetStatus{}
	}
	return b.Status
}

// refuses checks whether the eviction API would refuse to evict a pod because of
// the budget.
func (f *budgeted) refuses(t *testing.T, pod string, want bool) {
	t.Helper()
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: f.Namespace, Name: pod}}
	err := f.c.Client.SubResource("eviction").Create(t.Context(), p, &policyv1.Eviction{
		ObjectMeta:    p.ObjectMeta,
		DeleteOptions: &metav1.DeleteOptions{DryRun: []string{metav1.DryRunAll}},
	})
	refused := apierrors.HasStatusCause(err, policyv1.DisruptionBudgetCause)
	if err != nil && !refused {
		t.Fatal(err)
	}
	if refused != want {
		t.Errorf("an eviction of %s is refused: %t, want %t (%v)", pod, refused, want, err)
	}
}
