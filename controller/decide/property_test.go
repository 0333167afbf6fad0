package decide_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/podgate/podgate/anomaly"
	"github.com/podgate/podgate/controller/decide"
)

// sim carries out the plans of random fleets under random events, and checks
// the promises after every single write.
type sim struct {
	t    *testing.T
	r    *rand.Rand
	seed uint64
	w    *world
	step int
	next int
	// expiries counts the overrides that ended by themselves.
	expiries int
}

func (s *sim) chance(p float64) bool { return s.r.Float64() < p }

// event changes the world as clusters, people and time do.
func (s *sim) event() {
	s.w.Now = s.w.Now.Add(time.Duration(s.r.IntN(40)) * time.Second)
	if s.chance(0.02) {
		s.w.Now = s.w.Now.Add(time.Duration(s.r.IntN(7200)-3600) * time.Second) // the clock jumps
	}
	if s.chance(0.05) {
		s.w.Policy.MaxGated.Max = s.r.IntN(101)
		s.w.Policy.MaxGated.Percent = s.chance(0.7)
		s.w.Policy.MinServing = 1 + s.r.IntN(4)
	}
	if s.chance(0.05) {
		s.neighbour()
	}
	s.w.Looked = s.chance(0.7)
	if s.chance(0.1) && len(s.w.Pods) > 0 {
		i := s.r.IntN(len(s.w.Pods))
		s.w.Pods = append(s.w.Pods[:i:i], s.w.Pods[i+1:]...)
	}
	if s.chance(0.1) {
		s.next++
		p := fleet(1).Pods[0]
		p.Name, p.UID, p.ReadySince = fmt.Sprintf("new-%d", s.next), fmt.Sprintf("new-%d", s.next), s.w.Now
		if s.chance(0.5) {
			unlabelled(&p)
		}
		s.w.Pods = append(s.w.Pods, p)
	}
	for i := range s.w.Pods {
		if p := &s.w.Pods[i]; s.chance(0.02) {
			[]func(*decide.Pod){unready, func(p *decide.Pod) { p.Ready = true }, override("yes"), override("no"), override(""),
				byHand("no"), byHand("yes"), unlabelled}[s.r.IntN(8)](p)
			if s.chance(0.2) { // also on a pod without an override: what is left of one
				p.OverrideUntil = s.w.Now.Add(time.Duration(s.r.IntN(300)-60) * time.Second)
				p.OverrideTime = p.OverrideUntil.Format(time.RFC3339)
			}
		}
	}
	s.look()
}

// neighbour lets another Service that selects on the label come, or go, or have
// other pods.
func (s *sim) neighbour() {
	name, share := []string{"canary", "zonal"}[s.r.IntN(2)], []float64{0, 0.1, 0.5, 1}[s.r.IntN(4)]
	for i := range s.w.Pods {
		p := &s.w.Pods[i]
		p.Services = slices.DeleteFunc(slices.Clone(p.Services), func(had string) bool { return had == name })
		if s.chance(share) {
			p.Services = append(p.Services, name)
		}
	}
}

// others counts the pods of each other Service: all, those that do not serve, and
// those that are gated.
func (s *sim) others() map[string][3]int {
	out := map[string][3]int{}
	for _, p := range s.w.Pods {
		for _, name := range p.Services {
			n := out[name]
			n[0]++
			if state := p.State(s.w.Gate); state != decide.Serving {
				n[1]++
				if state == decide.Gated {
					n[2]++
				}
			}
			out[name] = n
		}
	}
	return out
}

