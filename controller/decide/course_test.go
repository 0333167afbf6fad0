package decide_test

import (
	"testing"
	"time"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
)

// carry carries a plan out on the world.
func (w *world) carry(plan decide.Plan) decide.Plan {
	for _, d := range plan.Decisions {
		for i := range w.Pods {
			if p := &w.Pods[i]; p.UID == d.UID && d.Writes() && d.Action != decide.Evict {
				p.Traffic, p.Labelled, p.Memory = d.Traffic, true, d.Memory
				if d.Action != decide.Note {
					p.ByOther = false
				}
			}
		}
	}
	w.CommonCauseAt = plan.CommonCauseAt
	return plan
}

// TestReturnsThatAreNoTrialsSpendNoRetries: a neighbour's readiness flaps, and
// each time the only gated pod has to come back.
func TestReturnsThatAreNoTrialsSpendNoRetries(t *testing.T) {
	w := fleet(4).bad(0, 9)
	w.Policy.Retries, w.Policy.Then, w.Policy.MinServing = 3, v1alpha1.ThenEvict, 3
	w.carry(w.decide())
	for range 4 {
		w.Now, w.Looked = w.Now.Add(5*time.Second), false
		w.Pods[1].Ready = false
		if got := summary(w.carry(w.decide())); got != "Release web-0 LimitShrunk" {
			t.Fatal(got)
		}
		w.Pods[1].Ready = true
		w.Now, w.Looked = w.Now.Add(10*time.Second), true
		if got := summary(w.carry(w.decide())); got != "Gate web-0 Outlier" {
			t.Fatal(got)
		}
	}
	if m := w.Pods[0].Memory; m.Relapses != 0 {
		t.Errorf("%d failed trials where there was none", m.Relapses)
	}
}

// TestATrialThatFailsCounts: and so does a pod that goes bad after one of its
// failed trials was forgiven.
func TestATrialThatFailsCounts(t *testing.T) {
	for why, want := range map[decide.Reason]int{decide.ReasonTrial: 2, decide.ReasonRecovered: 2, decide.ReasonLimitShrunk: 1, decide.ReasonOverrideRemoved: 1, "": 1} {
		w := fleet(10).bad(3, 9).pod(3, func(p *decide.Pod) {
			p.Memory = decide.Memory{Gate: "web", ReleasedAt: at(-time.Hour), ReleasedFor: why, Relapses: 1}
		})
		if got := w.decide().Decisions[0].Memory.Relapses; got != want {
			t.Errorf("back for %q: %d failed trials, want %d", why, got, want)
		}
	}
}

// TestAPersonsWordBeginsAnew: a pod whose trials have all failed, and that a
// person puts back, is not evicted at the next look.
func TestAPersonsWordBeginsAnew(t *testing.T) {
	for name, person := range map[string]func(*decide.Pod){"by hand": byHand("yes"), "by override": override("yes")} {
		t.Run(name, func(t *testing.T) {
			w := fleet(10).gated(3, time.Hour, time.Minute).relapsed(3, 3, v1alpha1.ThenEvict).pod(3, person)
			w.Looked = false
			w.carry(w.decide())
			w.Looked = true
			w.Pods[3].Override = ""
			w.bad(3, 9)
			for range 3 {
				w.Now = w.Now.Add(15 * time.Second)
				for _, d := range w.carry(w.decide()).Decisions {
					if d.Action == decide.Evict || (d.Action == decide.Gate && name == "by hand") {
						t.Errorf("%s after %s: %s", d.Action, w.Now.Sub(now), d.Message)
					}
				}
			}
			if m := w.Pods[3].Memory; m.Relapses != 0 {
				t.Errorf("%d failed trials", m.Relapses)
			}
		})
	}
}

// TestForgivenessIsNoTrial: a pod that has been healthy for long keeps nobody
// else waiting.
func TestForgivenessIsNoTrial(t *testing.T) {
	w := fleet(10).gated(3, 10*time.Second, time.Minute).pod(4, func(p *decide.Pod) {
		p.Memory = decide.Memory{Gate: "web", ReleasedAt: at(-3 * time.Hour), ReleasedFor: decide.ReasonTrial, Relapses: 20}
	})
	if got := summary(w.carry(w.decide())); got != "Note web-4 Recovered" {
		t.Fatal(got)
	}
	w.Now = at(51 * time.Second)
	if got := summary(w.carry(w.decide())); got != "Release web-3 Trial" {
		t.Errorf("%q: web-3 waits for a pod that is well", got)
	}
}

