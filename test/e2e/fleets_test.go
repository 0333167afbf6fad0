package e2e

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/test/load"
	"github.com/podgate/podgate/test/stage"
)

// TestMain lets TestSample and three cases of TestFleets run beside each other,
// however many processors there are: they mostly wait for their cluster, but two
// processors have enough to do.
func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", "4") // a flag of every test program
	os.Exit(m.Run())
}

// applyFleets applies what is in testdata/fleets.
func (c *cases) applyFleets(t *testing.T) { c.apply(t, "testdata/fleets") }

// apply applies a kustomization.
func (c *cases) apply(t *testing.T, dir string) {
	t.Helper()
	patiently(t, func() error { // a pod is refused until its namespace has its service account
		_, err := c.Kubectl(t.Context(), "apply", "-k", dir)
		return err
	})
}

// fleet is one of testdata/fleets: a Service with its pods and its gate in a
// namespace of its own, and a client that calls it.
type fleet struct {
	stage.Fleet
	*load.Generator // the client's view

	c    *cases
	rate float64
}

// sample is the sample's fleet.
func (c *cases) sample() *fleet { return &fleet{Fleet: c.Fleet, c: c} }

// joinFleet waits until the pods of the fleet in a namespace are Ready.
func (c *cases) joinFleet(t *testing.T, namespace string, pods int) *fleet {
	t.Helper()
	return c.join(t, c.FleetOf(namespace, "app"), pods)
}

func (c *cases) join(t *testing.T, of stage.Fleet, pods int) *fleet {
	t.Helper()
	f := c.fleet(t, of)
	f.readyPods(t, pods)
	return f
}

// fleet is a fleet that may still be to come; what it calls ends with the test.
func (c *cases) fleet(t *testing.T, of stage.Fleet) *fleet {
	t.Helper()
	f := &fleet{Fleet: of, c: c}
	t.Cleanup(func() {
		f.stop()
		if t.Failed() {
			out, _ := c.Kubectl(context.Background(), "-n", f.Namespace, "describe", "trafficgate,pods,endpointslices")
			t.Log(out)
		}
	})
	return f
}

// kubectl runs kubectl in the fleet's namespace.
func (f *fleet) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	return f.c.kubectl(t, append([]string{"-n", f.Namespace}, args...)...)
}

// call begins to call the Service, so many times a second. The client is a
// patient one: that a busy machine is slow is not what is asked here.
func (f *fleet) call(t *testing.T, rate float64) {
	t.Helper()
	calls, err := f.Call(t.Context(), load.Options{Rate: rate, Timeout: 20 * time.Second})
	must(t, err)
	f.Generator, f.rate = calls, rate
}

// stop ends the calls, if there are any.
func (f *fleet) stop() {
	if f.Generator != nil {
		f.Stop()
	}
}

// noneLost checks that the client lost no request since some time, and goes on
// calling.
func (f *fleet) noneLost(t *testing.T, since time.Time) load.View {
	t.Helper()
	f.Stop() // requests under way count too
	v := f.View(since, time.Now())
	t.Log(v)
	if v.Failures > 0 || v.Count == 0 {
		t.Errorf("the client lost %d of %d requests", v.Failures, v.Count)
	}
	f.call(t, f.rate)
	return v
}

// pods are the fleet's pods.
func (f *fleet) pods(t *testing.T) []corev1.Pod {
	t.Helper()
	var pods []corev1.Pod
	patiently(t, func() (err error) { pods, err = f.Pods(t.Context()); return err })
	return pods
}

// pod is one of them.
func (f *fleet) pod(t *testing.T, name string) corev1.Pod {
	t.Helper()
	pod := corev1.Pod{}
	patiently(t, func() error {
		return f.c.Client.Get(t.Context(), client.ObjectKey{Namespace: f.Namespace, Name: name}, &pod)
	})
	return pod
}

// inTraffic are the names of the pods that serve: Ready, and labelled so.
func (f *fleet) inTraffic(t *testing.T) (names []string) {
	t.Helper()
	patiently(t, func() error {
		if names = serving(f.pods(t)); len(names) == 0 {
			return fmt.Errorf("%s: no pod serves", f.Namespace)
		}
		return nil
	})
	return names
}

func serving(pods []corev1.Pod) (names []string) {
	for _, p := range pods {
		if isReady(p) && p.Labels[v1alpha1.LabelTraffic] == v1alpha1.TrafficYes {
			names = append(names, p.Name)
		}
	}
	return names
}

// lowestInTraffic is the least number of pods that served while something was
// done.
func (f *fleet) lowestInTraffic(t *testing.T, do func()) int {
	t.Helper()
	over, result := make(chan struct{}), make(chan int, 1)
	go func() {
		lowest := math.MaxInt
		for {
			select {
			case <-over:
				result <- lowest
				return
			case <-time.After(100 * time.Millisecond):
			}
			if pods, err := f.Pods(t.Context()); err == nil {
				lowest = min(lowest, len(serving(pods)))
			}
		}
	}()
	do()
	close(over)
	return <-result
}

