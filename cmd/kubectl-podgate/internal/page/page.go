package page

import (
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/report"
)

//go:embed page.html
var markup string

//go:embed page.css
var style string

//go:embed page.js
var script string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"when": whenLong, "rfc": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
}).Parse(markup))

// Page is what is written: one policy, or two beside each other.
type Page struct {
	// Source is where the history is from.
	Source string
	// Made is when the page was made, Version the program that made it.
	Made     time.Time
	Version  string
	Policies []Policy
}

// Policy is one gate and what came of it.
type Policy struct {
	Summary  *report.Summary
	Recorder *Recorder
	// YAML is the gate with every default.
	YAML string
}

// Write writes the page.
func Write(w io.Writer, p Page) error {
	v := view{Page: p, Style: template.CSS(style), Script: template.JS(script), Meaning: report.Meaning,
		Hash: hash(script), Title: "Backtest of " + p.Policies[0].Summary.Gate}
	for i, policy := range p.Policies {
		v.Sections = append(v.Sections, sectionOf(policy, i, len(p.Policies)))
	}
	if len(p.Policies) == 2 {
		v.Compare = report.Compare(p.Policies[0].Summary, p.Policies[1].Summary)
		v.Diff = diff(p.Policies[0].YAML, p.Policies[1].YAML)
	}
	return page.Execute(w, v)
}

