package report

import (
	"time"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/replay"
	"github.com/podgate/podgate/controller/decide"
)

// Ledger keeps the books of one replay: give it every step, then Close it.
type Ledger struct {
	Summary
	gate     *v1alpha1.TrafficGate
	interval time.Duration
	pods     map[string]string // names by UID
	gated    map[string]bool
	out      map[string]int // open episodes by UID: index in Episodes
	held     map[holding]int
	// common and domain say that a spell of CommonCause or Suspected goes on.
	common, domain bool
	last           time.Time
}

// holding is one pod held back by one guard.
type holding struct {
	uid    string
	reason decide.Reason
}

// NewLedger opens the books of a gate, as it is called in what is printed.
func NewLedger(policy string, gate *v1alpha1.TrafficGate) *Ledger {
	l := &Ledger{gate: gate, interval: gate.Spec.Interval.Std(),
		pods: map[string]string{}, gated: map[string]bool{}, out: map[string]int{}, held: map[holding]int{}}
	l.Policy, l.Gate, l.Service = policy, gate.Namespace+"/"+gate.Name, gate.Spec.ServiceRef.Name
	for _, s := range gate.Spec.Signals {
		l.Signals = append(l.Signals, SignalSeen{Name: s.Name, closest: map[string]closest{}})
		if s.Outlier != nil {
			l.Budget.PodDays = int(gate.Spec.FalseAlarms.PodDays)
		}
	}
	return l
}

// Watch enters one step.
func (l *Ledger) Watch(s *replay.Step) error {
	if l.Looks == 0 && s.Looked {
		l.From = s.At
	}
	l.last = s.At
	if s.Looked {
		l.look(s)
	}
	for _, d := range s.Plan.Decisions {
		l.enter(s, d)
	}
	c := s.Plan.Counts
	l.MostOut = max(l.MostOut, c.Gated)
	if c.Gated > 0 {
		if l.MostLimit == 0 {
			l.LeastLimit = c.Limit
		}
		l.LeastLimit, l.MostLimit = min(l.LeastLimit, c.Limit), max(l.MostLimit, c.Limit)
	}
	return nil
}

func (l *Ledger) look(s *replay.Step) {
	l.Looks++
	l.MostPods = max(l.MostPods, len(s.Pods))
	if s.Silent {
		l.Silent++
	} else {
		l.PodTime += time.Duration(len(s.Pods)) * l.interval
		l.Budget.Judged += time.Duration(s.Judged) * l.interval
		if l.LastData = s.At; l.FirstData.IsZero() {
			l.FirstData = s.At
		}
	}
	present := make(map[string]bool, len(s.Pods))
	for _, p := range s.Pods {
		l.pods[p.UID], present[p.UID] = p.Name, true
	}
	for uid, i := range l.out {
		if !present[uid] {
			l.end(uid, i, s.At, EndedWithPod)
		}
	}
	for i, sig := range s.Signals {
		l.Signals[i].see(s, sig, s.Answers[i])
	}
	l.common = spell(&l.CommonCause, l.common, s.At, l.interval, s.Plan.CommonCause)
	suspicion := ""
	if s.Plan.Domain.Kind != "" {
		suspicion = s.Plan.Domain.String()
	}
	l.domain = spell(&l.Suspected, l.domain, s.At, l.interval, suspicion)
}

// spell carries on a condition that is there at a look, for the reason why, or is
// not. It returns whether it is.
func spell(all *[]Spell, goesOn bool, at time.Time, interval time.Duration, why string) bool {
	if why == "" {
		return false
	}
	if !goesOn {
		*all = append(*all, Spell{From: at, Message: why})
	}
	(*all)[len(*all)-1].To = at.Add(interval)
	return true
}

// enter books one decision.
func (l *Ledger) enter(s *replay.Step, d decide.Decision) {
	switch d.Action {
	case decide.Gate:
		l.gated[d.UID] = true
		l.out[d.UID] = len(l.Episodes)
		l.Episodes = append(l.Episodes, Episode{UID: d.UID, From: s.At, Gating: LineOf(l.Gate, s.At, d)})
	case decide.Release:
		if i, ok := l.out[d.UID]; ok {
			l.end(d.UID, i, s.At, string(d.Reason))
		}
	case decide.Evict:
		if i, ok := l.out[d.UID]; ok {
			l.end(d.UID, i, s.At, EndedByEviction)
		}
	case decide.Hold:
		l.hold(s, d)
	}
}

func (l *Ledger) end(uid string, i int, at time.Time, how string) {
	l.Episodes[i].To, l.Episodes[i].Ended = at, how
	delete(l.out, uid)
}

// hold books that a pod was held back at this look. It is the same hold as long as
// look follows look.
func (l *Ledger) hold(s *replay.Step, d decide.Decision) {
	key := holding{d.UID, d.Reason}
	i, ok := l.held[key]
	if !ok || s.At.After(l.Holds[i].To) {
		i = len(l.Holds)
		l.held[key] = i
		l.Holds = append(l.Holds, Hold{UID: d.UID, From: s.At, First: LineOf(l.Gate, s.At, d)})
	}
	l.Holds[i].To = s.At.Add(l.interval)
	l.Holds[i].Looks++
}

// Close ends the books, and returns what came of it all.
func (l *Ledger) Close() *Summary {
	l.To = l.last
	for uid, i := range l.out {
		how := EndedNever
		if l.spent(i) {
			how = EndedWaiting
		}
		l.end(uid, i, l.last, how)
	}
	l.Pods, l.GatedPods = len(l.pods), len(l.gated)
	for i, e := range l.Episodes {
		if e.To.After(l.LastData) && e.From.Before(l.LastData) { // of what comes after the data nothing is known
			e.To, l.Episodes[i].To = l.LastData, l.LastData
		}
		l.OutTime += e.To.Sub(e.From)
		if l.spent(i) {
			l.WaitTime += e.To.Sub(e.From)
		}
	}
	for i := range l.Signals {
		l.Signals[i].close(l.gated, l.pods)
	}
	if l.Budget.PodDays > 0 {
		l.Budget.Allowed = l.Budget.Judged.Hours() / 24 / float64(l.Budget.PodDays)
		for _, e := range l.Episodes {
			if e.Gating.Unit == nats && e.Gating.Relapses == 0 {
				l.Budget.Gatings++
			}
		}
	}
	return &l.Summary
}

// spent reports whether an episode began after the last trial had failed, so that
// only a person ends it.
func (l *Ledger) spent(i int) bool {
	r := l.gate.Spec.Recovery
	return r.Then == v1alpha1.ThenHold && l.Episodes[i].Gating.Relapses >= int(*r.Retries)
}

// nats is the unit of the evidence that the budget of false alarms is about.
const nats = "nats"
