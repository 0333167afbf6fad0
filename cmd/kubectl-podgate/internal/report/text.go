package report

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/podgate/podgate/anomaly"
)

// maxRows is how many rows of a list people are shown.
const maxRows = 20

// Meaning is what has to be known to read a backtest right.
var Meaning = []string{
	"In truth a pod that is gated here went on serving. While it is out the replay does not judge it, as in life; on its trial it is judged by what it really did, and its load was never taken over by its peers.",
	"A pod is there from its first to its last sample. Its first sample counts as its start, and it is Ready unless kube-state-metrics says otherwise.",
	"People's overrides, and what else the cluster knew then (zones, nodes), are not in the data.",
	"The detectors were given three hours of history before the first look, as after a restart; a controller that ran for longer knows more.",
}

// Text writes the summary for people.
func (s *Summary) Text(w io.Writer) error { return s.text(w, true) }

func (s *Summary) text(w io.Writer, explained bool) error {
	var b strings.Builder
	name := ""
	if s.Policy != "" {
		name = " (" + s.Policy + ")"
	}
	fmt.Fprintf(&b, "TrafficGate %s%s, replayed from %s to %s: %s, %s looks\n", s.Gate, name, stamp(s.From), stamp(s.To), Span(s.To.Sub(s.From)), Thousands(s.Looks))
	fmt.Fprintf(&b, "%s at once, %d in all\n", plural(s.MostPods, "pod"), s.Pods)
	if text := s.Silence(); text != "" {
		fmt.Fprintln(&b, text)
	}
	fmt.Fprintln(&b)
	fmt.Fprintln(&b, s.Headline())
	if len(s.Episodes) > 0 {
		fmt.Fprintln(&b)
		s.episodes(&b)
	}
	s.held(&b)
	s.causes(&b)
	s.signals(&b)
	s.budget(&b)
	_, err := io.WriteString(w, b.String())
	if err != nil || !explained {
		return err
	}
	return meaning(w)
}

// Silence says at how many looks there was no data; nothing if that is one in a
// hundred or less.
func (s *Summary) Silence() string {
	if 100*s.Silent <= s.Looks {
		return ""
	}
	return fmt.Sprintf("There is data from %s to %s; at %s of all looks there is none, and they do not count", stamp(s.FirstData), stamp(s.LastData), share(s.Silent, s.Looks))
}

// meaning writes what has to be known to read a backtest right.
func meaning(w io.Writer) error {
	_, err := io.WriteString(w, "\nHow to read this:\n- "+strings.Join(Meaning, "\n- ")+"\n")
	return err
}

// Headline is the outcome in a sentence or two.
func (s *Summary) Headline() string {
	if len(s.Episodes) == 0 {
		return "Would have gated nobody."
	}
	text := fmt.Sprintf("Would have gated %s, %s: %s out of traffic, %.2g %% of the pods' time; %d out at once, where %s may be.",
		plural(s.GatedPods, "pod"), Times(len(s.Episodes)), podTime(s.OutTime), 100*s.OutShare(), s.MostOut, s.Limit())
	if s.WaitTime > 0 {
		text += fmt.Sprintf(" %s of it waiting for a person, after all trials had failed.", podTime(s.WaitTime))
	}
	return text
}

func (s *Summary) episodes(b *strings.Builder) {
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "GATED AT\tPOD\tFOR\tUNTIL\tWHY")
	for i, e := range s.Episodes {
		if i == maxRows {
			fmt.Fprintf(t, "… and %d more: -o json lists all\t\t\t\t\n", len(s.Episodes)-maxRows)
			break
		}
		pod := e.Gating.Pod
		if e.Gating.Relapses > 0 {
			pod += fmt.Sprintf(" (relapse %d)", e.Gating.Relapses)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", stamp(e.From), pod, Span(e.To.Sub(e.From)), e.Until(), e.Gating.Message)
	}
	_ = t.Flush() // a strings.Builder takes everything
}

// Until says how an episode ended.
func (e Episode) Until() string {
	switch e.Ended {
	case EndedWithPod:
		return "the pod ended"
	case EndedByEviction:
		return "evicted"
	case EndedNever:
		return "still out"
	case EndedWaiting:
		return "waits for a person"
	case "LimitShrunk":
		return "the limit shrank"
	}
	return strings.ToLower(e.Ended)
}

