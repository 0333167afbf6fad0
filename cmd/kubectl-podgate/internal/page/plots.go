package page

import (
	"encoding/json"
	"fmt"
	"html/template"
	"math"
	"slices"
	"time"

	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/report"
)

// maxLines is how many pods are drawn as lines of their own; the others are part of
// the band.
const maxLines = 12

// colours is how many pods have a colour of their own before they repeat.
const colours = 8

// cast are the pods that a page is about, in the order in which they first went out,
// then those that were held back.
type cast struct {
	uids  []string
	index map[string]int
	name  map[string]string
	gated int
}

func castOf(s *report.Summary) cast {
	c := cast{index: map[string]int{}, name: map[string]string{}}
	add := func(uid, name string) {
		if _, known := c.index[uid]; !known {
			c.index[uid], c.name[uid] = len(c.uids), name
			c.uids = append(c.uids, uid)
		}
	}
	for _, e := range s.Episodes {
		add(e.UID, e.Gating.Pod)
	}
	c.gated = len(c.uids)
	for _, h := range s.Holds {
		add(h.UID, h.First.Pod)
	}
	return c
}

// class is the style of a pod.
func (c cast) class(uid string) string { return fmt.Sprintf("p%d", c.index[uid]%colours) }

// hover is what a plot tells under the pointer; its points are Step seconds apart.
type hover struct {
	From  int64       `json:"from"`
	Step  float64     `json:"step"`
	Left  float64     `json:"left"`
	Right float64     `json:"right"`
	Lines []hoverLine `json:"lines"`
}

type hoverLine struct {
	Name   string   `json:"name"`
	Class  string   `json:"class"`
	Values []string `json:"values"`
}

func (h *hover) add(name, class string, u unit, curve []float64) {
	values := make([]string, len(curve))
	for i, x := range curve {
		if !math.IsNaN(x) {
			values[i] = u.format(x)
		}
	}
	h.Lines = append(h.Lines, hoverLine{name, class, values})
}

func (h *hover) json() template.JS {
	text, err := json.Marshal(h)
	if err != nil {
		return "null" // cannot happen: there are only numbers and strings in it
	}
	return template.JS(text) // encoding/json escapes what could end a script
}

// drawing is a figure with what it tells under the pointer.
type drawing struct {
	SVG   template.HTML
	Hover template.JS
}

// edges are the times of the bins' left edges, in pixels.
func (r *Recorder) edges(x timeScale) []float64 {
	out := make([]float64, r.bins)
	for i := range out {
		out[i] = x.px(r.from.Add(time.Duration(i) * r.bin))
	}
	return out
}

func (r *Recorder) axis() timeScale {
	return timeScale{r.from, r.from.Add(time.Duration(r.bins) * r.bin), leftMargin, figureWidth - rightMargin}
}

// drawn are the pods that have a line of their own in a plot.
func drawn(p *plot, c cast) (uids []string) {
	for _, uid := range c.uids {
		if p.pods[uid] != nil && len(uids) < maxLines {
			uids = append(uids, uid)
		}
	}
	return uids
}

// draw draws one signal over the whole time.
func (r *Recorder) draw(p *plot, s *report.Summary, c cast) drawing {
	const height, top, bottom = 250, 10, 222
	f, x := newFigure(height, "Signal "+p.signal.Name+" of all pods over time"), r.axis()
	xs := r.edges(x)
	names := drawn(p, c)
	var lines [][]float64
	for _, uid := range names {
		lines = append(lines, p.pods[uid].whole(r.bins))
	}
	tolerated := make([]float64, r.bins)
	for i, m := range p.middle {
		if tolerated[i] = p.tolerated(m); math.IsNaN(m) {
			tolerated[i] = m
		}
	}
	y := around(bottom, top, append(slices.Clone(lines), p.low, p.high, shown(tolerated, p, lines))...)
	f.values(y, p.unit, 5)
	f.times(x, top, bottom)
	if !known(p.middle) {
		f.text("nothing", (f.left+f.right)/2, (top+bottom)/2, "no data")
	} else {
		r.spells(f, x, s, top, bottom)
		r.shade(f, x, s, c, top, bottom)
	}
	f.area("band", xs, mapped(y, p.low), mapped(y, p.high))
	f.curve("middle", "", xs, mapped(y, p.middle))
	f.curve("floor", "", xs, mapped(y, tolerated))
	told := hover{From: r.from.UnixMilli(), Step: r.bin.Seconds(), Left: f.left, Right: f.right}
	told.add("peers, median", "middle", p.unit, p.middle)
	told.add("peers, 5 to 95 %", "band", p.unit, p.high)
	for i := range told.Lines[1].Values {
		if told.Lines[1].Values[i] != "" {
			told.Lines[1].Values[i] = p.unit.format(p.low[i]) + " to " + told.Lines[1].Values[i]
		}
	}
	for i := len(lines) - 1; i >= 0; i-- {
		f.curve("pod "+c.class(names[i]), fmt.Sprintf(`data-pod="%d"`, c.index[names[i]]), xs, mapped(y, lines[i]))
	}
	for i, line := range lines {
		told.add(c.name[names[i]], c.class(names[i]), p.unit, line)
	}
	return drawing{f.close(), told.json()}
}

