package render

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"
)

// Page is where text goes.
type Page struct {
	io.Writer
	// Now is the time that ages are told by.
	Now time.Time
	// Colours says that the reader's terminal shows them.
	Colours bool
	// Width is where long lines are wrapped, in characters; 0 is nowhere.
	Width int
}

// colour is a code of ECMA-48's "select graphic rendition". Each has two digits,
// so that cells of a column stay equally wide.
type colour string

const (
	plain  colour = "39"
	bold   colour = "01"
	faint  colour = "02"
	red    colour = "31"
	green  colour = "32"
	yellow colour = "33"
)

func (p Page) paint(c colour, text string) string {
	if !p.Colours {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}

func (p Page) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

func (p Page) blank() { fmt.Fprintln(p) }

func (p Page) heading(text string) {
	p.blank()
	p.line("%s", p.paint(bold, text))
}

// field is a name and what there is to say of it, wrapped under itself.
func (p Page) field(indent, width int, name, text string) {
	p.labelled(indent, width, name, plain, text)
}

func (p Page) labelled(indent, width int, name string, c colour, text string) {
	first := strings.Repeat(" ", indent) + p.paint(faint, fmt.Sprintf("%-*s", width, name)) + "  "
	for i, l := range wrap(text, p.Width-indent-width-2) {
		if i > 0 {
			first = strings.Repeat(" ", indent+width+2)
		}
		if c != plain {
			l = p.paint(c, l)
		}
		p.line("%s%s", first, l)
	}
}

// command is something to type, never wrapped.
func (p Page) command(indent, width int, name, text string) {
	p.line("%s%s  %s", strings.Repeat(" ", indent), p.paint(faint, fmt.Sprintf("%-*s", width, name)), text)
}

// wrap breaks a text between words into lines of at most width characters, if
// that leaves room for any; a word is never broken.
func wrap(text string, width int) []string {
	if width < 20 || len(text) <= width {
		return []string{text}
	}
	var out []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len([]rune(line))+1+len([]rune(word)) > width {
			out, line = append(out, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(out, line)
}

// table is rows of cells under headings; every row has as many.
func (p Page) table(indent int, rows [][]string) {
	w := tabwriter.NewWriter(p, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(w, strings.Repeat(" ", indent)+strings.TrimRight(strings.Join(row, "\t"), "\t "))
	}
	_ = w.Flush() // an error of the page's writer: there is nobody left to tell
}

// ago is how long something has been so; "-" if that is not known.
func (p Page) ago(t *metav1.Time) string {
	if t == nil || t.IsZero() {
		return "-"
	}
	return duration.HumanDuration(p.Now.Sub(t.Time))
}

// since is when something began and how long ago that is.
func (p Page) since(t *metav1.Time) string {
	return fmt.Sprintf("for %s, since %s", p.ago(t), p.Clock(t.Time))
}

// due is when something will happen and how long that is.
func (p Page) due(t metav1.Time) string {
	if !t.After(p.Now) {
		return p.Clock(t.Time) + " (now)"
	}
	return fmt.Sprintf("%s (in %s)", p.Clock(t.Time), duration.HumanDuration(t.Sub(p.Now)))
}

// Clock is the time of day, with the date if it is not today's.
func (p Page) Clock(t time.Time) string {
	t = t.UTC()
	if t.Format(time.DateOnly) == p.Now.UTC().Format(time.DateOnly) {
		return t.Format("15:04:05 MST")
	}
	return t.Format("2006-01-02 15:04:05 MST")
}

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}
