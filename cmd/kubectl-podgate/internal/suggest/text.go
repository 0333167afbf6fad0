package suggest

import (
	"fmt"
	"io"
	"strings"
)

// Text writes a proposal for people: what to paste, and why.
func (p *Proposal) Text(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "TrafficGate %s/%s on the history from %s to %s: %d looks, %d pods at once\n\n", p.Gate.Namespace, p.Gate.Name,
		p.From.UTC().Format("2006-01-02 15:04:05Z"), p.To.UTC().Format("2006-01-02 15:04:05Z"), p.Looks, p.Pods)
	fmt.Fprint(&b, p.headline())
	fmt.Fprintf(&b, "spec:\n  window: %s%s\n  signals:\n", short(p.Window.Proposed), was(short(p.Window.Was), short(p.Window.Proposed)))
	for _, s := range p.Signals {
		fmt.Fprintf(&b, "  - name: %s\n", s.Name)
		if s.MinRatio != "" && !s.Unhealthy {
			fmt.Fprintf(&b, "    outlier:\n      minRatio: %q%s\n      minDifference: %q%s\n", s.MinRatio, was(s.MinRatioWas, s.MinRatio), s.MinDifference, was(s.MinDifferenceWas, s.MinDifference))
		}
	}
	if p.After != p.AfterWas {
		fmt.Fprintf(&b, "  recovery:\n    after: %s # was %s\n", short(p.After), short(p.AfterWas))
	}
	fmt.Fprintln(&b, "\nWhy:")
	for _, r := range p.Window.Reasons {
		fmt.Fprintf(&b, "- window: %s\n", r)
	}
	if p.After != p.AfterWas {
		fmt.Fprintln(&b, "- recovery.after: no shorter than the window, or a pod that comes back is judged by what it did before")
	}
	for _, s := range p.Signals {
		for _, r := range s.Reasons {
			fmt.Fprintf(&b, "- %s: %s\n", s.Name, r)
		}
	}
	fmt.Fprintf(&b, `
These are the least floors with which no pod of this history comes beyond three quarters of what gates it. They say what a healthy fleet looks like,
not what you care about: write more where a smaller difference is not worth a pod. Look at what they would have done with backtest.
`)
	_, err := io.WriteString(w, b.String())
	return err
}

// headline says what the proposal is worth, if it is not just that.
func (p *Proposal) headline() string {
	var unhealthy, silent []string
	for _, s := range p.Signals {
		if s.Unhealthy {
			unhealthy = append(unhealthy, s.Name)
		}
		if s.Silent {
			silent = append(silent, s.Name)
		}
	}
	text := ""
	if len(unhealthy) > 0 {
		text += fmt.Sprintf("No floors for %s: this is no healthy fleet, see below.\n\n", strings.Join(unhealthy, ", "))
	}
	if len(silent) > 0 {
		text += fmt.Sprintf("No floors for %s: the history says too little, see below.\n\n", strings.Join(silent, ", "))
	}
	if text == "" && !p.Changed() {
		text = "Nothing to change: this is what would be proposed.\n\n"
	}
	return text
}

func was(before, now string) string {
	if before == now {
		return ""
	}
	return " # was " + before
}

// short is a duration without zeros at its end.
func short(d fmt.Stringer) string {
	text := d.String()
	for _, end := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, end) {
			text = strings.TrimSuffix(text, end[1:])
		}
	}
	return text
}
