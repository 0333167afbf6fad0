package controller

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/api/v1alpha1"
)

// TestAGatingThatCannotBeMarkedHoldsNothingElseUp: a policy that lets nobody write the gate
// keeps pods in traffic; overrides and trials go on.
func TestAGatingThatCannotBeMarkedHoldsNothingElseUp(t *testing.T) {
	g := newRig(t, 10, nil, func(i int, p *corev1.Pod) {
		if i == 9 {
			gatedPod(p, 20*time.Second, time.Minute, 0)
		}
	})
	g.forbidGateWrites()
	g.src.levels["web-3"] = 5
	g.clock.SetTime(noon)
	_ = g.pass()
	<-g.r.wake
	_ = g.pass()
	g.label("web-1", v1alpha1.LabelOverride, "no")
	g.label("web-2", v1alpha1.LabelTraffic, "no") // hand
	g.label("web-2", v1alpha1.LabelOverride, "yes")
	for k := range 20 { // five minutes, retries and looks
		g.clock.SetTime(noon.Add(time.Duration(k) * 15 * time.Second))
		err := g.pass()
		select {
		case <-g.r.wake:
		case <-time.After(200 * time.Millisecond):
		}
		err2 := g.pass()
		if k == 19 {
			t.Log(err, err2)
		}
	}
	t.Logf("override=no: web-1 traffic=%s; override=yes: web-2 traffic=%s; trial due: web-9 traffic=%s", g.pod("web-1").Labels[v1alpha1.LabelTraffic], g.pod("web-2").Labels[v1alpha1.LabelTraffic], g.pod("web-9").Labels[v1alpha1.LabelTraffic])
	if g.pod("web-1").Labels[v1alpha1.LabelTraffic] != "no" || g.pod("web-2").Labels[v1alpha1.LabelTraffic] != "yes" {
		t.Error("overrides are ignored")
	}
}

// TestAGatingThatFailedIsNotDoneOnOldData: with a long interval the look is long past when
// the API server is back.
func TestAGatingThatFailedIsNotDoneOnOldData(t *testing.T) {
	g := newRig(t, 10, func(gate *v1alpha1.TrafficGate) {
		gate.Spec.Interval = v1alpha1.DurationOf(time.Hour)
	}, nil)
	down := true
	g.patch = func(obj client.Object, data string) error {
		if _, ok := obj.(*v1alpha1.TrafficGate); ok && down {
			return apierrors.NewInternalError(errors.New("etcd is gone"))
		}
		return nil
	}
	g.src.levels["web-3"] = 5
	// find a tick
	g.clock.SetTime(noon)
	for k := 0; ; k++ {
		g.clock.SetTime(noon.Add(time.Duration(k) * 30 * time.Second))
		_ = g.pass()
		select {
		case <-g.r.wake:
		case <-time.After(20 * time.Millisecond):
			continue
		}
		break
	}
	at := g.clock.Now()
	g.src.levels["web-3"] = 0 // it is well since
	t.Log("look:", g.pass())
	g.clock.SetTime(at.Add(50 * time.Minute))
	down = false
	t.Log("50 minutes later:", g.pass())
	if got := g.pod("web-3").Labels[v1alpha1.LabelTraffic]; got == "no" {
		t.Errorf("gated on data that is 50 minutes old; window 1m, too old is 2m")
	}
}

// TestAGatingThatFailedOnceIsDoneAtTheNextLook: its own mark, found again, costs no
// further look.
func TestAGatingThatFailedOnceIsDoneAtTheNextLook(t *testing.T) {
	g := newRig(t, 10, nil, nil)
	fail := 1
	g.patch = func(obj client.Object, data string) error {
		if _, ok := obj.(*corev1.Pod); ok && strings.Contains(data, `"value":"no"`) && fail > 0 {
			fail--
			return apierrors.NewInternalError(errors.New("once"))
		}
		return nil
	}
	g.src.levels["web-3"] = 5
	for k := range 2 {
		a, b := g.look()
		c := g.pass() // the retry
		t.Logf("look %d: ask %v, take %v, retry %v", k, a, b, c)
	}
	if p := g.pod("web-3"); p.Labels[v1alpha1.LabelTraffic] != "no" || p.Annotations[v1alpha1.AnnotationVoided] != "" {
		t.Errorf("at the second look: %v %v", p.Labels, p.Annotations)
	}
}

