package decide_test

import (
	"strings"
	"testing"
	"time"

	"github.com/podgate/podgate/anomaly"
	"github.com/podgate/podgate/controller/decide"
)

// TestExamine: every guard is asked, and answers as it would in a step.
func TestExamine(t *testing.T) {
	for name, row := range map[string]struct {
		world *world
		held  string // the guards that hold, in their order
	}{
		"nothing holds an outlier back":         {fleet(10).bad(3, 9), ""},
		"nor a pod that is normal":              {fleet(10), ""},
		"all that hold are told":                {fleet(10).bad(3, 9).pod(3, override("yes")).pod(0, unready).pod(1, unready), "HeldOverride HeldLimit"},
		"a gated pod uses up nothing itself":    {fleet(10).gated(3, time.Second, time.Minute), ""},
		"but others do":                         {fleet(10).gated(3, time.Second, time.Minute).gated(4, time.Second, time.Minute).pod(5, unready), "HeldLimit"},
		"the common cause holds all":            {fleet(4).bad(3, 9).bad(0, 8), "HeldCommonCause"},
		"the load of the rest holds":            {fleet(10).bad(3, 9).load(0.8, 0.79, 10), "HeldHeadroom"},
		"the limit of another Service holds":    {fleet(10).bad(3, 9).shared("canary", 3, 4), "HeldOtherService"},
		"a pod that was put back is left alone": {fleet(10).bad(3, 9).pod(3, func(p *decide.Pod) { p.Memory = decide.Memory{Gate: "web", GatedUntil: at(time.Minute)} }), "HeldPardoned"},
	} {
		t.Run(name, func(t *testing.T) {
			row.world.Signals = []decide.Signal{row.world.signal}
			e := decide.Examine(row.world.Input, "uid-3")
			var held []string
			for _, g := range e.Guards {
				if g.Holds != "" {
					held = append(held, string(g.Guard))
				}
			}
			if got := strings.Join(held, " "); got != row.held {
				t.Errorf("held by %q, want %q", got, row.held)
			}
			if len(e.Guards) != 11 {
				t.Errorf("%d guards were asked", len(e.Guards))
			}
		})
	}
}

// TestExamineAgreesWithTheStep: the first guard that holds an outlier back is the
// one that the step reports.
func TestExamineAgreesWithTheStep(t *testing.T) {
	for _, w := range []*world{
		fleet(10).bad(3, 9), fleet(10).bad(3, 9).pod(3, override("yes")), fleet(2).bad(0, 9),
		fleet(10).bad(3, 9).pod(0, unready).pod(1, unready), fleet(4).bad(3, 9).edit(func(w *world) { w.Policy.MinServing = 4 }),
	} {
		plan := w.decide()
		for _, d := range plan.Decisions {
			first := decide.Reason("")
			for _, g := range decide.Examine(w.Input, d.UID).Guards {
				if g.Holds != "" && first == "" {
					first = g.Guard
				}
			}
			if (d.Action == decide.Gate) != (first == "") || (d.Action == decide.Hold && d.Reason != first) {
				t.Errorf("%s %s %s, and the examination says %q", d.Action, d.Pod, d.Reason, first)
			}
		}
	}
}

func TestExamineTellsTheEvidence(t *testing.T) {
	w := fleet(10).bad(3, 9)
	w.Signals = []decide.Signal{w.signal}
	if f := decide.Examine(w.Input, "uid-3").Finding; f.Signal != "errors" || f.Class != anomaly.Outlier || f.Evidence != 9 {
		t.Errorf("%+v", f)
	}
	if e := decide.Examine(w.Input, "nobody"); len(e.Guards) != 0 {
		t.Errorf("of a pod that is not there: %+v", e)
	}
}
