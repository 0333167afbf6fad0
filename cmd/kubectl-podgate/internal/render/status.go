package render

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/overview"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/story"
	"github.com/podgate/podgate/controller/decide"
)

// maxDue is how many things to come a status tells of.
const maxDue = 3

// Status is a gate and its fleet: who is out and why first, the rest after it.
func (p Page) Status(g overview.Gate, wide bool) {
	p.headline(g)
	p.facts(g)
	for _, pod := range g.Fleet {
		if pod.Out() || pod.Remark == overview.LooksBad || pod.Remark == overview.WouldBeGated || pod.Remark == overview.NotObeyed {
			p.blank()
			p.paragraph(g, pod)
		}
	}
	p.conditions(g)
	p.fleet(g, wide)
}

func (p Page) headline(g overview.Gate) {
	p.line("%s  %s", p.paint(bold, g.Namespace+"/"+g.Name), p.paint(readyColour(g), g.Ready.Reason))
	if g.Doubt != "" {
		p.labelled(2, 7, "doubt", yellow, g.Doubt)
	}
	p.field(2, 7, "says", g.Ready.Message)
}

// facts are the numbers of the gate.
func (p Page) facts(g overview.Gate) {
	p.field(2, 7, "mode", fmt.Sprintf("%s, for Service %s", g.Mode, g.Service))
	p.field(2, 7, "pods", counts(g.Pods))
	p.field(2, 7, "limit", limit(g))
	p.field(2, 7, "metrics", p.metrics(g))
	for i, d := range g.Next {
		name := "next"
		if i > 0 {
			name = ""
		}
		if i < maxDue {
			p.field(2, 7, name, p.due(d.At)+" "+d.What)
		}
	}
}

func counts(c overview.Counts) string {
	text := fmt.Sprintf("%d: %d serving", c.Total, c.Serving)
	var more []string
	for _, x := range []struct {
		n    int
		what string
	}{{c.Trial, "on trial"}, {c.WouldBeGated, "would be gated"}} {
		if x.n > 0 {
			more = append(more, fmt.Sprintf("%d %s", x.n, x.what))
		}
	}
	if len(more) > 0 {
		text += " (" + strings.Join(more, ", ") + ")"
	}
	text += fmt.Sprintf(", %d gated", c.Gated)
	if c.HeldOut > 0 {
		text += fmt.Sprintf(", %d held out by people", c.HeldOut)
	}
	if c.NotReady > 0 {
		text += fmt.Sprintf(", %d not ready", c.NotReady)
	}
	return text
}

func limit(g overview.Gate) string {
	text := fmt.Sprintf("%d of %d may be out", g.Limit.Allowed, g.Pods.Total)
	if g.Limit.MaxGated != "" {
		text += " (limits.maxGated " + g.Limit.MaxGated + ")"
	}
	text += fmt.Sprintf("; out now %d, left %d", g.Limit.Out, g.Limit.Left)
	if g.Limit.Out > g.Limit.Allowed {
		text += " (pods that are not ready or that people hold out count, too)"
	}
	return text
}

func (p Page) metrics(g overview.Gate) string {
	if g.LastLook == nil {
		return "not looked at"
	}
	parts := []string{"as of " + p.ago(&g.LastLook.At) + " ago"}
	for _, s := range g.LastLook.Signals {
		parts = append(parts, s.Name+": "+story.Seen(s))
	}
	return strings.Join(parts, "; ")
}

// paragraph is all about one pod that is not simply serving, and how to overrule
// what is done with it.
func (p Page) paragraph(g overview.Gate, pod overview.Pod) {
	p.line("%s  %s", p.paint(bold, pod.Name), p.standing(pod))
	if pod.Why != "" {
		p.field(2, 7, "why", pod.Why)
	}
	if pod.HeldBy != "" {
		p.field(2, 7, "held by", pod.HeldBy+": "+pod.HeldWhy)
	}
	if pod.Next != "" {
		p.field(2, 7, "next", pod.Next)
	}
	if pod.Override != nil {
		p.field(2, 7, "asked", p.override(*pod.Override))
	}
	if pod.Remark == overview.NotObeyed {
		p.labelled(2, 7, "but", yellow, fmt.Sprintf("its traffic label is %q: %s", pod.Traffic, whyNotObeyed(g)))
	}
	for _, o := range overrule(g, pod) {
		p.command(2, 7, o[0], o[1])
	}
}