// TestOneLookIsOneSight: passes between two looks do not make a common cause
// last.
func TestOneLookIsOneSight(t *testing.T) {
	w := fleet(10).bad(3, 9).edit(func(w *world) { w.signal.Result.Fleet.Moved = 5 })
	w.carry(w.decide())
	w.Looked = false
	for range 5 {
		w.Now = w.Now.Add(time.Minute)
		w.carry(w.decide())
	}
	if w.CommonCauseAt != now {
		t.Errorf("seen at %s, and at no other look than that of %s", w.CommonCauseAt, now)
	}
}

// TestNobodyIsJudgedByWhatWasBefore: a pod of the same name may have been there
// until the window is over.
func TestNobodyIsJudgedByWhatWasBefore(t *testing.T) {
	p, slow := fleet(1).Pods[0], policy
	slow.Window = 10 * time.Minute
	for ago, want := range map[time.Duration]bool{2 * time.Minute: false, 10 * time.Minute: true} {
		p.ReadySince = at(-ago)
		if got := p.Judged("web", slow, now, now); got != want {
			t.Errorf("Ready for %s with a window of %s: judged %t", ago, slow.Window, got)
		}
	}
}

// TestNoStayIsShorterThanTheWindow: the trial would be judged by what was before
// the pod went out.
func TestNoStayIsShorterThanTheWindow(t *testing.T) {
	for i := range 50 {
		w := fleet(10).bad(3, 9).pod(3, func(p *decide.Pod) { p.UID = string(rune('a' + i)) })
		w.signal.Result.Verdicts[3].Pod = w.Pods[3].UID
		if m := w.decide().Decisions[0].Memory; m.GatedUntil.Sub(m.GatedAt) < w.Policy.Window {
			t.Fatalf("out for %s, and the window is %s", m.GatedUntil.Sub(m.GatedAt), w.Policy.Window)
		}
	}
}

// TestATrialWaitsForAWindowThatWasMadeLonger: as for one that was as long when the pod
// went out, but no longer than the longest stay.
func TestATrialWaitsForAWindowThatWasMadeLonger(t *testing.T) {
	for out, want := range map[time.Duration]string{time.Minute: "", 9 * time.Minute: "", 10 * time.Minute: "Release web-0 Trial"} {
		w := fleet(5).gated(0, out, time.Minute)
		w.Policy.Window, w.Policy.After, w.Policy.MaxAfter = 10*time.Minute, 10*time.Minute, 10*time.Minute
		if got := summary(w.decide()); got != want {
			t.Errorf("out for %s: %q, want %q", out, got, want)
		}
	}
}

// TestSettled: metrics of a pod that came back speak of its time out of traffic too,
// until the window is over.
func TestSettled(t *testing.T) {
	slow := policy
	slow.Window = 10 * time.Minute
	back := func(ago time.Duration, why decide.Reason) decide.Memory {
		return decide.Memory{Gate: "web", ReleasedAt: at(-ago), ReleasedFor: why}
	}
	for name, row := range map[string]struct {
		edit func(*decide.Pod)
		want bool
	}{
		"never out":                           {func(*decide.Pod) {}, true},
		"back from a gating":                  {func(p *decide.Pod) { p.Memory = back(9*time.Minute, decide.ReasonTrial) }, false},
		"back for as long as the window":      {func(p *decide.Pod) { p.Memory = back(10*time.Minute, decide.ReasonTrial) }, true},
		"a relapse was forgiven":              {func(p *decide.Pod) { p.Memory = back(time.Minute, decide.ReasonRecovered) }, true},
		"back from where nothing notes it":    {func(p *decide.Pod) { p.OutAt = at(-9 * time.Minute) }, false},
		"so, and long ago":                    {func(p *decide.Pod) { p.OutAt = at(-10 * time.Minute) }, true},
		"the later of both":                   {func(p *decide.Pod) { p.OutAt, p.Memory = at(-time.Minute), back(time.Hour, decide.ReasonTrial) }, false},
		"noted by a clock that was ahead":     {func(p *decide.Pod) { p.Memory = back(-time.Hour, decide.ReasonTrial) }, true},
		"out, and of the time before it went": {func(p *decide.Pod) { p.Traffic, p.OutAt = "no", at(0) }, true},
	} {
		p := fleet(1).Pods[0]
		row.edit(&p)
		if got := p.Settled(slow, now, now); got != row.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