// hash of a script, as a Content-Security-Policy names it.
func hash(script string) string {
	sum := sha256.Sum256([]byte(script))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// view is what the template shows.
type view struct {
	Page
	Title    string
	Style    template.CSS
	Script   template.JS
	Hash     string
	Meaning  []string
	Sections []section
	Compare  []report.Difference
	Diff     []diffLine
}

// section is one policy.
type section struct {
	ID, Name string
	*report.Summary
	Stretch, Budget string
	Tiles           []tile
	Out             drawing
	Lanes           template.HTML
	LanesLeft       int
	Plots           []plotView
	CloseUps        []closeView
	CloseUpsLeft    int
	Held            []report.Held
	Rows            []row
	RowsLeft        int
	YAML            string
}

// tile is one number with what it means.
type tile struct{ Value, Label, Note string }

type plotView struct {
	drawing
	Name, What, Queries, Sentence string
	Legend                        []chip
	Left                          int
}

// chip is a pod in a legend, with its place in the cast.
type chip struct {
	Name, Class string
	Pod         int
}

type closeView struct {
	drawing
	Pod, Class, Why string
	When            time.Time
	What            string
}

// row is one line of the table of decisions.
type row struct {
	When                    time.Time
	Pod, Class              string
	Action, Reason, Message string
	Signal, Span            string
}

func sectionOf(p Policy, i, of int) section {
	s, r := p.Summary, p.Recorder
	c := castOf(s)
	out := section{ID: string(rune('a' + i)), Summary: s, Budget: s.Budget.Sentence(), Tiles: tiles(s), Out: r.drawOut(s),
		Held: s.HeldBack(), YAML: p.YAML, CloseUpsLeft: max(r.closeUps.total-maxCloseUps, 0), LanesLeft: max(len(c.uids)-maxLanes, 0)}
	if of > 1 {
		out.Name = s.Policy
	}
	out.Stretch = fmt.Sprintf("%s to %s UTC, %s, %s looks every %s", s.From.UTC().Format("2006-01-02 15:04:05"), s.To.UTC().Format("2006-01-02 15:04:05"),
		report.Span(s.To.Sub(s.From)), report.Thousands(s.Looks), report.Span(r.interval))
	if len(c.uids) > 0 {
		out.Lanes = r.drawLanes(s, c)
	}
	for k, plot := range r.signals {
		v := plotView{drawing: r.draw(plot, s, c), Name: plot.signal.Name, What: plot.what(), Queries: plot.queries(), Sentence: capital(s.Signals[k].Sentence())}
		for _, uid := range drawn(plot, c) {
			v.Legend = append(v.Legend, chip{c.name[uid], c.class(uid), c.index[uid]})
		}
		v.Left = len(c.uids) - len(v.Legend)
		out.Plots = append(out.Plots, v)
	}
	for _, up := range r.closeUps.all {
		if len(up.points) == 0 {
			continue
		}
		class := c.class(up.uid)
		out.CloseUps = append(out.CloseUps, closeView{drawing: r.drawCloseUp(up, class), Pod: up.pod, Class: class, Why: up.why, When: up.gated[0],
			What: r.signals[up.signal].signal.Name + ", " + strings.ToLower(r.signals[up.signal].what())})
	}
	out.Rows, out.RowsLeft = rows(s, c)
	return out
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func tiles(s *report.Summary) []tile {
	held := 0
	for _, h := range s.Holds {
		held += h.Looks
	}
	out := []tile{
		{Value: fmt.Sprint(s.GatedPods), Label: "pods gated", Note: report.Times(len(s.Episodes)) + ", relapses included"},
		{Value: report.Thousands(int(s.OutTime.Minutes() + 0.5)), Label: "pod-minutes out", Note: fmt.Sprintf("%.2g %% of the pods' time", 100*s.OutShare())},
		{Value: fmt.Sprint(s.MostOut), Label: "out at once, at most", Note: "the limit then: " + s.Limit()},
		{Value: report.Span(report.Total(s.CommonCause)), Label: "common cause", Note: report.Times(len(s.CommonCause)) + "; nobody is gated then"},
		{Value: report.Thousands(held), Label: "pod-looks held back", Note: fmt.Sprintf("by %d guards", len(s.HeldBack()))},
	}
	if s.WaitTime > 0 {
		out[1].Note += fmt.Sprintf("; %s waiting for a person", report.Thousands(int(s.WaitTime.Minutes()+0.5)))
	}
	if s.Budget.PodDays > 0 {
		out = append(out, tile{Value: fmt.Sprintf("%.2g", s.Budget.Allowed), Label: "false alarms allowed",
			Note: fmt.Sprintf("in %.3g pod-days judged; gated %s, relapses not counted", s.Budget.Judged.Hours()/24, report.Times(s.Budget.Gatings))})
	}
	return out
}

// maxTable is how many rows the table of decisions has at most.
const maxTable = 1000

// rows are the decisions in the order of time.
func rows(s *report.Summary, c cast) (out []row, left int) {
	for _, e := range s.Episodes {
		g := e.Gating
		out = append(out, row{When: e.From, Pod: g.Pod, Class: c.class(e.UID), Action: string(g.Action), Reason: string(g.Reason), Signal: g.Signal,
			Span: report.Span(e.To.Sub(e.From)), Message: g.Message})
		if e.Ended != report.EndedNever && e.Ended != report.EndedWaiting {
			out = append(out, row{When: e.To, Pod: g.Pod, Class: c.class(e.UID), Action: "Release", Reason: e.Ended, Message: "was out for " + report.Span(e.To.Sub(e.From)) + ": " + e.Until()})
		}
	}
	for _, h := range s.Holds {
		out = append(out, row{When: h.From, Pod: h.First.Pod, Class: c.class(h.UID), Action: string(h.First.Action), Reason: string(h.First.Reason), Signal: h.First.Signal,
			Span: report.Span(h.To.Sub(h.From)), Message: h.First.Message})
	}
	for _, spell := range s.CommonCause {
		out = append(out, row{When: spell.From, Action: "Hold", Reason: "CommonCause", Span: report.Span(spell.To.Sub(spell.From)), Message: spell.Message})
	}
	for _, spell := range s.Suspected {
		out = append(out, row{When: spell.From, Action: "Hold", Reason: "DomainSuspected", Span: report.Span(spell.To.Sub(spell.From)), Message: spell.Message})
	}
	slices.SortStableFunc(out, func(a, b row) int { return cmp.Or(a.When.Compare(b.When), cmp.Compare(a.Pod, b.Pod)) })
	if len(out) > maxTable {
		return out[:maxTable], len(out) - maxTable
	}
	return out, 0
}