// TestGatingsThatAreRefusedAreTold: three failed passes in a row make the gate say so, also
// when passes between them had nothing to do.
func TestGatingsThatAreRefusedAreTold(t *testing.T) {
	g := newRig(t, 10, nil, nil)
	g.forbidGatings("policy")
	g.src.levels["web-3"] = 5
	most := 0
	for range 40 {
		g.look()
		_ = g.pass()
		most = max(most, g.r.states.by[types.NamespacedName{Namespace: "shop", Name: "web"}].failedPasses)
	}
	t.Logf("in ten minutes of refused gatings at most %d failed passes in a row (3 are reported); web-3 traffic=%s", most, g.pod("web-3").Labels[v1alpha1.LabelTraffic])
	if most < 3 {
		t.Error("WriteFailed is never reported")
	}
}

// TestAnEvictionThatFailsStopsNoGating: whatever the eviction API answers.
func TestAnEvictionThatFailsStopsNoGating(t *testing.T) {
	g := newRig(t, 10, func(gate *v1alpha1.TrafficGate) { gate.Spec.Recovery.Then = v1alpha1.ThenEvict }, func(i int, p *corev1.Pod) {
		if i == 9 {
			gatedPod(p, 2*time.Minute, time.Minute, 3)
		}
	})
	g.evict = func(string, *policyv1.Eviction) error {
		return &apierrors.StatusError{ErrStatus: metav1.Status{Status: "Failure", Code: 500, Reason: metav1.StatusReasonInternalError, Message: "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."}}
	}
	g.src.levels["web-3"] = 5
	most := 0
	for range 20 {
		g.look()
		_ = g.pass()
		most = max(most, g.r.states.by[types.NamespacedName{Namespace: "shop", Name: "web"}].failedPasses)
	}
	if got := g.pod("web-3").Labels[v1alpha1.LabelTraffic]; got != "no" {
		t.Errorf("after 20 looks web-3 (outlier) traffic=%s; failed passes in a row at most %d", got, most)
	}
}

// TestAnEvictionMeetsThePodThatWasRead: a pod that a person has put back meanwhile is another.
func TestAnEvictionMeetsThePodThatWasRead(t *testing.T) {
	g := newRig(t, 10, func(gate *v1alpha1.TrafficGate) { gate.Spec.Recovery.Then = v1alpha1.ThenEvict }, func(i int, p *corev1.Pod) {
		if i == 9 {
			gatedPod(p, 2*time.Minute, time.Minute, 3)
		}
	})
	g.evict = func(name string, e *policyv1.Eviction) error {
		pre := e.DeleteOptions.Preconditions
		// at this instant a person has put the pod back: the eviction still goes through
		if pre.ResourceVersion == nil {
			t.Errorf("eviction of %s without a resource version: a pod that changed since is evicted", name)
		}
		return nil
	}
	g.look()
}

// TestOneEvictedPodTerminatesAtATime: also where the workload replaces it only when it is
// gone.
func TestOneEvictedPodTerminatesAtATime(t *testing.T) {
	g := newRig(t, 10, func(gate *v1alpha1.TrafficGate) { gate.Spec.Recovery.Then = v1alpha1.ThenEvict }, func(i int, p *corev1.Pod) {
		p.Finalizers = []string{"test/terminating"} // grace period: a StatefulSet makes the next only when it is gone
		if i >= 7 {
			gatedPod(p, 2*time.Minute, time.Minute, 3)
		}
	})
	terminating := func() (n int) {
		var list corev1.PodList
		_ = g.c.List(context.Background(), &list)
		for _, p := range list.Items {
			if p.DeletionTimestamp != nil {
				n++
			}
		}
		return n
	}
	for k := range 4 {
		g.look()
		t.Logf("look %d: %d pods terminate", k, terminating())
	}
	if n := terminating(); n > 1 {
		t.Errorf("%d evicted pods terminate at once, none replaced", n)
	}
}