// look makes up what the detectors say: mostly sense, sometimes nonsense.
func (s *sim) look() {
	s.w.signal.Result = anomaly.Result{}
	share := []float64{0, 0.1, 0.3, 0.6, 1}[s.r.IntN(5)]
	for _, p := range s.w.Pods {
		v := anomaly.Verdict{Pod: p.UID, Class: anomaly.Normal, Bar: 3.5}
		if s.chance(share) {
			v.Class, v.Evidence = anomaly.Outlier, 4+10*s.r.Float64()
		} else if s.chance(0.1) {
			v.Class = anomaly.Unknown
		}
		s.w.signal.Result.Verdicts = append(s.w.signal.Result.Verdicts, v)
	}
	s.w.signal.Result.Fleet = anomaly.Fleet{Judged: len(s.w.Pods), Known: len(s.w.Pods)}
}

func (s *sim) fail(format string, args ...any) {
	s.t.Fatalf("seed %d step %d: %s", s.seed, s.step, fmt.Sprintf(format, args...))
}

// apply carries out the plan write by write, sometimes stopping in the middle
// as a crash would, and checks each.
func (s *sim) apply(plan decide.Plan) {
	gatings := 0
	for _, d := range plan.Decisions {
		if d.Action == decide.Gate {
			gatings++
			s.checkGating(d)
		}
		if !d.Writes() {
			continue
		}
		if s.chance(0.02) {
			return // a crash, or a conflict: the rest is left for the next step
		}
		for i := range s.w.Pods {
			if p := &s.w.Pods[i]; p.UID == d.UID {
				if d.Action == decide.Expire {
					s.checkExpiry(d)
					p.Override, p.OverrideUntil, p.OverrideTime = "", time.Time{}, ""
					continue
				}
				if p.Traffic != d.Traffic || !p.Labelled {
					p.Traffic, p.Labelled, p.ByOther = d.Traffic, true, false
				}
				p.Memory = d.Memory
			}
		}
	}
	if gatings > 1 {
		s.fail("%d pods gated at one look", gatings)
	}
	s.checkComplete(plan)
}

func (s *sim) tally() (gated, out, serving int) {
	for _, p := range s.w.Pods {
		switch p.State(s.w.Gate) {
		case decide.Gated:
			gated++
		case decide.Serving:
			serving++
		}
	}
	return gated, len(s.w.Pods) - serving, serving
}

// checkGating checks a gating before it is written.
func (s *sim) checkGating(d decide.Decision) {
	gated, out, serving := s.tally()
	n := len(s.w.Pods)
	if limit := s.w.Policy.Allowance(n); out+1 > limit {
		s.fail("%s gated with %d of %d out, limit %d", d.Pod, out, n, limit)
	}
	if 2*(gated+1) >= n {
		s.fail("%s gated: %d of %d is no minority", d.Pod, gated+1, n)
	}
	if serving-1 < s.w.Policy.MinServing {
		s.fail("%s gated: %d serve, %d must", d.Pod, serving-1, s.w.Policy.MinServing)
	}
	for name, n := range s.others() {
		if slices.Contains(d.Before.Services, name) && 2*(n[1]+1) >= n[0] {
			s.fail("%s gated: Service %s has lost %d of %d", d.Pod, name, n[1], n[0])
		}
	}
	if !s.w.Looked {
		s.fail("%s gated between two looks", d.Pod)
	}
	if d.Before.Override != "" && d.Before.Override != "no" {
		s.fail("%s gated against a person's %q", d.Pod, d.Before.Override)
	}
	if d.Finding.Class != anomaly.Outlier {
		s.fail("%s gated without evidence: %+v", d.Pod, d.Finding)
	}
}

// checkExpiry checks that an override is taken off in its time, and only then.
func (s *sim) checkExpiry(d decide.Decision) {
	if p := d.Before; p.Override != "" && s.w.Now.Before(p.OverrideUntil) {
		s.fail("the override of %s ends at %s, before its time %s", d.Pod, s.w.Now, p.OverrideUntil)
	}
	s.expiries++
}

