package overview

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
)

var now = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)

func at(d time.Duration) metav1.Time { return metav1.NewTime(now.Add(d)) }

// gate is an enforcing gate that has just looked.
func gate() *v1alpha1.TrafficGate {
	return &v1alpha1.TrafficGate{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", Generation: 3, UID: "g"},
		Spec: v1alpha1.TrafficGateSpec{ServiceRef: v1alpha1.ServiceReference{Name: "web"}, Mode: v1alpha1.ModeEnforce,
			TrafficLabel: v1alpha1.LabelTraffic, Interval: v1alpha1.DurationOf(15 * time.Second),
			Limits: v1alpha1.Limits{MaxGated: new(intstr.FromString("20%"))}},
		Status: v1alpha1.TrafficGateStatus{ObservedGeneration: 3,
			Conditions:     []metav1.Condition{{Type: "Enrolled", Status: "True", Reason: "Selected"}, {Type: "Ready", Status: "True", Reason: "Enforcing", Message: "watching"}},
			Pods:           v1alpha1.PodCounts{Total: 10, Serving: 8, Gated: 1, HeldOut: 1, Limit: 2},
			LastEvaluation: &v1alpha1.Evaluation{Time: at(-5 * time.Second)}},
	}
}

func world(edit func(*v1alpha1.TrafficGate), pods ...decide.Pod) *World {
	w := &World{Gate: gate(), Service: &corev1.Service{}, Pods: pods,
		Policy: decide.Policy{Interval: 15 * time.Second, Window: time.Minute, MaxGated: decide.Limit{Max: 20, Percent: true}}}
	if edit != nil {
		edit(w.Gate)
	}
	return w
}

func pod(name string, edits ...func(*decide.Pod)) decide.Pod {
	p := decide.Pod{Name: name, UID: name, Ready: true, ReadySince: now.Add(-time.Hour), Labelled: true, Traffic: "yes"}
	for _, e := range edits {
		e(&p)
	}
	return p
}

func gatedPod(p *decide.Pod) {
	p.Traffic = "no"
	p.Memory = decide.Memory{Gate: "web", GatedAt: now.Add(-time.Minute), GatedUntil: now.Add(time.Minute), Relapses: 2, Reason: "errors: 30 %"}
}

func suspect(g *v1alpha1.TrafficGate) {
	g.Status.Suspects = []v1alpha1.Suspect{{Name: "a", HeldBy: "HeldLimit", Message: "errors: 30 %; held back: 2 of 10 pods may be out"}}
}

func listed(g *v1alpha1.TrafficGate) {
	g.Status.Gated = []v1alpha1.GatedPod{{Name: "a", Since: at(-time.Minute), Next: "trial at 03:01:00 UTC", Relapses: 1, Reason: "errors: 30 %"}}
}

func TestPods(t *testing.T) {
	for name, row := range map[string]struct {
		edit func(*v1alpha1.TrafficGate)
		pod  decide.Pod
		want string
	}{
		"serving": {nil, pod("a"), "serving since -1h0m0s"},
		"gated, with what the gate says next": {listed, pod("a", gatedPod),
			"gated since -1m0s until 1m0s, 2 relapses: errors: 30 %; next trial at 03:01:00 UTC"},
		"gated, and the status does not know yet": {nil, pod("a", gatedPod), "gated since -1m0s until 1m0s, 2 relapses: errors: 30 %"},
		"an outlier that is held back":            {suspect, pod("a"), "serving looksBad since -1h0m0s: errors: 30 %; held by HeldLimit: 2 of 10 pods may be out"},
		"a dry run would have gated it": {func(g *v1alpha1.TrafficGate) { listed(g); g.Spec.Mode = v1alpha1.ModeDryRun }, pod("a"),
			"serving wouldBeGated since -1m0s, 1 relapses: errors: 30 %; next trial at 03:01:00 UTC"},
		"so would a gate whose Service is not enrolled": {func(g *v1alpha1.TrafficGate) { listed(g); g.Status.Conditions[0].Status = "False" }, pod("a"),
			"serving wouldBeGated since -1m0s, 1 relapses: errors: 30 %; next trial at 03:01:00 UTC"},
		"back on trial":       {nil, pod("a", func(p *decide.Pod) { p.Memory.ReleasedAt = now.Add(-80 * time.Second) }), "serving trial since -1m20s"},
		"a trial that passed": {nil, pod("a", func(p *decide.Pod) { p.Memory.ReleasedAt = now.Add(-90 * time.Second) }), "serving since -1h0m0s"},
		"held out by an override": {nil, pod("a", func(p *decide.Pod) {
			p.Traffic, p.Override, p.OverrideReason = "no", "no", "disk"
			p.Memory.GatedAt = now.Add(-time.Minute)
		}), "heldOut since -1m0s: a person's override says no: disk; asked no"},
		"an override that is not obeyed yet": {nil, pod("a", func(p *decide.Pod) { p.Override = "no" }), "heldOut notObeyed: a person's override says no; asked no"},
		"held out by hand":                   {nil, pod("a", func(p *decide.Pod) { p.Traffic, p.ByOther = "no", true }), "heldOut: a person set the traffic label to no"},
		"not ready":                          {nil, pod("a", func(p *decide.Pod) { p.Ready = false }), "notReady since -1h0m0s"},
		"without the label":                  {nil, pod("a", func(p *decide.Pod) { p.Labelled, p.Traffic = false, "" }), "unlabelled since -1h0m0s"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := summary(world(row.edit, row.pod).Overview(now).Fleet[0]); got != row.want {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
		})
	}
}