func (s *Summary) held(b *strings.Builder) {
	all := s.HeldBack()
	if len(all) == 0 {
		return
	}
	fmt.Fprintln(b, "\nHeld back:")
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "GUARD\tPODS\tTIMES\tLOOKS\tFIRST")
	for _, h := range all {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%s %s: %s\n", h.Guard, h.Pods, h.Times, h.Looks, stamp(h.Example.Time), h.Example.Pod, h.Example.Message)
	}
	_ = t.Flush()
}

func (s *Summary) causes(b *strings.Builder) {
	for _, c := range []struct {
		what   string
		spells []Spell
	}{{"Common cause", s.CommonCause}, {"A domain was suspected", s.Suspected}} {
		if len(c.spells) > 0 {
			fmt.Fprintf(b, "\n%s: %s, for %s in all; first at %s: %s\n", c.what, Times(len(c.spells)), Span(Total(c.spells)), stamp(c.spells[0].From), c.spells[0].Message)
		}
	}
}

func (s *Summary) signals(b *strings.Builder) {
	fmt.Fprintln(b)
	for _, g := range s.Signals {
		fmt.Fprintf(b, "Signal %s: %s\n", g.Name, g.Sentence())
	}
}

// Sentence says what a signal was like.
func (g SignalSeen) Sentence() string {
	switch {
	case g.Judged == 0:
		return "there was never a pod to judge"
	case g.Unit == anomaly.Naming:
		return "not asked: an external detector knows nothing of the past"
	case g.Answered == 0:
		return "there was never data for half of the pods: try the query in Prometheus"
	case g.Told == 0:
		return "answered, but never so that a pod could be judged: " + g.Missing
	}
	closest := "nothing spoke against any pod that was not gated"
	if v := g.Closest; v.Evidence > 0 {
		closest = fmt.Sprintf("closest without a gating: %s at %s, evidence %.3g of %.3g %s", v.Pod, stamp(g.ClosestAt), v.Evidence, v.Bar, g.Unit)
	}
	text := fmt.Sprintf("answered at %s of the looks; %s", share(g.Answered, g.Judged), closest)
	if g.Told < g.Judged {
		text += fmt.Sprintf("; at %s of the looks no pod could be judged: %s", share(g.Judged-g.Told, g.Judged), g.Missing)
	}
	if g.NeverBad {
		text += "; not one event was bad, all the time: try the query ratio.bad in Prometheus, whether it is right"
	}
	return text
}

func (s *Summary) budget(b *strings.Builder) {
	if text := s.Budget.Sentence(); text != "" {
		fmt.Fprintln(b, "\n"+text)
	}
}

// Sentence says what the budget of false alarms allows, and what was used of it.
func (u Budget) Sentence() string {
	if u.PodDays == 0 {
		return ""
	}
	text := fmt.Sprintf("False alarms: one in %d pod-days is allowed, which is %.2g in the %.3g that were judged; ", u.PodDays, u.Allowed, u.Judged.Hours()/24)
	if u.Gatings == 0 {
		return text + "nobody was gated on such evidence."
	}
	text += fmt.Sprintf("%s (relapses not counted) used %s of it, if all were false", plural(u.Gatings, "gating"), percent(float64(u.Gatings)/max(u.Allowed, 1e-9)))
	if u.Allowed < 1 {
		text += "; but the time is too short to tell"
	}
	return text + "."
}

func percent(share float64) string { return Thousands(int(100*share+0.5)) + " %" }

func share(n, of int) string {
	if n == of {
		return "100 %"
	}
	return fmt.Sprintf("%.3g %%", min(100*float64(n)/float64(of), 99.9))
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

func podTime(d time.Duration) string {
	if m := d.Minutes(); m < 100 {
		return fmt.Sprintf("%.3g pod-minutes", m)
	}
	return Thousands(int(d.Minutes()+0.5)) + " pod-minutes"
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// Times is how often something happened, in words.
func Times(n int) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return fmt.Sprintf("%d times", n)
}

// Span is a stretch of time as people say it: days and hours of a long one, no
// fractions of a second.
func Span(d time.Duration) string {
	d = d.Round(time.Second)
	if d >= 48*time.Hour {
		days := d / (24 * time.Hour)
		if rest := (d % (24 * time.Hour)).Round(time.Hour) / time.Hour; rest > 0 {
			return fmt.Sprintf("%d d %d h", days, rest)
		}
		return fmt.Sprintf("%d d", days)
	}
	text := d.String()
	for _, end := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, end) {
			text = strings.TrimSuffix(text, end[1:])
		}
	}
	return text
}

// Thousands writes a count with separators.
func Thousands(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
