package decide

import (
	"fmt"

	"github.com/podgate/podgate/anomaly"
)

// Signal is what one signal's detector said at one look.
type Signal struct {
	Name string
	Kind anomaly.Kind
	// Unit of evidence and bar.
	Unit string
	// Result holds the verdicts, by pod UID, and what is true of the fleet.
	Result anomaly.Result
	// Answered is how many of the judged pods Prometheus had an answer for; the
	// detector may need more than an answer, such as enough events.
	Answered int
	// Unknown is how many of the judged pods the detector could not tell about,
	// and Missing what was missing for one of them.
	Unknown int
	Missing string
	// Strangers are pods that were named as bad and are not of the fleet: nothing is
	// done about them.
	Strangers []string
	// Err says why there was no answer; the result is then empty.
	Err string
}

// Finding is what all signals together say of one pod: the worst verdict, and
// the signal that it comes from.
type Finding struct {
	Signal     string
	Kind       anomaly.Kind
	Unit       string
	SignalSeen anomaly.Fleet
	anomaly.Verdict
	// doubted says that another signal does not call the pod well.
	doubted bool
}

// Healthy reports whether there is evidence that the pod is well: a verdict, and
// no signal with anything that speaks against it, or proof that it got well since.
func (f Finding) Healthy() bool {
	return f.Class == anomaly.Normal && !f.doubted && well(f.Unit, f.Verdict)
}

// well reports whether a verdict calls its pod well. Evidence in nats that has not
// reached its bar is no health: it is gathered from look to look, halved while the
// pod is out, and at nothing after a restart.
func well(unit string, v anomaly.Verdict) bool {
	if v.Recovery >= anomaly.Recovered {
		return true
	}
	return v.Excess() < 1 && (unit != nats || v.Evidence <= 0)
}

// String is the finding as a sentence.
func (f Finding) String() string {
	if f.Class == anomaly.Unknown || f.Class == "" {
		return "unknown: " + f.Missing
	}
	if f.Unit == nats {
		return f.Signal + ": " + f.Explain(f.Kind)
	}
	switch f.Unit {
	case anomaly.Naming:
		return f.Signal + ": " + f.naming()
	case anomaly.OfLimit:
		return fmt.Sprintf("%s: %s, the limit is %s (%s)", f.Signal, anomaly.Format(f.Kind, f.Level), anomaly.Format(f.Kind, f.Peers), f.samples())
	}
	return fmt.Sprintf("%s: %s where its peers have %s (evidence %.3g %s, %.3g needed; %s)",
		f.Signal, anomaly.Format(f.Kind, f.Level), anomaly.Format(f.Kind, f.Peers),
		f.Evidence, f.Unit, f.Bar, f.samples())
}

// naming says what an external detector says.
func (f Finding) naming() string {
	switch {
	case f.Class == anomaly.Outlier:
		return "the external detector names it, look after look"
	case f.Excess() >= 1:
		return "the external detector names it, not for long enough yet"
	}
	return "the external detector does not name it"
}

func (f Finding) samples() string {
	if f.Kind == anomaly.Value {
		return "one value"
	}
	return fmt.Sprintf("%.0f events", f.Samples)
}

// nats is the unit of evidence that several signals can add up to.
const nats = "nats"

// Findings merges the signals' verdicts pod by pod: an outlier by any signal is
// an outlier, and so is one by all of them together; a pod is unknown only if
// every signal is silent about it. They are by the pods' UIDs.
func Findings(signals []Signal) map[string]Finding {
	out := map[string]Finding{}
	sequential := map[string][]anomaly.Verdict{}
	doubted := map[string]bool{}
	for _, s := range signals {
		for _, v := range s.Result.Verdicts {
			f := Finding{Signal: s.Name, Kind: s.Kind, Unit: s.Unit, SignalSeen: s.Result.Fleet, Verdict: v}
			if v.Class != anomaly.Unknown && !well(s.Unit, v) {
				doubted[v.Pod] = true
			}
			if before, ok := out[v.Pod]; !ok || f.outweighs(before) {
				out[v.Pod] = f
			}
			if s.Unit == nats {
				sequential[v.Pod] = append(sequential[v.Pod], v)
			}
		}
	}
	for pod, verdicts := range sequential {
		if f := out[pod]; f.Class == anomaly.Normal && f.Unit == nats && len(verdicts) > 1 {
			if evidence, bar := anomaly.Together(verdicts...); evidence >= bar && f.Recovery < anomaly.Recovered {
				f.Class, f.Evidence, f.Bar = anomaly.Outlier, evidence, bar
				out[pod] = f
			}
		}
	}
	for pod := range doubted {
		f := out[pod]
		f.doubted = true
		out[pod] = f
	}
	return out
}

func (f Finding) outweighs(other Finding) bool {
	if a, b := f.rank(), other.rank(); a != b {
		return a > b
	}
	return f.Excess() > other.Excess()
}

// rank is higher the more a finding says. A signal with data about few pods must not
// stand before one that knows them all.
func (f Finding) rank() int {
	switch {
	case f.Class == anomaly.Outlier && !f.incomplete():
		return 3
	case f.Class == anomaly.Outlier:
		return 2
	case f.Class == anomaly.Normal:
		return 1
	}
	return 0
}

// incomplete reports whether the signal has data about fewer than half of the
// judged pods.
func (f Finding) incomplete() bool { return 2*f.SignalSeen.Known < f.SignalSeen.Judged }
