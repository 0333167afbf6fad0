package decide

import (
	"fmt"
	"slices"
	"time"

	"github.com/podgate/podgate/anomaly"
	"github.com/podgate/podgate/api/v1alpha1"
)

// Reasons of Hold: the guard that held, or UnknownOverride for an override label
// that says neither yes nor no.
const (
	UnknownOverride Reason = "UnknownOverride"
	HeldOverride    Reason = "HeldOverride"
	HeldPardoned    Reason = "HeldPardoned"
	HeldBusy        Reason = "HeldBusy"
	HeldIncomplete  Reason = "HeldIncompleteMetrics"
	HeldCommonCause Reason = "HeldCommonCause"
	HeldOneAtATime  Reason = "HeldOneAtATime"
	HeldLimit       Reason = "HeldLimit"
	HeldMinServing  Reason = "HeldMinServing"
	HeldDomain      Reason = "HeldDomain"
	HeldOther       Reason = "HeldOtherService"
	HeldHeadroom    Reason = "HeldHeadroom"
)

// HeldEviction is the reason of Hold for a pod that is to be evicted and cannot
// be yet.
const HeldEviction Reason = "HeldEviction"

// guard may hold the gating of one pod back. It returns what held it, as a
// sentence with its numbers, or nothing to let it pass.
type guard struct {
	reason Reason
	holds  func(*step, Pod) string
}

// Guards are asked in this order; the first that holds is the one reported.
var guards = []guard{
	{HeldOverride, overridden},
	{HeldPardoned, recentlyPutBack},
	{HeldBusy, busy},
	{HeldIncomplete, incompleteMetrics},
	{HeldCommonCause, commonCause},
	{HeldOneAtATime, oneAtATime},
	{HeldLimit, limitReached},
	{HeldMinServing, tooFewServing},
	{HeldDomain, domainLimitReached},
	{HeldOther, otherServiceLimitReached},
	{HeldHeadroom, tooLittleHeadroom},
}

// overridden: a person's "yes" stands whatever the verdict. When it ends, the pod
// is judged from the next look on.
func overridden(s *step, p Pod) string {
	if s.expired[p.UID] {
		return "a person's override has ended just now"
	}
	if p.Override == v1alpha1.OverrideYes {
		return fmt.Sprintf("a person keeps it in traffic (label %s=yes)", v1alpha1.LabelOverride)
	}
	return ""
}

// recentlyPutBack: a pod that a person put back is not gated again until it has
// been normal once, or its back-off time has passed.
func recentlyPutBack(s *step, p Pod) string {
	if s.pardoned(p) {
		return fmt.Sprintf("a person put it back; it may be gated again from %s on, or once it has been normal",
			clock(p.Memory.GatedUntil))
	}
	return ""
}

// busy: a gating must meet the pod as it was counted, so one that is written for
// another reason waits for the next look.
func busy(s *step, p Pod) string {
	if s.written(p) {
		return "something else is written on it first"
	}
	return ""
}

// incompleteMetrics: where fewer than half of the judged pods have an answer,
// nobody knows what is normal.
func incompleteMetrics(s *step, p Pod) string {
	if f := s.finding(p); f.incomplete() {
		return fmt.Sprintf("only %d of %d pods have data", f.SignalSeen.Known, f.SignalSeen.Judged)
	}
	return ""
}

// commonCause: if as many pods look bad as do not, or the whole fleet's level
// moved, the fault is not in the pods.
func commonCause(s *step, _ Pod) string { return s.plan.CommonCause }

// oneAtATime: at most one pod is newly gated at a look, so that its peers can
// show whether that helped or hurt.
func oneAtATime(s *step, _ Pod) string {
	for _, d := range s.plan.Decisions {
		if d.Action == Gate {
			return fmt.Sprintf("%s is worse and goes first", d.Pod)
		}
	}
	return ""
}

// limitReached: the minority rule and the user's limit. Pods that are not Ready
// and pods that people hold out use up the same allowance.
func limitReached(s *step, _ Pod) string {
	if c := s.count(); c.Out()+1 > c.Limit {
		return fmt.Sprintf("%d of %d pods may be out; %d gated, %d held out by people, %d not ready",
			c.Limit, c.Total, c.Gated, c.HeldOut, c.NotReady+c.Unlabelled)
	}
	return ""
}

// tooFewServing: minServing pods must be left after the gating.
func tooFewServing(s *step, _ Pod) string {
	if c := s.count(); c.Serving-1 < s.Policy.MinServing {
		return fmt.Sprintf("%d pods serve, and %d must", c.Serving, s.Policy.MinServing)
	}
	return ""
}

// gateWorst goes through the outliers, the worst first, and gates the one that
// passes every guard; the others are held, with the reason.
func (s *step) gateWorst() {
	s.plan.Domain = s.findDomain()
	s.plan.CommonCause = s.commonCauseNowOrLately()
	for _, i := range s.outliers() {
		p, f := s.pods[i], s.finding(s.pods[i])
		reason, why := s.held(p)
		if slices.Contains(limits, reason) && s.plan.LimitReached == "" {
			s.plan.LimitReached = p.Name + " stays in traffic: " + why
		}
		if !s.Looked {
			continue
		}
		if reason != "" {
			s.do(i, Decision{Action: Hold, Reason: reason, Finding: f, Message: f.String() + "; held back: " + why})
			continue
		}
		s.do(i, Decision{Action: Gate, Reason: ReasonOutlier, Finding: f, Traffic: v1alpha1.TrafficNo,
			Memory: s.gatedMemory(p.UID, p.Memory, f.String()), Message: f.String()})
	}
}

// limits are the guards that keep an outlier in traffic because others are out.
var limits = []Reason{HeldLimit, HeldMinServing, HeldDomain, HeldOther, HeldHeadroom}

func (s *step) held(p Pod) (Reason, string) {
	for _, g := range guards {
		if s.without(Rule(g.reason)) {
			continue
		}
		if why := g.holds(s, p); why != "" {
			return g.reason, why
		}
	}
	return "", ""
}

// gatedMemory is what is noted on a pod that goes out: each trial that failed is
// a relapse, and doubles the stay.
func (s *step) gatedMemory(uid string, before Memory, reason string) Memory {
	relapses := before.Relapses
	if before.ReleasedFor == ReasonTrial || before.ReleasedFor == ReasonRecovered {
		relapses++
	}
	// Annotations have whole seconds; a dry run, which writes none, shall not differ.
	return Memory{Gate: s.Gate, GatedAt: s.Now.Truncate(time.Second), GatedUntil: s.Now.Add(s.stay(uid, relapses)).Truncate(time.Second),
		Relapses: relapses, Reason: reason}
}

// outliers returns the indexes of the serving pods that look bad, worst first.
func (s *step) outliers() (out []int) {
	for i, p := range s.pods {
		if p.State(s.Gate) == Serving && s.finding(p).Class == anomaly.Outlier {
			out = append(out, i)
		}
	}
	if s.without(RuleWorstFirst) {
		return out
	}
	slices.SortStableFunc(out, func(a, b int) int {
		if anomaly.Worse(s.finding(s.pods[a]).Verdict, s.finding(s.pods[b]).Verdict) {
			return -1
		}
		return 1
	})
	return out
}