// maxStrips is how many pods have a strip of their own in a plot.
const maxStrips = 6

// shade shades when pods were out, with a strip on top for each. While only a person
// is waited for, the strip alone says so.
func (r *Recorder) shade(f *figure, x timeScale, s *report.Summary, c cast, top, bottom float64) {
	for _, e := range s.Episodes {
		class, from, to := c.class(e.UID), x.px(e.From), x.px(e.To)
		waits := ""
		if e.Ended == report.EndedWaiting {
			waits = "waits "
		} else {
			f.rect("span "+class, from, top, to, bottom, "")
		}
		if i := c.index[e.UID]; i < maxStrips {
			f.rect("strip "+waits+class, from, top+float64(4*i), to, top+float64(4*i)+3, out(e))
		}
	}
}

// shown leaves a limit out of the scale that no pod comes near.
func shown(tolerated []float64, p *plot, lines [][]float64) []float64 {
	most := 0.0
	for _, curve := range append(slices.Clone(lines), p.high) {
		for _, x := range curve {
			if !math.IsNaN(x) {
				most = math.Max(most, x)
			}
		}
	}
	out := slices.Clone(tolerated)
	for i, x := range out {
		if x > 2*most {
			out[i] = math.NaN()
		}
	}
	return out
}

// known reports whether there is anything of a curve.
func known(curve []float64) bool {
	return slices.ContainsFunc(curve, func(x float64) bool { return !math.IsNaN(x) })
}

func out(e report.Episode) string {
	return fmt.Sprintf("%s, out for %s from %s: %s", e.Gating.Pod, report.Span(e.To.Sub(e.From)), whenLong(e.From), e.Gating.Message)
}

// spells shades when nobody was gated, because of a common cause.
func (r *Recorder) spells(f *figure, x timeScale, s *report.Summary, top, bottom float64) {
	for _, c := range s.CommonCause {
		f.rect("cause", x.px(c.From), top, x.px(c.To), bottom, "common cause from "+whenLong(c.From)+" to "+whenLong(c.To)+": "+c.Message)
	}
}

// drawOut draws how many pods were out, beside how many might be.
func (r *Recorder) drawOut(s *report.Summary) drawing {
	const height, top, bottom = 120, 10, 92
	f, x := newFigure(height, "Pods out of traffic over time, and the limit"), r.axis()
	xs := r.edges(x)
	y := around(bottom, top, r.out, r.limit)
	y.from, y.to = 0, math.Max(1, math.Ceil(y.to))
	for _, t := range y.ticks(3, numbers) {
		if t.label == fmt.Sprint(math.Round(yAt(y, t.px))) {
			f.line("grid", f.left, t.px, f.right, t.px)
			f.text("tick y", f.left-8, t.px+4, t.label)
		}
	}
	f.times(x, top, bottom)
	r.spells(f, x, s, top, bottom)
	f.steps("count", xs, mapped(y, r.out), f.right, bottom)
	f.stairs("limit", xs, mapped(y, r.limit), f.right)
	told := hover{From: r.from.UnixMilli(), Step: r.bin.Seconds(), Left: f.left, Right: f.right}
	told.add("out", "count", numbers, r.out)
	told.add("limit", "limit", numbers, r.limit)
	return drawing{f.close(), told.json()}
}

func yAt(s scale, px float64) float64 {
	return s.from + (px-s.at)/(s.until-s.at)*(s.to-s.from)
}

// maxLanes is how many pods have a lane.
const maxLanes = 40

