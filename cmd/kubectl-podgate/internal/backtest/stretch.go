package backtest

import (
	"time"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/replay"
)

// stretch reads --from and --to. Without them it is all that is in a file, or the last
// days of a server's history. Relative times count from where a file's data ends.
func (h *historyFlags) stretch(out *history, now time.Time) (err error) {
	if out.server == nil {
		now = out.ends
	}
	for _, name := range []string{"from", "to"} {
		if h.given(name) {
			out.asked = append(out.asked, "--"+name)
		}
	}
	out.to = now
	if h.to != "" {
		if out.to, err = instant("--to", h.to, now); err != nil {
			return err
		}
	}
	switch {
	case h.from != "":
		if out.from, err = instant("--from", h.from, now); err != nil {
			return err
		}
	case out.server == nil:
		out.from = out.begins
	}
	if out.server != nil && out.to.After(now) {
		out.to = now
	}
	if h.from == "" && out.server != nil {
		out.from = out.to.Add(-h.back)
	}
	if err := h.beyond(out); err != nil {
		return err
	}
	return h.backwards(out)
}

// beyond refuses a stretch of which a file has nothing.
func (h *historyFlags) beyond(out *history) error {
	switch {
	case out.server != nil:
		return nil
	case out.to.Before(out.begins):
		return misused("--to %s is before the data of %s, which %s", clock(out.to), out.name, out.extent())
	case out.from.After(out.ends):
		return misused("--from %s is after the data of %s, which %s", clock(out.from), out.name, out.extent())
	}
	return nil
}

// extent is where the data of a file begins and ends, in words.
func (o *history) extent() string {
	return "begins at " + clock(o.begins) + " and ends at " + clock(o.ends)
}

// backwards refuses a stretch without length, by the flags that were given.
func (h *historyFlags) backwards(out *history) error {
	from, to := clock(out.from), clock(out.to)
	switch {
	case out.from.Before(out.to):
		return nil
	case h.from != "" && h.to != "":
		return misused("--from %s is not before --to %s: swap them, or ask for an earlier --from", from, to)
	case h.from != "":
		return misused("--from %s is not before the end, %s: ask for an earlier --from", from, to)
	case h.to != "":
		return misused("--to %s is not after the beginning, %s: ask for a later --to", to, from)
	}
	return misused("%s has data of one instant only, %s: a history has many", out.name, from)
}

// looks refuses a stretch in which a gate does not look even once.
func (o *history) looks(gate *v1alpha1.TrafficGate) error {
	if at := (replay.Options{Gate: gate, From: o.from}).First(); at.After(o.to) {
		return misused("there is no look between %s and %s: ask for a stretch that is longer than the interval, %s", clock(o.from), clock(o.to), gate.Spec.Interval.Std())
	}
	return nil
}

func clock(t time.Time) string { return t.UTC().Format(time.RFC3339) }
