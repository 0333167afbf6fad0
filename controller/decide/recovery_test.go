package decide_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
)

// TestStaysDiffer: pods that go out together do not come back together, and the
// same pod stays as long in every controller.
func TestStaysDiffer(t *testing.T) {
	seen := map[time.Duration]bool{}
	for i := range 100 {
		w := fleet(10).bad(3, 9).edit(func(w *world) { w.Policy.After = 10 * time.Minute }).pod(3, func(p *decide.Pod) { p.UID = fmt.Sprint("other-", i) })
		w.signal.Result.Verdicts[3].Pod = w.Pods[3].UID
		stay := w.decide().Decisions[0].Memory.GatedUntil.Sub(now)
		if again := w.decide().Decisions[0].Memory.GatedUntil.Sub(now); again != stay {
			t.Fatalf("the same pod stays %s and %s", stay, again)
		}
		if stay > 10*time.Minute || stay < 9*time.Minute {
			t.Errorf("a stay of %s where up to a tenth less than 10m was asked for", stay)
		}
		seen[stay] = true
	}
	if len(seen) < 30 {
		t.Errorf("100 pods have %d different stays", len(seen))
	}
}

// TestOutlook: what a person is told about what happens next.
func TestOutlook(t *testing.T) {
	for name, row := range map[string]struct {
		world *world
		want  string
	}{
		"its time is not up":             {fleet(10).gated(3, 10*time.Second, time.Minute), "trial at 03:00:50 UTC"},
		"it is not Ready":                {fleet(10).gated(3, 2*time.Minute, time.Minute).pod(3, unready), "trial as soon as it is Ready"},
		"another is on trial":            {fleet(10).gated(3, 2*time.Minute, time.Minute).pod(4, func(p *decide.Pod) { p.Memory = decide.Memory{Gate: "web", ReleasedAt: at(-20 * time.Second)} }), "trial when that of web-4 is over"},
		"a probe says ill":               {fleet(10).gated(3, 2*time.Minute, time.Minute).probe(3, false), "recovery.signal says that it is not healthy; trial as soon as it is, or at 03:28:00 UTC"},
		"no trial is left":               {fleet(10).gated(3, time.Second, time.Minute).relapsed(3, 3, v1alpha1.ThenHold), "waits for a person: 3 trials failed. Put it back with kubectl label pod web-3 podgate.dev/override=yes, or delete it"},
		"it is to be evicted":            {fleet(10).gated(3, time.Second, time.Minute).relapsed(3, 3, v1alpha1.ThenEvict), "is to be evicted: 3 trials failed"},
		"it cannot be evicted":           {fleet(10).gated(3, time.Second, time.Minute).relapsed(3, 3, v1alpha1.ThenEvict).pod(3, func(p *decide.Pod) { p.Owned = false }), "is to be evicted, but no workload controls it, so nothing would replace it: put it back or delete it"},
		"nothing to say of serving pods": {fleet(10), ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := row.world.decide().Outlook["uid-3"]; got != row.want {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
		})
	}
}

// TestNextWakesForWhatFallsDue: a pod that no clock brings back wakes nobody.
func TestNextWakesForWhatFallsDue(t *testing.T) {
	for name, row := range map[string]struct {
		world *world
		want  time.Time
	}{
		"nothing is out":           {fleet(10), time.Time{}},
		"the first that falls due": {fleet(10).gated(3, 10*time.Second, time.Minute).gated(4, 20*time.Second, time.Minute), at(40 * time.Second)},
		"held for a person":        {fleet(10).gated(3, 10*time.Second, time.Minute).relapsed(3, 3, v1alpha1.ThenHold), time.Time{}},
		"held by a probe":          {fleet(10).gated(3, 2*time.Minute, time.Minute).probe(3, false), at(28 * time.Minute)},
	} {
		if got := row.world.decide().Next; !got.Equal(row.want) {
			t.Errorf("%s: %s, want %s", name, got, row.want)
		}
	}
}

// TestACommonCauseFades: the plan hands on when it was seen, and says until when
// it holds.
func TestACommonCauseFades(t *testing.T) {
	w := fleet(4).bad(0, 9).bad(1, 9)
	plan := w.decide()
	if plan.CommonCauseAt != now {
		t.Fatalf("seen at %s, want %s", plan.CommonCauseAt, now)
	}
	w = fleet(4).bad(0, 9)
	w.CommonCauseAt, w.Now = plan.CommonCauseAt, at(time.Minute)
	plan = w.decide()
	if want := "a common cause was seen until 03:00:00 UTC, and pods are not told apart before 03:01:30 UTC"; plan.CommonCause != want || plan.CommonCauseAt != now {
		t.Errorf("got  %s (%s)\nwant %s", plan.CommonCause, plan.CommonCauseAt, want)
	}
	w.Now = at(90 * time.Second)
	if plan = w.decide(); plan.CommonCause != "" || !plan.CommonCauseAt.IsZero() {
		t.Errorf("still held: %s (%s)", plan.CommonCause, plan.CommonCauseAt)
	}
}
