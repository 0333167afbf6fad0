package page

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"strings"
	"time"
)

// figure is an SVG that is being drawn.
type figure struct {
	strings.Builder
	width, height float64
	left, right   float64 // the plotting area
}

// The common measures of the figures, in pixels of their own.
const (
	figureWidth = 1040
	leftMargin  = 72
	rightMargin = 14
)

func newFigure(height float64, title string) *figure {
	f := &figure{width: figureWidth, height: height, left: leftMargin, right: figureWidth - rightMargin}
	fmt.Fprintf(f, `<svg viewBox="0 0 %d %s" role="img" aria-label="%s" xmlns="http://www.w3.org/2000/svg">`, figureWidth, num(height), html.EscapeString(title))
	return f
}

func (f *figure) close() template.HTML {
	f.WriteString("</svg>")
	return template.HTML(f.String()) // every text in it went through html.EscapeString
}

// line draws a straight line of a class.
func (f *figure) line(class string, x1, y1, x2, y2 float64) {
	fmt.Fprintf(f, `<line class="%s" x1="%s" y1="%s" x2="%s" y2="%s"/>`, class, num(x1), num(y1), num(x2), num(y2))
}

// text writes a text of a class.
func (f *figure) text(class string, x, y float64, text string) {
	fmt.Fprintf(f, `<text class="%s" x="%s" y="%s">%s</text>`, class, num(x), num(y), html.EscapeString(text))
}

// rect draws a rectangle of a class, at least a hair wide, with a title to be shown
// under the pointer.
func (f *figure) rect(class string, x1, y1, x2, y2 float64, title string) {
	fmt.Fprintf(f, `<rect class="%s" x="%s" y="%s" width="%s" height="%s">`, class, num(x1), num(y1), num(math.Max(x2-x1, 1.5)), num(y2-y1))
	if title != "" {
		fmt.Fprintf(f, "<title>%s</title>", html.EscapeString(title))
	}
	f.WriteString("</rect>")
}

// times draws the time axis below bottom, and its grid up to top.
func (f *figure) times(x timeScale, top, bottom float64) {
	for _, t := range x.ticks(12) {
		f.line("grid", t.px, top, t.px, bottom)
		if t.px < f.right-16 {
			f.text("tick x", t.px, bottom+15, t.label)
		}
	}
}

// values draws the axis of values with its grid.
func (f *figure) values(y scale, u unit, n int) {
	for _, t := range y.ticks(n, u) {
		f.line("grid", f.left, t.px, f.right, t.px)
		f.text("tick y", f.left-8, t.px+4, t.label)
	}
}

// curve draws a curve through the points that there are.
func (f *figure) curve(class, attributes string, xs, ys []float64) {
	path := path(xs, ys)
	if path != "" {
		fmt.Fprintf(f, `<path class="%s" %s d="%s"/>`, class, attributes, path)
	}
}

// path through the points that there are; a single point is drawn as a dash.
func path(xs, ys []float64) string {
	var b strings.Builder
	pen := false
	for i := range xs {
		if math.IsNaN(ys[i]) {
			pen = false
			continue
		}
		if pen {
			fmt.Fprintf(&b, "L%s %s", num(xs[i]), num(ys[i]))
			continue
		}
		pen = true
		fmt.Fprintf(&b, "M%s %s", num(xs[i]), num(ys[i]))
		if i+1 == len(xs) || math.IsNaN(ys[i+1]) {
			b.WriteString("h1")
		}
	}
	return b.String()
}

// area fills what is between two curves, where both are known.
func (f *figure) area(class string, xs, low, high []float64) {
	var b strings.Builder
	for i := 0; i < len(xs); {
		if math.IsNaN(low[i]) || math.IsNaN(high[i]) {
			i++
			continue
		}
		j := i
		for j+1 < len(xs) && !math.IsNaN(low[j+1]) && !math.IsNaN(high[j+1]) {
			j++
		}
		fmt.Fprintf(&b, "M%s %s", num(xs[i]), num(high[i]))
		for k := i + 1; k <= j; k++ {
			fmt.Fprintf(&b, "L%s %s", num(xs[k]), num(high[k]))
		}
		for k := j; k >= i; k-- {
			fmt.Fprintf(&b, "L%s %s", num(xs[k]), num(low[k]))
		}
		b.WriteString("Z")
		i = j + 1
	}
	if b.Len() > 0 {
		fmt.Fprintf(f, `<path class="%s" d="%s"/>`, class, b.String())
	}
}

// stairs draws a step line: each value holds until the next.
func (f *figure) stairs(class string, xs, ys []float64, end float64) {
	if d := stairs(xs, ys, end, math.NaN()); d != "" {
		fmt.Fprintf(f, `<path class="%s" d="%s"/>`, class, d)
	}
}

// steps fills what is below a step line.
func (f *figure) steps(class string, xs, ys []float64, end, bottom float64) {
	if d := stairs(xs, ys, end, bottom); d != "" {
		fmt.Fprintf(f, `<path class="%s" d="%s"/>`, class, d)
	}
}

// stairs is a step line, or with a bottom the outline of what is below it.
func stairs(xs, ys []float64, end, bottom float64) string {
	var b strings.Builder
	for i := 0; i < len(xs); i++ {
		if math.IsNaN(ys[i]) {
			continue
		}
		fmt.Fprintf(&b, "M%s %s", num(xs[i]), num(ys[i]))
		first, until := xs[i], end
		for ; i < len(xs) && !math.IsNaN(ys[i]); i++ {
			if until = end; i+1 < len(xs) {
				until = xs[i+1]
			}
			if i+1 == len(xs) || ys[i+1] != ys[i] { // corners only
				fmt.Fprintf(&b, "V%sH%s", num(ys[i]), num(until))
			}
		}
		if !math.IsNaN(bottom) {
			fmt.Fprintf(&b, "V%sH%sZ", num(bottom), num(first))
		}
	}
	return b.String()
}

// mapped maps a curve to pixels.
func mapped(y scale, curve []float64) []float64 {
	out := make([]float64, len(curve))
	for i, x := range curve {
		out[i] = math.Max(math.Min(y.px(x), y.at+1), y.until-1) // NaN stays
	}
	return out
}

// around is a scale that shows all numbers, with room above; from zero unless they
// are far from it.
func around(at, until float64, curves ...[]float64) scale {
	low, high := math.Inf(1), math.Inf(-1)
	for _, c := range curves {
		for _, x := range c {
			if !math.IsNaN(x) && !math.IsInf(x, 0) {
				low, high = math.Min(low, x), math.Max(high, x)
			}
		}
	}
	if low > high {
		low, high = 0, 1
	}
	if low > 0 && low < 0.6*high {
		low = 0
	}
	if high == low {
		high, low = high+math.Max(math.Abs(high)/10, 1e-3), math.Min(low, math.Max(0, low-math.Abs(low)/10))
	}
	room := (high - low) * 0.06
	if low != 0 {
		low -= room
	}
	return scale{low, high + room, at, until}
}

// spans between alternating times out and back; one that does not end goes on to
// the end.
func spans(times []time.Time, end time.Time) (out [][2]time.Time) {
	for i := 0; i < len(times); i += 2 {
		until := end
		if i+1 < len(times) {
			until = times[i+1]
		}
		out = append(out, [2]time.Time{times[i], until})
	}
	return out
}
