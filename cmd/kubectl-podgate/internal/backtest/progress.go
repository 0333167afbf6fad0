package backtest

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/report"
)

// bar draws how much is done, on a terminal only.
type bar struct {
	w     io.Writer
	label string
	began time.Time
	drawn time.Time
}

// newBar returns a bar that draws on w, if that is a terminal.
func newBar(w io.Writer, label string) *bar {
	if f, ok := w.(*os.File); !ok || !term.IsTerminal(int(f.Fd())) {
		w = nil
	}
	return &bar{w: w, label: label, began: time.Now()}
}

// width of the bar, in characters.
const width = 30

// set draws the part that is done, from 0 to 1.
func (b *bar) set(done float64) {
	if now := time.Now(); b.w != nil && now.Sub(b.drawn) > 100*time.Millisecond {
		b.drawn = now
		fmt.Fprint(b.w, "\r\x1b[K", b.line(done, now.Sub(b.began)))
	}
}

func (b *bar) line(done float64, took time.Duration) string {
	done = min(max(done, 0), 1)
	full := int(done * width)
	text := fmt.Sprintf("%s %s%s %3.0f %%", b.label, strings.Repeat("█", full), strings.Repeat("░", width-full), 100*done)
	if left := time.Duration(float64(took) * (1 - done) / max(done, 1e-9)); done > 0.02 && took > 2*time.Second {
		text += "  " + report.Span(left) + " left"
	}
	return text
}

// clear takes the bar off the screen.
func (b *bar) clear() {
	if b.w != nil && !b.drawn.IsZero() {
		fmt.Fprint(b.w, "\r\x1b[K")
	}
}