// TestADryRunEvictsAsTheRealRun: and goes on as if the pod had been replaced.
func TestADryRunEvictsAsTheRealRun(t *testing.T) {
	run := func(mode v1alpha1.Mode) string {
		g := newRig(t, 5, func(gate *v1alpha1.TrafficGate) {
			gate.Spec.Mode = mode
			gate.Spec.Recovery.Then, gate.Spec.Recovery.Retries = v1alpha1.ThenEvict, new(int32(0))
			gate.Spec.Limits.MaxGated = new(intstr.FromInt32(1))
		}, nil)
		g.evict = func(name string, _ *policyv1.Eviction) error { // and its replacement is there, warm
			p := g.pod(name)
			_ = g.c.Delete(context.Background(), p)
			p.Name, p.UID, p.ResourceVersion = name+"x", p.UID+"x", ""
			p.Labels[v1alpha1.LabelTraffic] = "yes"
			p.Annotations = map[string]string{"x": "y"}
			g.src.levels[p.Name] = 0
			return g.c.Create(context.Background(), p)
		}
		g.src.levels["web-3"] = 5
		g.look()
		g.look()
		g.look()
		g.src.levels["web-3"] = 0
		g.src.levels["web-1"] = 5
		g.look()
		g.look()
		rec := g.r.Events.(*events.FakeRecorder)
		out := ""
		for {
			select {
			case e := <-rec.Events:
				out += e + "\n"
				continue
			default:
			}
			return out
		}
	}
	real, dry := run(v1alpha1.ModeEnforce), run(v1alpha1.ModeDryRun)
	t.Logf("real:\n%s\ndry:\n%s", real, dry)
	if strings.Contains(real, "Gated Outlier") && strings.Contains(real, "web-1") && !strings.Contains(dry, "DryRunGated Outlier") {
	}
	if strings.Count(real, "web-1: Outlier") > 0 && strings.Count(dry, "web-1: Outlier") == 0 {
		t.Error("the real run gates web-1, the dry run never would")
	}
}

// TestAStalledGateLeavesPeoplesPodsOut: also when it stalls before the fleet is known.
func TestAStalledGateLeavesPeoplesPodsOut(t *testing.T) {
	for name, edit := range map[string]func(g *rig){
		"the Service is gone": func(g *rig) {
			_ = g.c.Delete(context.Background(), &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}})
		},
		"an old CRD": func(g *rig) {
			gate := &v1alpha1.TrafficGate{}
			_ = g.c.Get(context.Background(), types.NamespacedName{Namespace: "shop", Name: "web"}, gate)
			gate.Spec.Recovery.Retries = nil
			_ = g.c.Update(context.Background(), gate)
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t, 5, nil, nil)
			g.label("web-1", v1alpha1.LabelOverride, "no")
			_ = g.pass()
			if g.pod("web-1").Labels[v1alpha1.LabelTraffic] != "no" {
				t.Fatal("not held out")
			}
			edit(g)
			_ = g.pass()
			if got := g.pod("web-1").Labels[v1alpha1.LabelTraffic]; got != "no" {
				t.Errorf("override=no, and traffic=%s while the gate is stalled", got)
			}
		})
	}
}

// TestAPodThatMayNotBeWrittenHoldsNothingElseUp: one pod that a policy protects is one pod.
func TestAPodThatMayNotBeWrittenHoldsNothingElseUp(t *testing.T) {
	g := newRig(t, 10, nil, func(i int, p *corev1.Pod) {
		if i == 9 {
			gatedPod(p, 20*time.Second, time.Minute, 0)
		}
	})
	g.patch = func(obj client.Object, data string) error {
		if obj.GetName() == "web-3" {
			return apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, obj.GetName(), errors.New("policy"))
		}
		return nil
	}
	g.src.levels["web-3"] = 5
	for range 2 {
		g.look()
		_ = g.pass()
	}
	g.label("web-1", v1alpha1.LabelOverride, "no")
	for range 20 {
		g.look()
		_ = g.pass()
	}
	t.Logf("after 5 minutes: override=no web-1 traffic=%s, web-9 whose stay was over after 40s traffic=%s", g.pod("web-1").Labels[v1alpha1.LabelTraffic], g.pod("web-9").Labels[v1alpha1.LabelTraffic])
	if g.pod("web-1").Labels[v1alpha1.LabelTraffic] != "no" || g.pod("web-9").Labels[v1alpha1.LabelTraffic] != "yes" {
		t.Error("stranded, and a person ignored, because another pod cannot be written")
	}
}

