package decide

// Rule names one rule of a step, so that a test can leave it out and show that
// it is missed. The guards are rules too, under the names of their reasons.
type Rule string

// The rules besides the guards, in the order in which they are applied.
const (
	RuleStrays         Rule = "Strays"
	RuleEndOverrides   Rule = "EndOverrides"
	RuleLabelNew       Rule = "LabelNew"
	RuleReleaseAll     Rule = "ReleaseAll"
	RuleObeyOverrides  Rule = "ObeyOverrides"
	RuleRespectPeople  Rule = "RespectPeople"
	RuleReturnExcess   Rule = "ReturnExcess"
	RuleTrials         Rule = "Trials"
	RuleEvict          Rule = "Evict"
	RuleForget         Rule = "Forget"
	RuleGate           Rule = "Gate"
	RuleWholeFleet     Rule = "WholeFleet"     // limits are taken of the whole fleet, gated pods included
	RuleMinority       Rule = "Minority"       // whatever the limit says, a strict minority
	RuleWorstFirst     Rule = "WorstFirst"     // the worst outlier goes first
	RuleOneTrial       Rule = "OneTrial"       // one pod on trial at a time
	RuleBackOff        Rule = "BackOff"        // each relapse doubles the stay
	RuleLongestStay    Rule = "LongestStay"    // no note keeps a pod out for longer than the policy allows
	RuleHealthForgives Rule = "HealthForgives" // only evidence of health forgives
	RuleReplaceable    Rule = "Replaceable"    // only what a workload would replace is evicted
)

// rule is one rule of a step.
type rule struct {
	name Rule
	run  func(*step)
}

// rules of an ordinary step: people come first, then what the clock demands, and
// the metrics last.
var rules = []rule{
	{RuleObeyOverrides, (*step).obeyOverrides},
	{RuleRespectPeople, (*step).respectPeople},
	{RuleReturnExcess, (*step).returnExcess},
	{RuleTrials, (*step).startTrial},
	{RuleEvict, (*step).evict},
	{RuleForget, (*step).forget},
	{RuleGate, (*step).gateWorst},
}

// always are the rules that hold in every mode, before all others.
var always = []rule{
	{RuleStrays, (*step).releaseStrays},
	{RuleEndOverrides, (*step).endOverrides},
	{RuleLabelNew, (*step).labelNew},
}

// without reports whether a rule is left out.
func (s *step) without(r Rule) bool { return s.Without != "" && s.Without == r }
