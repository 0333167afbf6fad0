package decide

import (
	"fmt"
	"math"
	"time"

	"github.com/podgate/podgate/anomaly"
)

// commonCauseNowOrLately says why the fault is not in the pods. After a common
// cause nobody is gated until the metrics speak of nothing but the time since:
// while it fades, the last pods to get well would look like outliers.
func (s *step) commonCauseNowOrLately() string {
	s.plan.CommonCauseAt = s.CommonCauseAt
	if why := s.findCommonCause(); why != "" {
		if s.Looked || s.CommonCauseAt.IsZero() { // between two looks nothing new was seen
			s.plan.CommonCauseAt = s.Now
		}
		return why
	}
	ago := s.Now.Sub(s.CommonCauseAt)
	if s.CommonCauseAt.IsZero() || ago >= s.Policy.TrialPeriod() || ago < -clockSlack {
		s.plan.CommonCauseAt = zero
		return ""
	}
	return fmt.Sprintf("a common cause was seen until %s, and pods are not told apart before %s",
		clock(s.CommonCauseAt), clock(s.CommonCauseAt.Add(s.Policy.TrialPeriod())))
}

// clock is a time of day for people to read.
func clock(t time.Time) string { return t.UTC().Format("15:04:05 MST") }

// findCommonCause says why the fault is not in the pods: as many of them look
// bad as do not, or at least half of them are off the fleet's own past. Pods
// that are gated already count as bad.
func (s *step) findCommonCause() string {
	bad, good := 0, 0
	for _, p := range s.pods {
		switch {
		case s.looksBad(p):
			bad++
		case s.finding(p).Class == anomaly.Normal:
			good++
		}
	}
	if outliers := len(s.outliers()); outliers > 0 && bad >= good {
		return fmt.Sprintf("%d pods look bad or are out and %d look normal: the fault is not in the pods", bad, good)
	}
	for _, sig := range s.Signals {
		if f := sig.Result.Fleet; f.Moved > 0 && 2*f.Moved >= f.Known && 2*f.Known >= f.Judged {
			if sig.Unit == anomaly.Naming {
				return fmt.Sprintf("%s: the external detector names %d of %d pods: the fault is not in the pods", sig.Name, f.Moved, f.Known)
			}
			return fmt.Sprintf("%s: %d of %d pods are worse than %s (%s now): the fault is not in the pods",
				sig.Name, f.Moved, f.Known, usual(sig), anomaly.Format(sig.Kind, f.Level))
		}
	}
	return ""
}

// looksBad reports whether a pod is out on evidence, or there is evidence now.
func (s *step) looksBad(p Pod) bool {
	return p.State(s.Gate) == Gated || s.finding(p).Class == anomaly.Outlier
}

// usual is what the fleet's level is held against, for people to read.
func usual(sig Signal) string {
	if f := sig.Result.Fleet; !math.IsNaN(f.Usual) {
		return "the fleet's own past, " + anomaly.Format(sig.Kind, f.Usual)
	}
	return "the limit"
}
