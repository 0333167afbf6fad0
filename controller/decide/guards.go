package decide

import (
	"fmt"
	"math"
	"slices"

	"github.com/podgate/podgate/anomaly"
	"github.com/podgate/podgate/api/v1alpha1"
)

// Reasons of Hold: the guard that held, or UnknownOverride for an override label
// that says neither yes nor no.
const (
	UnknownOverride Reason = "UnknownOverride"
	HeldOverride    Reason = "HeldOverride"
	HeldPardoned    Reason = "HeldPardoned"
	HeldIncomplete  Reason = "HeldIncompleteMetrics"
	HeldCommonCause Reason = "HeldCommonCause"
	HeldOneAtATime  Reason = "HeldOneAtATime"
	HeldLimit       Reason = "HeldLimit"
	HeldMinServing  Reason = "HeldMinServing"
)

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
	{HeldIncomplete, incompleteMetrics},
	{HeldCommonCause, commonCause},
	{HeldOneAtATime, oneAtATime},
	{HeldLimit, limitReached},
	{HeldMinServing, tooFewServing},
}

// overridden: a person's "yes" stands whatever the verdict.
func overridden(_ *step, p Pod) string {
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
			p.Memory.GatedUntil.UTC().Format("15:04:05 MST"))
	}
	return ""
}

// incompleteMetrics: where fewer than half of the judged pods have an answer,
// nobody knows what is normal.
func incompleteMetrics(s *step, p Pod) string {
	f := s.finding(p).SignalSeen
	if 2*f.Known < f.Judged {
		return fmt.Sprintf("only %d of %d pods have data", f.Known, f.Judged)
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
	s.plan.CommonCause = s.findCommonCause()
	for _, i := range s.outliers() {
		p, f := s.pods[i], s.finding(s.pods[i])
		reason, why := s.held(p)
		if (reason == HeldLimit || reason == HeldMinServing) && s.plan.LimitReached == "" {
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
			Memory: s.gatedMemory(p.Memory, f.String()), Message: f.String()})
	}
}

func (s *step) held(p Pod) (Reason, string) {
	for _, g := range guards {
		if why := g.holds(s, p); why != "" {
			return g.reason, why
		}
	}
	return "", ""
}

// gatedMemory is what is noted on a pod that goes out: each time that it was
// back before counts as a relapse, and doubles the stay.
func (s *step) gatedMemory(before Memory, reason string) Memory {
	relapses := 0
	if !before.ReleasedAt.IsZero() {
		relapses = before.Relapses + 1
	}
	return Memory{Gate: s.Gate, GatedAt: s.Now, GatedUntil: s.Now.Add(s.Policy.BackOff(relapses)),
		Relapses: relapses, Reason: reason}
}

// outliers returns the indexes of the serving pods that look bad, worst first.
func (s *step) outliers() (out []int) {
	for i, p := range s.pods {
		if p.State(s.Gate) == Serving && s.finding(p).Class == anomaly.Outlier {
			out = append(out, i)
		}
	}
	slices.SortStableFunc(out, func(a, b int) int {
		if anomaly.Worse(s.finding(s.pods[a]).Verdict, s.finding(s.pods[b]).Verdict) {
			return -1
		}
		return 1
	})
	return out
}

// findCommonCause says why the fault is not in the pods: as many of them look
// bad as do not, or at least half of them are off the fleet's own past. Pods
// that are gated already count as bad.
func (s *step) findCommonCause() string {
	bad, good := 0, 0
	for _, p := range s.pods {
		switch {
		case p.State(s.Gate) == Gated || s.finding(p).Class == anomaly.Outlier:
			bad++
		case s.finding(p).Class == anomaly.Normal:
			good++
		}
	}
	if outliers := len(s.outliers()); outliers > 0 && bad >= good {
		return fmt.Sprintf("%d pods look bad or are out and %d look normal: the fault is not in the pods", bad, good)
	}
	for _, sig := range s.Signals {
		if f := sig.Result.Fleet; f.Moved > 0 && 2*f.Moved >= f.Known {
			return fmt.Sprintf("%s: %d of %d pods are worse than %s (%s now): the fault is not in the pods",
				sig.Name, f.Moved, f.Known, usual(sig), anomaly.Format(sig.Kind, f.Level))
		}
	}
	return ""
}

// usual is what the fleet's level is held against, for people to read.
func usual(sig Signal) string {
	if f := sig.Result.Fleet; !math.IsNaN(f.Usual) {
		return "the fleet's own past, " + anomaly.Format(sig.Kind, f.Usual)
	}
	return "the limit"
}