// TestTwoControllersGateAsOne: one stops between its mark and its patch, and the other
// goes on for a while; then the patch arrives.
func TestTwoControllersGateAsOne(t *testing.T) {
	for name, between := range map[string]func(g, b *rig){
		"B looks on": func(g, b *rig) {
			g.src.levels["web-4"] = 9 // B finds another worse
			for range 2 {
				b.look()
				_ = b.pass()
			}
		},
		"the mark is lost: kubectl replace": func(g, b *rig) {
			gate := &v1alpha1.TrafficGate{}
			_ = g.c.Get(context.Background(), types.NamespacedName{Namespace: "shop", Name: "web"}, gate)
			gate.Annotations, gate.Labels = nil, nil
			_ = g.c.Update(context.Background(), gate)
			g.src.levels["web-4"] = 9
			for range 2 {
				b.look()
				_ = b.pass()
			}
		},
		"the gate is made anew": func(g, b *rig) {
			key := types.NamespacedName{Namespace: "shop", Name: "web"}
			gate := &v1alpha1.TrafficGate{}
			_ = g.c.Get(context.Background(), key, gate)
			_ = g.c.Delete(context.Background(), gate)
			for range 3 { // the pod that the mark names is touched first
				_ = b.pass()
			}
			again := gate.DeepCopy()
			again.ResourceVersion, again.UID, again.DeletionTimestamp, again.Annotations = "", "2", nil, nil
			if err := g.c.Create(context.Background(), again); err != nil {
				g.t.Fatal(err)
			}
			g.src.levels["web-4"] = 9
			for range 2 {
				b.look()
				_ = b.pass()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t, 10, func(gate *v1alpha1.TrafficGate) { gate.Spec.Limits.MaxGated = new(intstr.FromInt32(1)) }, nil)
			b := g.second()
			g.src.levels["web-3"] = 5
			stopped := false
			g.patch = func(obj client.Object, data string) error {
				if _, ok := obj.(*corev1.Pod); ok && strings.Contains(data, `"value":"no"`) && !stopped {
					stopped = true
					between(g, b)
				}
				return nil
			}
			_, err := g.look()
			t.Logf("A: %v; out: %d, limit 1", err, g.out())
			if !stopped {
				t.Fatal("A did not gate")
			}
			if g.out() > 1 {
				t.Errorf("%d pods are out, limit 1", g.out())
			}
		})
	}
}

// TestTheEndOfACommonCauseIsTold: whichever pass sees it first.
func TestTheEndOfACommonCauseIsTold(t *testing.T) {
	told, lost := 0, 0
	for k := range 8 {
		g := newRig(t, 10, nil, nil)
		jitter := time.Duration(k) * 3 * time.Millisecond
		for i := range 7 {
			g.src.levels[fmt.Sprint("web-", i)] = 5
		}
		for range 3 {
			g.look()
		}
		for i := range 7 {
			g.src.levels[fmt.Sprint("web-", i)] = 0
		}
		g.look()
		g.clock.SetTime(g.clock.Now().Add(jitter - 12*time.Millisecond))
		for range 10 {
			g.look()
		}
		rec := g.r.Events.(*events.FakeRecorder)
		over := false
		for done := false; !done; {
			select {
			case e := <-rec.Events:
				over = over || strings.Contains(e, "CommonCauseOver")
			default:
				done = true
			}
		}
		if over {
			told++
		} else {
			lost++
		}
	}
	t.Logf("CommonCauseOver told %d times, lost %d times", told, lost)
	if lost > 0 {
		t.Fail()
	}
}

// TestAGatingIsNotDoneOnAnOldSpec: what a person asks for at that moment is asked for.
func TestAGatingIsNotDoneOnAnOldSpec(t *testing.T) {
	g := newRig(t, 10, nil, nil)
	g.src.levels["web-3"] = 5
	once := true
	g.patch = func(obj client.Object, data string) error {
		if _, ok := obj.(*v1alpha1.TrafficGate); ok && once { // at this instant the person's change is stored
			once = false
			gate := &v1alpha1.TrafficGate{}
			_ = g.c.Get(context.Background(), types.NamespacedName{Namespace: "shop", Name: "web"}, gate)
			gate.Generation++
			gate.Spec.Limits.Headroom = &v1alpha1.Headroom{Query: "load", Max: "0.0001"}
			_ = g.c.Update(context.Background(), gate)
		}
		return nil
	}
	for i := range 10 {
		g.src.levels[fmt.Sprint("web-", i)] += 0.5
	}
	g.look()
	_ = g.pass() // the retry
	if g.out() > 0 {
		t.Error("gated, and nobody asked for the headroom that spec.limits.headroom demands")
	}
}

