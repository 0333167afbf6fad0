package render

import (
	"fmt"
	"slices"
	"strings"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/overview"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/story"
)

// Explain tells the whole story of one pod.
func (p Page) Explain(s story.Story) {
	p.line("%s  %s", p.paint(bold, s.Gate.Namespace+"/"+s.Pod.Name), p.standing(s.Pod))
	if s.Pod.Why != "" {
		p.field(2, 7, "why", s.Pod.Why)
	}
	if s.Pod.HeldBy != "" {
		p.field(2, 7, "held by", s.Pod.HeldBy+": "+s.Pod.HeldWhy)
	}
	if s.Pod.Next != "" {
		p.field(2, 7, "next", s.Pod.Next)
	}
	if s.Would != "" {
		p.field(2, 7, "now", "as of "+p.ago(s.AskedAt)+" ago the gate would "+s.Would)
	}
	p.field(2, 7, "gate", fmt.Sprintf("%s (%s, %s): %s", s.Gate.Name, s.Gate.Mode, s.Gate.Ready.Reason, s.Gate.Ready.Message))
	if s.Gate.Doubt != "" {
		p.labelled(2, 7, "doubt", yellow, s.Gate.Doubt)
	}
	p.field(2, 7, "label", label(s))
	if s.Pod.Override != nil {
		p.field(2, 7, "asked", p.override(*s.Pod.Override))
	}
	if s.Pod.Remark == overview.NotObeyed {
		p.labelled(2, 7, "but", yellow, whyNotObeyed(s.Gate))
	}
	p.signals(s)
	p.guards(s)
	p.past(s)
	p.heading("OVERRULE")
	for _, o := range [][2]string{
		{"keep", "in traffic, whatever the verdict"}, {"hold", "out of traffic, until you clear it"},
		{"release", "back into traffic, and judged again later"}, {"clear", "no override: it is the gate's again"},
	} {
		p.line("  kubectl podgate -n %s %-7s %s   %s", s.Gate.Namespace, o[0], s.Pod.Name, p.paint(faint, "# "+o[1]))
	}
	p.queries(s)
}

func label(s story.Story) string {
	text := s.Gate.TrafficLabel + "=" + s.Pod.Traffic
	if s.Pod.Traffic == "" {
		text = "no " + s.Gate.TrafficLabel
	}
	if len(s.WrittenBy) > 0 {
		text += ", written by " + strings.Join(s.WrittenBy, " and ")
	}
	return text
}

func (p Page) signals(s story.Story) {
	p.heading("SIGNALS")
	for _, signal := range s.Signals {
		p.line("  %s  %s", p.paint(bold, signal.Name), signal.Rule)
		if n := signal.Numbers; n != nil {
			p.numbers(*n)
		} else if signal.Fleet != "" {
			p.field(4, 8, "fleet", signal.Fleet)
		}
	}
	if s.Prometheus == "" && asksPrometheus(s) {
		p.line("  %s", p.paint(faint, "This pod's own numbers: add --prometheus URL, or paste the queries below there."))
	}
}

func (p Page) numbers(n story.Numbers) {
	if n.Err != "" {
		p.labelled(4, 8, "error", red, n.Err)
		return
	}
	p.field(4, 8, "now", fmt.Sprintf("this pod %s, median of %s %s", n.Pod, plural(n.Peers, "peer"), n.Median))
	c := map[string]colour{"outlier": red, "normal": green}[n.Class]
	if c == "" {
		c = yellow
	}
	text := p.paint(c, n.Class)
	if n.Class == "unknown" {
		text += ": " + strings.TrimPrefix(n.Sentence, "unknown: ")
	} else {
		text += ": evidence " + evidence(n.Evidence, n.Bar, n.Unit)
	}
	p.line("    %s  %s", p.paint(faint, fmt.Sprintf("%-8s", "verdict")), text)
	if n.Peak != nil {
		p.field(4, 8, "peak", fmt.Sprintf("%s at %s, in the last three hours", evidence(n.Peak.Evidence, n.Peak.Bar, n.Unit), p.Clock(n.Peak.At.Time)))
	}
}

// evidence is written as in the gate's own sentences, so that it can be compared.
func evidence(has, bar float64, unit string) string {
	if unit == "nats" {
		return fmt.Sprintf("%.1f of %.1f nats", has, bar)
	}
	return fmt.Sprintf("%.3g of %.3g %s", has, bar, unit)
}

func (p Page) guards(s story.Story) {
	if s.Pod.Out() {
		p.heading("GUARDS (what would keep it in traffic if it came back now)")
	} else {
		p.heading("GUARDS (what would hold it in traffic now)")
	}
	var passed []string
	for _, g := range s.Guards {
		switch {
		case g.Holds != "":
			p.labelled(2, 7, "holds", yellow, guardName(g)+": "+g.Holds)
		case g.Unknown != "":
			p.field(2, 7, "unknown", guardName(g)+": "+g.Unknown)
		default:
			passed = append(passed, guardName(g))
		}
	}
	if len(passed) > 0 {
		p.field(2, 7, "passed", strings.Join(passed, ", "))
	}
}

// asksPrometheus reports whether any signal has a query.
func asksPrometheus(s story.Story) bool {
	return slices.ContainsFunc(s.Signals, func(signal story.Signal) bool { return len(signal.Queries) > 0 })
}

// queries are what to paste into Prometheus, last because they are long.
func (p Page) queries(s story.Story) {
	if !asksPrometheus(s) {
		return
	}
	p.heading("QUERIES (to paste into Prometheus; each shows every pod)")
	for _, signal := range s.Signals {
		if len(signal.Queries) > 0 {
			p.line("  %s", p.paint(faint, signal.Name+", "+signal.Queries[0].What))
			p.line("  %s", signal.Queries[0].PromQL)
		}
	}
}

func (p Page) past(s story.Story) {
	p.heading("PAST DECISIONS")
	if s.PastUnknown != "" {
		p.line("  %s", s.PastUnknown)
		return
	}
	if len(s.Past) == 0 {
		p.line("  none in the cluster's events (they are kept for an hour, unless the cluster says otherwise)")
		return
	}
	for _, e := range s.Past {
		c := plain
		switch e.Reason {
		case "Gated", "Evicted":
			c = red
		case "HeldBack", v1alpha1.ConditionCommonCause:
			c = yellow
		}
		times := ""
		if e.Count > 1 {
			times = fmt.Sprintf(" (%d times)", e.Count)
		}
		p.field(2, 13, p.Clock(e.At.Time), p.paint(c, e.Reason)+times+"  "+e.Note)
	}
}

// guardName is a guard's name without what it is called when it holds.
func guardName(g story.Guard) string { return strings.TrimPrefix(g.Guard, "Held") }