// drawLanes draws a lane for each pod that was out or held back.
func (r *Recorder) drawLanes(s *report.Summary, c cast) template.HTML {
	const row, top = 20, 6
	uids := c.uids[:min(len(c.uids), maxLanes)]
	bottom := float64(top + row*len(uids))
	f := newFigure(bottom+24, "When each pod was out of traffic or held back")
	longest := 0
	for _, uid := range uids {
		longest = max(longest, len(c.name[uid]))
	}
	f.left = math.Min(math.Max(float64(8*longest+16), leftMargin), 420)
	x := r.axis()
	x.at = f.left
	f.times(x, top, bottom)
	r.spells(f, x, s, top, bottom)
	for i, uid := range uids {
		y := float64(top + row*i)
		f.text("lane", f.left-8, y+14, c.name[uid])
		f.line("grid", f.left, y+row, f.right, y+row)
	}
	for _, h := range s.Holds {
		if i, ok := c.index[h.UID]; ok && i < len(uids) {
			y := float64(top + row*i)
			f.rect("held", x.px(h.From), y+6, x.px(h.To), y+row-6, fmt.Sprintf("%s, held back for %s from %s: %s", h.First.Pod, report.Span(h.To.Sub(h.From)), whenLong(h.From), h.First.Message))
		}
	}
	for _, e := range s.Episodes {
		if i := c.index[e.UID]; i < len(uids) {
			class := "out "
			if e.Ended == report.EndedWaiting {
				class = "out waits "
			}
			y := float64(top + row*i)
			f.rect(class+c.class(e.UID), x.px(e.From), y+3, x.px(e.To), y+row-3, out(e))
		}
	}
	return f.close()
}

// drawCloseUp draws a pod around its gating, look by look: its level beside its
// peers', and below the evidence against it.
func (r *Recorder) drawCloseUp(up *closeUp, class string) drawing {
	const height, top, middle, second, bottom = 300, 10, 176, 200, 272
	p := r.signals[up.signal]
	f := newFigure(height, "Pod "+up.pod+" around its gating")
	n := len(up.points)
	end := up.points[n-1].at.Add(r.interval)
	x := timeScale{up.points[0].at, end, f.left, f.right}
	xs := make([]float64, n)
	curves := map[string][]float64{}
	for i, pt := range up.points {
		xs[i] = x.px(pt.at)
		for name, v := range map[string]float64{"level": pt.level, "low": pt.low, "middle": pt.middle, "high": pt.high, "floor": p.tolerated(pt.middle), "evidence": pt.evidence, "bar": pt.bar} {
			curves[name] = append(curves[name], v)
		}
	}
	y := around(middle, top, curves["level"], curves["low"], curves["high"], shown(curves["floor"], p, [][]float64{curves["level"]}))
	f.values(y, p.unit, 5)
	f.times(x, top, bottom)
	for _, s := range spans(up.gated, end) {
		f.rect("span "+class, x.px(s[0]), top, x.px(s[1]), bottom, "")
		f.rect("strip "+class, x.px(s[0]), top, x.px(s[1]), top+4, "out of traffic from "+whenLong(s[0])+" to "+whenLong(s[1]))
	}
	f.area("band", xs, mapped(y, curves["low"]), mapped(y, curves["high"]))
	f.curve("middle", "", xs, mapped(y, curves["middle"]))
	f.curve("floor", "", xs, mapped(y, curves["floor"]))
	f.curve("pod "+class, "", xs, mapped(y, curves["level"]))
	e := around(bottom, second, curves["evidence"], curves["bar"], []float64{0})
	f.line("axis", f.left, bottom, f.right, bottom)
	for i, v := range curves["evidence"] {
		if v > 0 {
			width := (f.right - f.left) / float64(n)
			f.rect("evidence "+class, xs[i], e.px(v), xs[i]+width*0.8, bottom, "")
		}
	}
	f.curve("limit", "", xs, mapped(e, held(curves["bar"])))
	f.text("tick y", f.left-8, second+10, "evidence")
	f.text("tick y", f.left-8, second+24, "and bar")
	told := hover{From: up.points[0].at.UnixMilli(), Step: r.interval.Seconds(), Left: f.left, Right: f.right}
	told.add(up.pod, class, p.unit, curves["level"])
	told.add("peers, median", "middle", p.unit, curves["middle"])
	told.add("evidence", "evidence", numbers, curves["evidence"])
	told.add("bar", "limit", numbers, curves["bar"])
	return drawing{f.close(), told.json()}
}

// held fills gaps with what was there before: a bar stands while nobody is judged.
func held(curve []float64) []float64 {
	out, last := slices.Clone(curve), math.NaN()
	for i, x := range out {
		if math.IsNaN(x) {
			out[i] = last
		} else {
			last = x
		}
	}
	return out
}

// queries of a signal, as people read them.
func (p *plot) queries() string {
	s := p.signal
	switch {
	case s.Ratio != nil:
		return "bad:   " + s.Ratio.Bad + "\ntotal: " + s.Ratio.Total
	case s.Histogram != nil:
		return *s.Histogram
	case s.Value != nil:
		return *s.Value
	}
	return ""
}

// what says what a plot shows.
func (p *plot) what() string {
	what := "value"
	switch {
	case p.signal.Ratio != nil:
		what = "share of bad events"
	case p.signal.Histogram != nil:
		what = "95th percentile"
	}
	return capital(what)
}