// TestTwoControllersAndWhatIsLeftOfAnOverride: a pod that is written for another reason is
// not gated in the same pass.
func TestTwoControllersAndWhatIsLeftOfAnOverride(t *testing.T) {
	g := newRig(t, 10, func(gate *v1alpha1.TrafficGate) { gate.Spec.Limits.MaxGated = new(intstr.FromInt32(1)) }, nil)
	b := g.second()
	g.src.levels["web-3"] = 5
	stopped, left := false, false
	g.patch = func(obj client.Object, data string) error {
		if _, ok := obj.(*v1alpha1.TrafficGate); ok { // the mark
			left = true
		}
		if _, ok := obj.(*corev1.Pod); ok && strings.Contains(data, `"path":"/metadata/labels/podgate.dev~1traffic","value":"no"`) && !stopped {
			stopped = true
			g.src.levels["web-4"] = 9
			for range 2 {
				b.look()
				_ = b.pass()
			}
		}
		return nil
	}
	// the look is asked for, and then a person takes an override off, and leaves its reason
	g.clock.SetTime(g.clock.Now().Add(15 * time.Second))
	_ = g.pass()
	<-g.r.wake
	p := g.pod("web-3")
	p.Annotations[v1alpha1.AnnotationOverrideReason] = "disk"
	if err := g.c.Update(context.Background(), p); err != nil {
		t.Fatal(err)
	}
	err := g.pass()
	t.Logf("A: %v; out: %d, limit 1; stopped %t marked %t", err, g.out(), stopped, left)
	if g.out() > 1 {
		t.Errorf("%d pods are out, limit 1", g.out())
	}
}

// TestATrialIsNotBegunOnAnOldView: one pod is on trial already, and the cache has
// not even heard that it was gated.
func TestATrialIsNotBegunOnAnOldView(t *testing.T) {
	g := newRig(t, 10, nil, func(i int, p *corev1.Pod) {
		if i == 8 {
			gatedPod(p, 2*time.Minute, time.Minute, 0)
		}
	})
	var old corev1.PodList
	if err := g.c.List(t.Context(), &old); err != nil {
		t.Fatal(err)
	}
	trial := g.pod("web-9")
	trial.Annotations[v1alpha1.AnnotationGate], trial.Annotations[v1alpha1.AnnotationReleasedFor] = "web", "Trial"
	trial.Annotations[v1alpha1.AnnotationReleasedAt] = noon.Format(time.RFC3339)
	if err := g.c.Update(t.Context(), trial); err != nil {
		t.Fatal(err)
	}
	cached := g.r.Client
	g.cacheLists(func(list client.ObjectList) {
		if pods, ok := list.(*corev1.PodList); ok {
			old.DeepCopyInto(pods)
		}
	})
	if err := g.pass(); err != nil {
		t.Fatal(err)
	}
	if g.pod("web-8").Labels[v1alpha1.LabelTraffic] != "no" {
		t.Error("two pods are on trial at once")
	}
	g.r.Client = cached
	g.clock.SetTime(noon.Add(10 * time.Minute))
	if err := g.pass(); err != nil {
		t.Fatal(err)
	}
	if g.pod("web-8").Labels[v1alpha1.LabelTraffic] != "yes" {
		t.Error("no trial although the other is over")
	}
}

// TestASuspendedGateHoldsNobodyOut, not even for an override, and not although
// its Service is gone.
func TestASuspendedGateHoldsNobodyOut(t *testing.T) {
	for _, mode := range []v1alpha1.Mode{v1alpha1.ModeSuspended, v1alpha1.ModeDryRun} {
		t.Run(string(mode), func(t *testing.T) {
			g := newRig(t, 5, func(gate *v1alpha1.TrafficGate) { gate.Spec.Mode = mode }, func(i int, p *corev1.Pod) {
				if i == 4 {
					gatedPod(p, time.Minute, time.Hour, 0)
					delete(p.Annotations, v1alpha1.AnnotationGatedUntil)
					p.Labels[v1alpha1.LabelOverride] = "no"
				}
			})
			if err := g.c.Delete(t.Context(), &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}); err != nil {
				t.Fatal(err)
			}
			if err := g.pass(); err != nil {
				t.Fatal(err)
			}
			if g.pod("web-4").Labels[v1alpha1.LabelTraffic] != "yes" {
				t.Error("the pod is still out")
			}
		})
	}
}
