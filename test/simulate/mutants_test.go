package simulate

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/podgate/podgate/controller"
	"github.com/podgate/podgate/controller/decide"
	"github.com/podgate/podgate/test/simulate/oracle"
)

var table = flag.String("simulate.table", "", "the file that TestEveryRuleIsMissed writes its table to")

// mutant is the product without one of its rules.
type mutant struct {
	rule decide.Rule
	// breaks is what then happens, in words.
	breaks string
	// kubervisor are the faults of Kubervisor that the rule prevents.
	kubervisor string
	// seed is that of a run that shows it.
	seed uint64
	// untold says that not the status is to give it away, which shows the limit.
	untold bool
}

// mutants are all rules: those of a step, the guards, and the two with which two
// controllers gate as one. HeldBusy is not among them: without it a second write to
// the same pod is refused by the API server, as its precondition is the first.
var mutants = []mutant{
	{rule: decide.RuleStrays, breaks: "pods of a gate that is gone, or that left its fleet, stay out", kubervisor: "stranded pods after the resource is deleted", seed: 5},
	{rule: decide.RuleEndOverrides, breaks: "an override with an end does not end", seed: 10},
	{rule: decide.RuleLabelNew, breaks: "a pod without the label gets no traffic, and nobody says so", kubervisor: "a pod without the label blinds the whole Service", seed: 2},
	{rule: decide.RuleReleaseAll, breaks: "a gate that is suspended, deleted or refused keeps pods out", kubervisor: "stranded pods after the resource is deleted; two resources on one Service", seed: 13},
	{rule: decide.RuleObeyOverrides, breaks: "a person's override does nothing", kubervisor: "a pod put out by hand is stuck", seed: 10},
	{rule: decide.RuleRespectPeople, breaks: "a pod that a person put back is gated again at once", seed: 149},
	{rule: decide.RuleReturnExcess, breaks: "pods stay out after the limit was lowered or the fleet shrank", seed: 17},
	{rule: decide.RuleTrials, breaks: "nobody comes back", seed: 5},
	{rule: decide.RuleEvict, breaks: "a pod whose trials are spent is not evicted as the gate says", seed: 61},
	{rule: decide.RuleForget, breaks: "what is noted against a pod that is well never goes", kubervisor: "the retry count never decays", seed: 13},
	{rule: decide.RuleGate, breaks: "nobody is ever gated", seed: 10},
	{rule: decide.RuleWholeFleet, breaks: "limits are taken of the pods that are left, and erode", kubervisor: "the floor erodes: 10, 5, 2, 1", seed: 6, untold: true},
	{rule: decide.RuleMinority, breaks: "a limit of 50 % and more takes out the majority", kubervisor: "no minority rule", seed: 104, untold: true},
	{rule: decide.RuleWorstFirst, breaks: "not the worst pod goes first", kubervisor: "victims in random order", seed: 10},
	{rule: decide.RuleOneTrial, breaks: "several pods come back at a time", kubervisor: "everybody comes back at once", seed: 5},
	{rule: decide.RuleBackOff, breaks: "a pod that failed its trials stays out no longer", kubervisor: "blind re-admission", seed: 33},
	{rule: decide.RuleLongestStay, breaks: "a note of a year ahead keeps a pod out for a year", seed: 214},
	{rule: decide.RuleHealthForgives, breaks: "failed trials are forgiven without evidence of health", kubervisor: "blind re-admission", seed: 74},
	{rule: decide.RuleReplaceable, breaks: "a pod is evicted that nothing replaces", kubervisor: "pods deleted whoever owns them", seed: 310},
	{rule: decide.Rule(decide.HeldOverride), breaks: "a pod is gated against a person's yes", seed: 135},
	{rule: decide.Rule(decide.HeldPardoned), breaks: "a pod that a person put back is gated for what it did before", seed: 149},
	{rule: decide.Rule(decide.HeldIncomplete), breaks: "pods are gated on data of a few", seed: 15},
	{rule: decide.Rule(decide.HeldCommonCause), breaks: "pods are gated for a fault that all have", seed: 10},
	{rule: decide.Rule(decide.HeldOneAtATime), breaks: "several pods go at one look", kubervisor: "10 to 1 in one tick", seed: 5},
	{rule: decide.Rule(decide.HeldLimit), breaks: "more pods are out than the gate allows", kubervisor: "the floor erodes: 10, 5, 2, 1", seed: 6},
	{rule: decide.Rule(decide.HeldMinServing), breaks: "fewer pods serve than must", seed: 13},
	{rule: decide.Rule(decide.HeldDomain), breaks: "a zone loses more of its pods than the gate allows", seed: 5},
	{rule: decide.Rule(decide.HeldOther), breaks: "another Service that selects on the label loses most of its pods", seed: 2},
	{rule: decide.Rule(decide.HeldHeadroom), breaks: "the pods that are left cannot carry the load", seed: 55},
	{rule: controller.RuleConfirm, breaks: "pods are gated on what a stale cache shows", seed: 6},
	{rule: controller.RuleFence, breaks: "two controllers that both lead gate more than either may", kubervisor: "losing leadership does not stop the leader; two loops", seed: 79},
}

// TestEveryRuleIsMissed leaves one rule of the product out after the other: each
// time a promise must break in the runs of a simulation.
func TestEveryRuleIsMissed(t *testing.T) {
	if testing.Short() {
		t.Skip("a minute: not with -short")
	}
	rows := make([]string, len(mutants))
	t.Run("without", func(t *testing.T) {
		for i, m := range mutants {
			t.Run(string(m.rule), func(t *testing.T) {
				t.Parallel()
				budget, done := 200_000, 0
				options := Options{Without: m.rule}
				if m.untold {
					options.Ignore = oracle.Truth
				}
				for at := max(m.seed, 1); done < budget; at++ {
					script := NewScript(at, Episode)
					out := Run(t, script, options)
					done += out.Steps
					if v := out.Violation; v != nil {
						if with := Run(t, script, Options{}); with.Violation != nil {
							t.Fatalf("seed %d breaks a promise with the rule too: %s", at, with.Violation)
						}
						t.Logf("seed %d, step %d, %d steps in all: %.300s", at, out.Step, done, v)
						rows[i] = fmt.Sprintf("| %s | %s | %s | %s | %d:%d |\n", m.rule, m.breaks, v.Promise, m.kubervisor, at, out.Step)
						return
					}
				}
				t.Errorf("no promise was broken without the rule in %d steps from seed %d on", done, max(m.seed, 1))
			})
		}
	})
	if *table != "" && !t.Failed() {
		text := "# Without each rule\n\nWritten by `make test-simulate`: the controller in simulated worlds (see [safety.md](../safety.md)), each time without one of its rules.\nThe last column is where it shows: the run's seed, and the step.\n\n| rule left out | what happens | promise that breaks | of Kubervisor's faults | seed:step |\n|---|---|---|---|---|\n" + strings.Join(rows, "")
		if err := os.WriteFile(*table, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
