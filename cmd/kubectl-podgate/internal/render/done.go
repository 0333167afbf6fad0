package render

import (
	"time"
)

// Done is a change as it is told.
type Done struct {
	// Subject is what was changed, as kubectl names it; What is what became of it.
	Subject, What string
	// DryRun is client or server where nothing was changed.
	DryRun string
	// Took is how long it was until the change had its effect; 0 if nobody waited.
	Took time.Duration
	// ByHand are kubectl's commands that do the same, Undo what takes it back.
	ByHand []string
	Undo   string
	// Notes are what else there is to know.
	Notes []string
}

// Done tells of a change.
func (p Page) Done(d Done) {
	what := d.What
	if d.DryRun != "" {
		what += " (" + d.DryRun + " dry run: nothing was changed)"
	}
	p.line("%s %s", p.paint(bold, d.Subject), what)
	if d.Took > 0 {
		p.field(2, 7, "took", d.Took.Round(100*time.Millisecond).String()+" until it had its effect")
	}
	for _, n := range d.Notes {
		p.labelled(2, 7, "note", yellow, n)
	}
	for i, c := range d.ByHand {
		name := "by hand"
		if i > 0 {
			name = ""
		}
		p.command(2, 7, name, c)
	}
	if d.Undo != "" {
		p.command(2, 7, "undo", d.Undo)
	}
}