func summary(p Pod) string {
	out := string(p.State)
	add := func(ok bool, format string, args ...any) {
		if ok {
			out += fmt.Sprintf(format, args...)
		}
	}
	add(p.Remark != "", " %s", p.Remark)
	if p.Since != nil {
		add(true, " since %s", p.Since.Sub(now))
	}
	if p.Until != nil {
		add(true, " until %s", p.Until.Sub(now))
	}
	add(p.Relapses > 0, ", %d relapses", p.Relapses)
	add(p.Why != "", ": %s", p.Why)
	add(p.HeldBy != "", "; held by %s: %s", p.HeldBy, p.HeldWhy)
	add(p.Next != "", "; next %s", p.Next)
	if p.Override != nil {
		add(true, "; asked %s", p.Override.Value)
	}
	return out
}

// TestTheFleetAsItIsNow: pods are counted as they are, not as an old status says.
func TestTheFleetAsItIsNow(t *testing.T) {
	w := world(nil, pod("c"), pod("b"), pod("z", gatedPod), pod("y", func(p *decide.Pod) { p.Override, p.Traffic = "no", "no" }),
		pod("x", func(p *decide.Pod) { p.Ready = false }), pod("a"), pod("d"), pod("e"), pod("f"),
		pod("w", func(p *decide.Pod) { p.Override = "yes"; p.OverrideUntil = now.Add(30 * time.Second) }))
	g := w.Overview(now)
	if want := (Counts{Total: 10, Serving: 7, NotReady: 1, Gated: 1, HeldOut: 1}); g.Pods != want {
		t.Errorf("counts %+v, want %+v", g.Pods, want)
	}
	if want := (Limit{MaxGated: "20%", Allowed: 2, Out: 3, Left: 0}); g.Limit != want {
		t.Errorf("limit %+v, want %+v", g.Limit, want)
	}
	var order []string
	for _, p := range g.Fleet {
		order = append(order, p.Name)
	}
	if got := strings.Join(order, ""); got != "zyxcbadefw" && got != "zyx"+"abcdefw" {
		t.Errorf("the fleet comes as %s", got)
	}
	var due []string
	for _, d := range g.Next {
		due = append(due, d.What)
	}
	if got := strings.Join(due, "; "); got != "next look; override=yes of w ends; trial of z" {
		t.Errorf("next: %s", got)
	}
}

func TestDoubt(t *testing.T) {
	for name, row := range map[string]struct {
		edit func(*v1alpha1.TrafficGate)
		want string
	}{
		"none about a gate that has just looked":   {nil, ""},
		"nobody has looked at it":                  {func(g *v1alpha1.TrafficGate) { g.Status = v1alpha1.TrafficGateStatus{} }, "no controller has looked at this gate yet"},
		"the spec is newer":                        {func(g *v1alpha1.TrafficGate) { g.Generation = 4 }, "the controller has not seen the last change"},
		"the last look is long ago":                {func(g *v1alpha1.TrafficGate) { g.Status.LastEvaluation.Time = at(-3 * time.Minute) }, "the last look was 3m0s ago, and one is due every 15s: is the controller running?"},
		"a status is refreshed once a minute only": {func(g *v1alpha1.TrafficGate) { g.Status.LastEvaluation.Time = at(-70 * time.Second) }, ""},
		"long intervals are waited out": {func(g *v1alpha1.TrafficGate) {
			g.Spec.Interval = v1alpha1.DurationOf(time.Hour)
			g.Status.LastEvaluation.Time = at(-2 * time.Hour)
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			g := gate()
			if row.edit != nil {
				row.edit(g)
			}
			got := Of(g, now).Doubt
			if !strings.HasPrefix(got, row.want) || (row.want == "") != (got == "") {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

// TestOfADryRun: what would be gated serves.
func TestOfADryRun(t *testing.T) {
	g := gate()
	g.Spec.Mode = v1alpha1.ModeDryRun
	if got, want := Of(g, now).Pods, (Counts{Total: 10, Serving: 9, WouldBeGated: 1, HeldOut: 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