// readyPods waits until there are so many pods, all of them Ready, and returns
// their names.
func (f *fleet) readyPods(t *testing.T, n int) (names []string) {
	t.Helper()
	patiently(t, func() error {
		pods, err := f.Pods(t.Context())
		if err != nil {
			return err
		}
		names = nil
		for _, p := range pods {
			if isReady(p) {
				names = append(names, p.Name)
			}
		}
		if len(names) != n || len(pods) != n {
			return fmt.Errorf("%s: %d of %d pods are Ready, not %d", f.Namespace, len(names), len(pods), n)
		}
		return nil
	})
	return names
}

func isReady(p corev1.Pod) bool {
	return slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// fail makes pods fail all their requests.
func (f *fleet) fail(t *testing.T, pods ...string) {
	t.Helper()
	must(t, f.Turn(t.Context(), stage.Dials{ErrorShare: 1}, pods...))
}

// gate makes a pod fail until it is gated and the client does not reach it any
// more, and returns when that was. The pod is well then, so that a request that
// reaches it all the same is not lost.
func (f *fleet) gate(t *testing.T, pod string) time.Time {
	t.Helper()
	f.fail(t, pod)
	return f.gated(t, pod)
}

func (f *fleet) gated(t *testing.T, pod string) time.Time {
	t.Helper()
	took := trafficIs(t, f.Fleet, pod, v1alpha1.TrafficNo)
	must(t, f.Turn(t.Context(), stage.Dials{}, pod))
	patiently(t, func() error { // it is not by chance that the others answer so many
		last := f.LastAnswer(pod)
		v := f.View(last.Add(1), time.Now())
		if n := v.Count - v.ByPod[""].Count; n < 60 || time.Since(last) < 2*time.Second {
			return fmt.Errorf("%s may still get requests: others have answered %d since its last", pod, n)
		}
		return nil
	})
	t.Logf("%s gated after %s", pod, took.Round(100*time.Millisecond))
	return time.Now()
}

// says waits until an event of the fleet's has a reason and contains all texts.
func (f *fleet) says(t *testing.T, reason string, texts ...string) {
	t.Helper()
	patiently(t, func() error {
		var events corev1.EventList
		if err := f.c.Client.List(t.Context(), &events, client.InNamespace(f.Namespace)); err != nil {
			return err
		}
		var of []string
		for _, e := range events.Items {
			if e.Reason != reason {
				continue
			}
			of = append(of, e.Message)
			if !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(e.Message, text) }) {
				return nil
			}
		}
		return fmt.Errorf("no event %s has %q: %q", reason, texts, of)
	})
}

// remove begins to delete the fleet with its namespace.
func (f *fleet) remove(t *testing.T) {
	t.Helper()
	f.stop()
	f.c.kubectl(t, "delete", "namespace", f.Namespace, "--wait=false")
}

// namespacesGo: the finalizer of a gate must not hold up the end of the
// namespace, which takes Service, pods and gate in any order.
func (c *cases) namespacesGo(t *testing.T) {
	patiently(t, func() error {
		var all corev1.NamespaceList
		if err := c.Client.List(t.Context(), &all); err != nil {
			return err
		}
		for _, n := range all.Items {
			if n.DeletionTimestamp != nil {
				return fmt.Errorf("namespace %s is still there: %+v", n.Name, n.Status.Conditions)
			}
		}
		return nil
	})
}

// trafficIs waits until a pod's traffic label has a value.
func trafficIs(t *testing.T, f stage.Fleet, pod, value string) time.Duration {
	t.Helper()
	return patiently(t, func() error { return f.HasTraffic(t.Context(), pod, value) })
}

// readyIs waits until a gate's Ready condition has a reason.
func readyIs(t *testing.T, f stage.Fleet, reason string) string {
	t.Helper()
	message := ""
	patiently(t, func() error {
		ready, err := f.Condition(t.Context(), v1alpha1.ConditionReady)
		if err == nil && ready.Reason != reason {
			err = fmt.Errorf("the gate is %s (%s), not %s", ready.Reason, ready.Message, reason)
		}
		message = ready.Message
		return err
	})
	return message
}

// patiently tries until it succeeds, not so often that it keeps the machine busy
// itself.
func patiently(t *testing.T, try func() error) time.Duration {
	t.Helper()
	began, last := time.Now(), error(nil)
	err := wait.PollUntilContextTimeout(t.Context(), 250*time.Millisecond, patience, true, func(context.Context) (bool, error) {
		last = try()
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("after %s: %v", time.Since(began).Round(time.Second), cmp.Or(last, err))
	}
	return time.Since(began)
}