// standing is a pod's state, since when it is in it, and its relapses. Since when a
// pod looks bad is not known.
func (p Page) standing(pod overview.Pod) string {
	what, c := stateOf(pod)
	text := p.paint(c, what)
	if pod.Remark != overview.LooksBad && pod.Since != nil {
		text += " " + p.since(pod.Since)
	}
	if pod.Relapses > 0 {
		text += ", " + plural(pod.Relapses, "relapse")
	}
	return text
}

// stateOf is a pod's state in words.
func stateOf(pod overview.Pod) (string, colour) {
	switch pod.Remark {
	case overview.Trial:
		return "serving, on trial", yellow
	case overview.LooksBad:
		return "serving, looks bad", yellow
	case overview.WouldBeGated:
		return "serving, would be gated", yellow
	}
	switch pod.State {
	case decide.Gated:
		return "gated", red
	case decide.HeldOut:
		return "held out", yellow
	case decide.NotReady:
		return "not ready", yellow
	case decide.Unlabelled:
		return "without the traffic label", red
	}
	return "serving", green
}

func (p Page) override(o overview.Override) string {
	text := v1alpha1.LabelOverride + "=" + o.Value
	switch {
	case o.Until != nil:
		text += " until " + p.due(*o.Until)
	case o.Unread != "":
		text += fmt.Sprintf(", until taken off (%q is no time)", o.Unread)
	default:
		text += ", until taken off"
	}
	if o.Reason != "" {
		text += ": " + o.Reason
	}
	return text
}

// whyNotObeyed says why an override has no effect under a gate as it is.
func whyNotObeyed(g overview.Gate) string {
	switch {
	case g.Mode != v1alpha1.ModeEnforce:
		return fmt.Sprintf("a gate in mode %s does not act on overrides", g.Mode)
	case g.Ready.Status == metav1.ConditionFalse:
		return "the gate does not act (" + g.Ready.Reason + ")"
	}
	return "the controller has not acted on it yet"
}

// overrule are commands that change what is done with a pod.
func overrule(g overview.Gate, pod overview.Pod) [][2]string {
	command := func(verb string) string {
		return fmt.Sprintf("kubectl podgate -n %s %s %s", g.Namespace, verb, pod.Name)
	}
	switch {
	case pod.Override != nil:
		return [][2]string{{"undo", command("clear")}}
	case pod.State == decide.Gated:
		return [][2]string{{"more", command("explain")}, {"undo", command("release") + "   # or keep, to overrule the gate"}}
	case pod.State == decide.HeldOut:
		return [][2]string{{"undo", command("release")}}
	case pod.Remark == overview.LooksBad:
		return [][2]string{{"more", command("explain")}, {"do", command("hold") + "   # takes it out all the same"}}
	}
	return [][2]string{{"more", command("explain")}}
}

// conditions are those besides Ready, in words.
func (p Page) conditions(g overview.Gate) {
	if len(g.Conditions) == 0 {
		return
	}
	p.heading("CONDITIONS")
	width := 0
	for _, c := range g.Conditions {
		width = max(width, len(c.Type))
	}
	for _, c := range slices.SortedStableFunc(slices.Values(g.Conditions), func(a, b overview.Condition) int { return strings.Compare(a.Type, b.Type) }) {
		answer := map[metav1.ConditionStatus]string{metav1.ConditionTrue: "yes", metav1.ConditionFalse: "no"}[c.Status]
		if answer == "" {
			answer = "not known"
		}
		p.field(2, width, c.Type, answer+", "+c.Message)
	}
}

// fleet is every pod in a row.
func (p Page) fleet(g overview.Gate, wide bool) {
	if len(g.Fleet) == 0 {
		return
	}
	p.blank()
	rows := [][]string{{"POD", p.paint(plain, "STATE"), "SINCE", "RELAPSES", "OVERRIDE"}}
	if wide {
		rows[0] = append(rows[0], "NODE", "REVISION")
	}
	for _, pod := range g.Fleet {
		what, c := stateOf(pod)
		asked := "-"
		if pod.Override != nil {
			asked = pod.Override.Value
		}
		row := []string{pod.Name, p.paint(c, what), p.ago(pod.Since), fmt.Sprint(pod.Relapses), asked}
		if wide {
			row = append(row, dash(pod.Node), dash(pod.Revision))
		}
		rows = append(rows, row)
	}
	p.table(0, rows)
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
