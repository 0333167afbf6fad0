package decide

import (
	"slices"
	"strings"
	"time"

	"github.com/podgate/podgate/api/v1alpha1"
)

// Input is everything that a step may know.
type Input struct {
	// Gate is the TrafficGate's name.
	Gate   string
	Policy Policy
	// Pods is the fleet.
	Pods []Pod
	// Leaving is how many pods of the Service are terminating; they are not of the
	// fleet any more.
	Leaving int
	// Strays are pods outside the fleet that carry this gate's notes.
	Strays []Pod
	// LabelNew says that pods without the traffic label get their "yes".
	LabelNew bool
	// ReleaseAll, if set, is why every pod comes back and nothing else is done.
	ReleaseAll Reason
	// Signals is what the detectors said at the last look. Looked says that this
	// step is that look; between two looks, because of a person or the clock,
	// nobody is gated.
	Signals []Signal
	Looked  bool
	// Unsure says that what is known may be out of date: nobody is put on trial.
	Unsure bool
	// Headroom is the load of the pods at the last look; nil if the policy does
	// not ask for it.
	Headroom *Headroom
	// Probes says, by UID, whether a gated pod is healthy as far as can be told
	// without traffic. A pod that is missing is not known of.
	Probes map[string]bool
	// CommonCauseAt is when a common cause was last seen; zero if never.
	CommonCauseAt time.Time
	Now           time.Time
	// Without leaves a rule out, to show that a test notices. Nobody should for any
	// other reason.
	Without Rule
}

// step is one run of Decide: the input, with the pods as they become while the
// decisions are taken, so that each rule sees what the rules before it did.
type step struct {
	Input
	pods     []Pod
	findings map[string]Finding
	expired  map[string]bool // the pods, by UID, whose override ended in this step
	plan     Plan
}

// Decide is the one step from what is known to what is done. The same input
// gives the same plan. At most one pod is newly gated.
func Decide(in Input) Plan {
	s := newStep(in)
	todo := append(slices.Clone(always), rules...)
	if in.ReleaseAll != "" {
		todo = append(always[:len(always):len(always)], rule{RuleReleaseAll, (*step).releaseAll})
	}
	for _, r := range todo {
		if !s.without(r.name) {
			r.run(s)
		}
	}
	s.plan.Counts = s.count()
	s.plan.Next = s.next()
	s.plan.Outlook = s.outlook()
	s.plan.Trials = s.trials()
	return s.plan
}

// newStep begins a step, with the pods in the order of their names.
func newStep(in Input) *step {
	s := &step{Input: in, pods: slices.Clone(in.Pods), findings: Findings(in.Signals), expired: map[string]bool{}}
	slices.SortFunc(s.pods, func(a, b Pod) int { return strings.Compare(a.Name, b.Name) })
	return s
}

// do records a decision about the pod at index i, and applies it for the rules
// that follow.
func (s *step) do(i int, d Decision) {
	p := &s.pods[i]
	s.plan.Decisions = append(s.plan.Decisions, about(*p, d))
	if d.Writes() {
		p.Memory = d.Memory
		if d.Action != Note && d.Action != Expire { // from here on the label is ours
			p.Traffic, p.Labelled, p.ByOther = d.Traffic, true, false
		}
	}
}

// about completes a decision with the pod that it is about.
func about(p Pod, d Decision) Decision {
	d.Pod, d.UID, d.Before = p.Name, p.UID, p
	return d
}

func (s *step) finding(p Pod) Finding { return s.findings[p.UID] }

// written reports whether something was decided about the pod already that
// changes it. A gating must meet the pod as it was counted; it waits then.
func (s *step) written(p Pod) bool {
	return slices.ContainsFunc(s.plan.Decisions, func(d Decision) bool { return d.UID == p.UID && d.Writes() })
}

// labelNew gives every pod without the traffic label its "yes": a new pod must
// never lose traffic because of us. One that a person's override keeps out is
// left to obeyOverrides.
func (s *step) labelNew() {
	for i, p := range s.pods {
		if s.LabelNew && !p.Labelled && p.Override != v1alpha1.OverrideNo {
			s.do(i, Decision{Action: Label, Reason: ReasonNewPod, Traffic: v1alpha1.TrafficYes,
				Memory: p.Memory.released(s.Now, ReasonNewPod), Message: "had no traffic label"})
		}
	}
}

// releaseAll brings every pod back that this gate holds out.
func (s *step) releaseAll() {
	for i, p := range s.pods {
		if s.ReleaseAll == ReasonRefused && p.Override == v1alpha1.OverrideNo {
			continue // a person looks after it, and asked for nothing else
		}
		if p.Ours(s.Gate) || p.lost() {
			s.do(i, Decision{Action: Release, Reason: s.ReleaseAll, Traffic: v1alpha1.TrafficYes,
				Message: releaseAllMessages[s.ReleaseAll]})
		} else if p.Memory.Gate == s.Gate {
			s.do(i, Decision{Action: Note, Reason: s.ReleaseAll, Traffic: p.Traffic,
				Message: releaseAllMessages[s.ReleaseAll]})
		}
	}
}

var releaseAllMessages = map[Reason]string{
	ReasonGateDeleted: "the TrafficGate is being deleted",
	ReasonSuspended:   "the TrafficGate is suspended",
	ReasonDryRun:      "the TrafficGate is a dry run now",
	ReasonNotEnrolled: "the Service does not select on the traffic label",
	ReasonRefused:     "the TrafficGate cannot work as it is",
}

// releaseStrays brings back pods that this gate holds out although they are not
// of its fleet any more, and takes its notes off the others.
func (s *step) releaseStrays() {
	for _, p := range s.Strays {
		if p.overrideOver(s.Now) {
			s.plan.Decisions = append(s.plan.Decisions, about(p, s.expiry(p)))
			p = p.withoutOverride()
		}
		if s.ReleaseAll == ReasonRefused && p.Override == v1alpha1.OverrideNo {
			continue // whether it left cannot be told, and a person looks after it
		}
		d := Decision{Action: Note, Reason: ReasonLeftFleet, Traffic: p.Traffic, Message: "is no longer a pod of this Service"}
		if p.Ours(s.Gate) || p.lost() {
			d.Action, d.Traffic = Release, v1alpha1.TrafficYes
		}
		s.plan.Decisions = append(s.plan.Decisions, about(p, d))
	}
}