// checkComplete checks the world after a plan that was carried out in full.
func (s *sim) checkComplete(plan decide.Plan) {
	gated, _, _ := s.tally()
	if limit := s.w.Policy.Allowance(len(s.w.Pods)); gated > limit {
		s.fail("%d of %d gated after a full pass, limit %d", gated, len(s.w.Pods), limit)
	}
	for name, n := range s.others() {
		if n[2] > 0 && 2*n[2] >= n[0] {
			s.fail("%d of the %d pods of Service %s are gated after a full pass", n[2], n[0], name)
		}
	}
	trials := 0
	for _, d := range plan.Decisions {
		if d.Action == decide.Release && d.Reason == decide.ReasonTrial {
			trials++
		}
	}
	if trials > 1 {
		s.fail("%d pods sent on trial at once", trials)
	}
	for _, p := range s.w.Pods {
		if p.Override != "" && !p.OverrideUntil.IsZero() && !s.w.Now.Before(p.OverrideUntil) {
			s.fail("the override of %s outlives its time", p.Name)
		}
		if !p.Labelled {
			s.fail("%s has no label after a full pass", p.Name)
		}
		if p.Override == "yes" && p.Traffic != "yes" {
			s.fail("%s is out against its override", p.Name)
		}
		if p.Override == "no" && p.Traffic == "yes" {
			s.fail("%s serves against its override", p.Name)
		}
	}
	s.w.Signals = []decide.Signal{s.w.signal}
	s.checkSettled()
}

// checkSettled checks that doing it again at the same instant changes nothing
// more, apart from the next pod's turn to be gated.
func (s *sim) checkSettled() {
	in := s.w.Input
	in.Looked = false
	for _, d := range decide.Decide(in).Decisions {
		if d.Writes() && d.Reason != decide.ReasonTrial {
			s.fail("a second pass at once still wants: %s %s %s", d.Action, d.Pod, d.Reason)
		}
	}
}

// checkDeterminism checks that the same input in another order gives the same
// plan.
func (s *sim) checkDeterminism(plan decide.Plan) {
	in := s.w.Input
	in.Pods = append([]decide.Pod(nil), in.Pods...)
	s.r.Shuffle(len(in.Pods), func(i, j int) { in.Pods[i], in.Pods[j] = in.Pods[j], in.Pods[i] })
	if got, want := summary(decide.Decide(in)), summary(plan); got != want {
		s.fail("another order of pods, another plan:\n%s\n%s", got, want)
	}
}

// checkRelease checks that deletion brings back all that we hold out, and
// leaves what people hold out.
func (s *sim) checkRelease() {
	in := s.w.Input
	in.ReleaseAll = decide.ReasonGateDeleted
	released := map[string]bool{}
	for _, d := range decide.Decide(in).Decisions {
		if d.Action == decide.Release {
			released[d.UID] = true
		}
	}
	for _, p := range in.Pods {
		if p.Ours(in.Gate) != released[p.UID] {
			s.fail("on deletion %s (ours: %t) released: %t", p.Name, p.Ours(in.Gate), released[p.UID])
		}
	}
}

// TestInvariants drives the step with random fleets of 1 to 60 pods. A failure
// names its seed.
func TestInvariants(t *testing.T) {
	seeds, steps := 60, 100
	gatings, expiries := 0, 0
	for seed := range uint64(seeds) {
		s := &sim{t: t, seed: seed, r: rand.New(rand.NewPCG(seed, 1))}
		s.w = fleet(1 + s.r.IntN(60))
		for s.step = range steps {
			s.event()
			plan := s.w.decide()
			s.checkDeterminism(plan)
			s.checkRelease()
			s.apply(plan)
			for _, d := range plan.Decisions {
				if d.Action == decide.Gate {
					gatings++
				}
			}
		}
		expiries += s.expiries
	}
	t.Logf("%d steps, %d gatings, %d overrides ended", seeds*steps, gatings, expiries)
	if gatings < seeds || expiries < seeds {
		t.Errorf("only %d gatings and %d ends of overrides in %d steps: the test does not test", gatings, expiries, seeds*steps)
	}
}
