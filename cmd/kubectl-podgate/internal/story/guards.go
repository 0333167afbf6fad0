package story

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/overview"
	"github.com/podgate/podgate/controller/decide"
)

// asks says in words what each guard wants.
var asks = map[decide.Reason]string{
	decide.HeldOverride:    "no person keeps it in traffic",
	decide.HeldPardoned:    "no person has just put it back",
	decide.HeldBusy:        "nothing else is written on it in the same pass",
	decide.HeldIncomplete:  "at least half of the pods have data",
	decide.HeldCommonCause: "the fault is in single pods, not in what they share",
	decide.HeldOneAtATime:  "no other pod is gated at the same look",
	decide.HeldLimit:       "one more pod may be out (limits.maxGated, a strict minority)",
	decide.HeldMinServing:  "enough pods are left to serve (limits.minServing)",
	decide.HeldDomain:      "one more pod of its zone, node or revision may be out (limits.perDomain)",
	decide.HeldOther:       "no other Service that selects on the label loses half of the pods that they share",
	decide.HeldHeadroom:    "the others can carry its load (limits.headroom)",
}

// unasked is why a guard that needs Prometheus' answers is not known.
const unasked = "needs the metrics: ask with --prometheus URL"

// guards asks every guard, those that need the metrics as of the controller's
// last look.
func guards(w *overview.World, uid string, now time.Time) (out []Guard) {
	in := input(w, now)
	for _, a := range decide.Examine(in, uid).Guards {
		g := Guard{Guard: string(a.Guard), Asks: asks[a.Guard], Holds: a.Holds}
		switch a.Guard {
		case decide.HeldIncomplete:
			g.Holds, g.Unknown = incomplete(w.Gate)
		case decide.HeldCommonCause:
			g.Holds = ""
			if c := meta.FindStatusCondition(w.Gate.Status.Conditions, v1alpha1.ConditionCommonCause); c != nil {
				g.Holds = c.Message
			}
		case decide.HeldHeadroom:
			if w.Gate.Spec.Limits.Headroom != nil {
				g.Unknown = unasked
			}
		}
		out = append(out, g)
	}
	return out
}

// incomplete is what the last look says of missing data.
func incomplete(gate *v1alpha1.TrafficGate) (holds, unknown string) {
	e := gate.Status.LastEvaluation
	if e == nil {
		return "", unasked
	}
	silent := slices.IndexFunc(e.Signals, func(s v1alpha1.SignalEvaluation) bool { return 2*s.Known < s.Judged })
	if silent < 0 {
		return "", ""
	}
	return e.Signals[silent].Name + ": " + Seen(e.Signals[silent]), ""
}

// input is what a step of the gate would be given, without the metrics.
func input(w *overview.World, now time.Time) decide.Input {
	return decide.Input{Gate: w.Gate.Name, Policy: w.Policy, Pods: w.Pods, Now: now}
}
