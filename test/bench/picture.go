package main

import (
	"fmt"
	"math"
	"strings"
)

var colours = []string{"#c0392b", "#2980b9", "#5dade2", "#8e44ad", "#bb8fce", "#7f8c8d", "#27ae60", "#82e0aa", "#d35400", "#f0b27a", "#16a085", "#2c3e50", "#85929e", "#b7950b", "#e91e63", "#795548"}

// picture plots time to detect against wrong minutes, one small plot a
// scenario with faults, one point a method.
func picture(class string, rows []row) string {
	const width, height, left, top, columns = 300, 220, 46, 40, 3
	var names []string
	for _, r := range rows {
		if r.Faults > 0 && (len(names) == 0 || names[len(names)-1] != r.Scenario) {
			names = append(names, r.Scenario)
		}
	}
	methods := methodsOf(rows)
	lines := (len(names) + columns - 1) / columns
	legend := 16*((len(methods)+2)/3) + 30
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="11">`+"\n", columns*width+20, lines*height+legend+20)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="white"/><text x="10" y="18" font-size="13">%s: median time to detect (across, 0 to 10 minutes) against wrong minutes per 1,000 pod-hours (up, logarithmic); left and low is good</text>`+"\n", class)
	for i, name := range names {
		x0, y0 := float64(i%columns*width+left), float64(i/columns*height+top)
		w, h := float64(width-left-20), float64(height-70)
		fmt.Fprintf(&b, `<text x="%.0f" y="%.0f" font-weight="bold">%s</text><rect x="%.0f" y="%.0f" width="%.0f" height="%.0f" fill="none" stroke="#ccc"/>`+"\n", x0, y0-4, name, x0, y0, w, h)
		for _, wrong := range []float64{0, 10, 100, 1000, 10000} {
			y := y0 + h*(1-math.Log1p(wrong)/math.Log1p(30000))
			fmt.Fprintf(&b, `<line x1="%.0f" x2="%.0f" y1="%.1f" y2="%.1f" stroke="#eee"/><text x="%.0f" y="%.1f" text-anchor="end" fill="#666">%.0f</text>`+"\n", x0, x0+w, y, y, x0-4, y+4, wrong)
		}
		for minute := 0.0; minute <= 10; minute += 2 {
			fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" text-anchor="middle" fill="#666">%.0f</text>`+"\n", x0+w*minute/10, y0+h+13, minute)
		}
		for m := len(methods) - 1; m >= 0; m-- {
			for _, r := range rows {
				if r.Scenario != name || r.Method != methods[m] || r.Hits == 0 {
					continue
				}
				x := x0 + w*min(r.Quantile(0.5)/600, 1)
				y := y0 + h*(1-math.Log1p(min(r.WrongRate(), 30000))/math.Log1p(30000))
				size := 2 + 4*r.Recall()
				fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="%.1f" fill="%s" fill-opacity="0.8"><title>%s: %.0f s, %.1f, recall %.2f</title></circle>`+"\n", x, y, size, colours[m%len(colours)], methods[m], r.Quantile(0.5), r.WrongRate(), r.Recall())
			}
		}
	}
	y := lines*height + top
	for m, name := range methods {
		fmt.Fprintf(&b, `<circle cx="%d" cy="%d" r="5" fill="%s"/><text x="%d" y="%d">%s</text>`+"\n", 20+m%3*width, y+m/3*16, colours[m%len(colours)], 30+m%3*width, y+4+m/3*16, name)
	}
	b.WriteString("</svg>\n")
	return b.String()
}
