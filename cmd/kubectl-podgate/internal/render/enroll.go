package render

import (
	"fmt"
	"strings"

	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/enroll"
)

// Findings are what the checks found.
func (p Page) Findings(findings []enroll.Finding) {
	p.heading("CHECKS")
	for _, f := range findings {
		c := map[enroll.Level]colour{enroll.OK: green, enroll.Warn: yellow, enroll.Refuse: red}[f.Level]
		if c == "" {
			c = plain
		}
		first := "  " + p.paint(c, fmt.Sprintf("%-6s", f.Level)) + "  "
		for _, l := range wrap(f.Text, p.Width-10) {
			p.line("%s%s", first, l)
			first = strings.Repeat(" ", 10)
		}
		for _, l := range f.Lines {
			p.line("%s%s", strings.Repeat(" ", 14), l)
		}
	}
}

// Plan is what will be done, step by step.
func (p Page) Plan(steps []enroll.Step) {
	p.heading("PLAN")
	for i, s := range steps {
		p.field(2, 2, fmt.Sprintf("%d.", i+1), s.Text)
		for _, c := range s.Commands {
			p.line("      %s", p.paint(faint, "$ "+c))
		}
	}
}

// Heading begins a part of what is told.
func (p Page) Heading(text string) { p.heading(text) }

// Say is one line of what is being done.
func (p Page) Say(format string, args ...any) { p.line("  "+format, args...) }

// Service says which Service and workloads it is about.
func (p Page) Service(w *enroll.World) {
	what := "does not select on " + w.Key
	if w.Enrolled() {
		what = "selects on " + w.Key
	}
	carrying := 0
	for _, pod := range w.Pods {
		if _, ok := pod.Labels[w.Key]; ok {
			carrying++
		}
	}
	var owners []string
	for _, load := range w.Workloads {
		owners = append(owners, load.String())
	}
	of := ""
	if len(owners) > 0 {
		of = " of " + strings.Join(owners, ", ")
	}
	p.line("%s  %s; %d of its %s%s %s the label", p.paint(bold, w.Service.Namespace+"/"+w.Service.Name), what, carrying, plural(len(w.Pods), "pod"), of, map[bool]string{true: "carries", false: "carry"}[carrying == 1])
}
