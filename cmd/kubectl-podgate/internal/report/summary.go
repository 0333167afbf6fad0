package report

import (
	"maps"
	"slices"
	"time"

	"github.com/podgate/podgate/anomaly"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/replay"
	"github.com/podgate/podgate/controller/decide"
	"github.com/podgate/podgate/controller/source"
)

// How an episode ended, besides the reasons of decide for a release.
const (
	EndedWithPod    = "PodEnded"
	EndedByEviction = "Evicted"
	EndedNever      = "StillOut"
	// EndedWaiting: all trials have failed, and a person is waited for.
	EndedWaiting = "WaitsForPerson"
)

// Summary is what came of a replay.
type Summary struct {
	// Policy is the file that the gate is from, Gate its namespace/name.
	Policy, Gate, Service string
	// From and To are the first and the last look.
	From, To time.Time
	Looks    int
	// Silent is at how many looks there was no data at all; FirstData and LastData are
	// the first and the last look at which there was. Only time with data counts.
	Silent              int
	FirstData, LastData time.Time
	// Pods is how many pods there were in all, MostPods at once; PodTime is the time
	// that they were there, taken together, OutTime the part of it out of traffic.
	Pods, MostPods   int
	PodTime, OutTime time.Duration
	GatedPods        int
	// WaitTime is the part of OutTime in which nothing but a person could bring the
	// pods back.
	WaitTime time.Duration
	// MostOut is how many were out at once; while any were, from LeastLimit to
	// MostLimit were allowed to be.
	MostOut, LeastLimit, MostLimit int

	Episodes []Episode
	Holds    []Hold
	// CommonCause is when nobody was gated because the fault was not in the pods,
	// Suspected when a zone, node or revision explained it better.
	CommonCause, Suspected []Spell
	Signals                []SignalSeen
	Budget                 Budget
}

// Episode is one stay of a pod out of traffic.
type Episode struct {
	UID      string
	From, To time.Time
	// Ended says how.
	Ended  string
	Gating Line
}

// Hold is a pod that a guard held back, look after look.
type Hold struct {
	UID      string
	From, To time.Time
	Looks    int
	// First is the first of these decisions.
	First Line
}

// Spell is a time in which something was so, and what was said when it began.
type Spell struct {
	From, To time.Time
	Message  string
}

// Budget is what spec.falseAlarms allows, and what was used of it.
type Budget struct {
	// PodDays is the budget: one false alarm in so many pod-days; 0 if no signal has
	// one.
	PodDays int
	// Judged is the time that pods were judged, taken together; Allowed how many
	// false alarms the budget has for it, Gatings how many gatings there were by the
	// signals that share it, relapses not counted.
	Judged  time.Duration
	Allowed float64
	Gatings int
}

// SignalSeen is what one signal was like.
type SignalSeen struct {
	Name string
	// Answered is at how many looks there was an answer for at least half of the
	// judged pods, Judged at how many looks there were judged pods, and Told at how many
	// the detector could tell of one pod or more.
	Answered, Judged, Told int
	// Missing is what was missing where the detector could tell least: of MostUnknown
	// pods at once.
	Missing     string
	MostUnknown int
	// NeverBad says that a ratio had events, and not one of them was bad.
	NeverBad bool
	// Closest is the look at which the evidence against a pod came closest to its
	// bar, among the pods that were never gated.
	Closest   anomaly.Verdict
	ClosestAt time.Time
	Unit      string

	closest    map[string]closest // by UID
	bad, total float64
}

// closest is the look at which most spoke against a pod.
type closest struct {
	at      time.Time
	verdict anomaly.Verdict
}

// see takes in one look: what the detector said, and on what answer.
func (g *SignalSeen) see(s *replay.Step, sig decide.Signal, answer source.Answer) {
	g.Unit = sig.Unit
	if f := sig.Result.Fleet; f.Judged > 0 {
		g.Judged++
		if 2*sig.Answered >= f.Judged {
			g.Answered++
		}
		if sig.Unknown < f.Judged {
			g.Told++
		}
	}
	if sig.Unknown > g.MostUnknown && sig.Answered > 0 {
		g.MostUnknown, g.Missing = sig.Unknown, sig.Missing
	}
	if sig.Kind == anomaly.Ratio {
		for _, sample := range answer.ByPod {
			g.bad, g.total = g.bad+max(sample.Bad, 0), g.total+max(sample.Total, 0)
		}
	}
	for _, v := range sig.Result.Verdicts {
		if v.Class == anomaly.Normal && v.Excess() > g.closest[v.Pod].verdict.Excess() {
			g.closest[v.Pod] = closest{s.At, v}
		}
	}
}

// close finds the closest look, among pods that were never gated; name tells what
// a pod is called.
func (g *SignalSeen) close(gated map[string]bool, name map[string]string) {
	g.NeverBad = g.total > 0 && g.bad == 0
	for _, uid := range slices.Sorted(maps.Keys(g.closest)) {
		c := g.closest[uid]
		if !gated[uid] && c.verdict.Excess() > g.Closest.Excess() {
			g.Closest, g.ClosestAt = c.verdict, c.at
			g.Closest.Pod = name[uid]
		}
	}
	g.closest = nil
}

// Held is what one guard held back in all.
type Held struct {
	Guard string
	// Pods were held back, so many Times, for so many Looks.
	Pods, Times, Looks int
	// Example is what was said the first time.
	Example Line
}

// HeldBack is what each guard held back, those that held most often first.
func (s *Summary) HeldBack() (out []Held) {
	pods := map[string]map[string]bool{}
	for _, h := range s.Holds {
		guard := h.First.Guard
		i := slices.IndexFunc(out, func(x Held) bool { return x.Guard == guard })
		if i < 0 {
			i = len(out)
			out, pods[guard] = append(out, Held{Guard: guard, Example: h.First}), map[string]bool{}
		}
		pods[guard][h.UID] = true
		out[i].Pods, out[i].Times, out[i].Looks = len(pods[guard]), out[i].Times+1, out[i].Looks+h.Looks
	}
	slices.SortStableFunc(out, func(a, b Held) int { return b.Looks - a.Looks })
	return out
}

// OutShare is the part of the pods' time that was spent out of traffic.
func (s *Summary) OutShare() float64 {
	if s.PodTime <= 0 {
		return 0
	}
	return s.OutTime.Seconds() / s.PodTime.Seconds()
}

// Total is the length of some spells together.
func Total(spells []Spell) (d time.Duration) {
	for _, s := range spells {
		d += s.To.Sub(s.From)
	}
	return d
}
