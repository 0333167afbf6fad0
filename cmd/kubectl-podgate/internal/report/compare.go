package report

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// Difference is one measure of two policies.
type Difference struct {
	What, A, B string
	// Differs says that the two are not the same.
	Differs bool
}

// Compare holds the outcomes of two policies on the same history side by side.
func Compare(a, b *Summary) (out []Difference) {
	for _, m := range []struct {
		what string
		of   func(*Summary) string
	}{
		{"pods gated", func(s *Summary) string { return fmt.Sprint(s.GatedPods) }},
		{"gatings", func(s *Summary) string { return fmt.Sprint(len(s.Episodes)) }},
		{"of them relapses", func(s *Summary) string { return fmt.Sprint(s.relapses()) }},
		{"first gating", func(s *Summary) string { return s.first() }},
		{"out of traffic", func(s *Summary) string { return podTime(s.OutTime) }},
		{"of it waiting for a person", func(s *Summary) string { return podTime(s.WaitTime) }},
		{"share of the pods' time", func(s *Summary) string { return fmt.Sprintf("%.2g %%", 100*s.OutShare()) }},
		{"out at once, at most", func(s *Summary) string { return fmt.Sprint(s.MostOut) }},
		{"limit then", func(s *Summary) string { return s.Limit() }},
		{"pods held back", func(s *Summary) string { return fmt.Sprint(s.heldPods()) }},
		{"common cause", func(s *Summary) string { return Times(len(s.CommonCause)) + ", " + Span(Total(s.CommonCause)) }},
		{"false alarms allowed", func(s *Summary) string { return fmt.Sprintf("%.2g", s.Budget.Allowed) }},
	} {
		x, y := m.of(a), m.of(b)
		out = append(out, Difference{m.what, x, y, x != y})
	}
	return out
}

// Limit is how many pods might be out while some were.
func (s *Summary) Limit() string {
	if s.LeastLimit == s.MostLimit {
		return fmt.Sprint(s.MostLimit)
	}
	return fmt.Sprintf("%d to %d", s.LeastLimit, s.MostLimit)
}

func (s *Summary) relapses() (n int) {
	for _, e := range s.Episodes {
		if e.Gating.Relapses > 0 {
			n++
		}
	}
	return n
}

func (s *Summary) first() string {
	if len(s.Episodes) == 0 {
		return "none"
	}
	return stamp(s.Episodes[0].From)
}

func (s *Summary) heldPods() int {
	pods := map[string]bool{}
	for _, h := range s.Holds {
		pods[h.UID] = true
	}
	return len(pods)
}

// TextBoth writes the summaries of two policies for people, and then both side by
// side.
func TextBoth(w io.Writer, a, b *Summary) error {
	for _, s := range []*Summary{a, b} {
		if err := s.text(w, false); err != nil {
			return err
		}
		fmt.Fprintln(w, "\n────────")
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "\t%s\t%s\t\n", a.Policy, b.Policy)
	for _, d := range Compare(a, b) {
		mark := ""
		if d.Differs {
			mark = "←"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", d.What, d.A, d.B, mark)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	onlyIn(w, a, b)
	onlyIn(w, b, a)
	return meaning(w)
}

// near is how far apart two gatings of a pod may be to be the same.
const near = 30 * time.Minute

// OnlyIn are the first gatings that one policy has and the other has not, near by.
func OnlyIn(a, b *Summary) (out []Episode) {
	for _, e := range a.Episodes {
		if e.Gating.Relapses > 0 {
			continue
		}
		found := false
		for _, o := range b.Episodes {
			if apart := o.From.Sub(e.From); o.UID == e.UID && apart.Abs() <= near {
				found = true
			}
		}
		if !found {
			out = append(out, e)
		}
	}
	return out
}

func onlyIn(w io.Writer, a, b *Summary) {
	only := OnlyIn(a, b)
	if len(only) == 0 {
		return
	}
	fmt.Fprintf(w, "\nGated by %s only:\n", a.Policy)
	for i, e := range only {
		if i == maxRows {
			fmt.Fprintf(w, "  … and %d more\n", len(only)-maxRows)
			break
		}
		fmt.Fprintf(w, "  %s  %s: %s\n", stamp(e.From), e.Gating.Pod, e.Gating.Message)
	}
}
