package render

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/overview"
)

// ListOptions say how a list of gates looks.
type ListOptions struct {
	// Wide adds columns, Namespaces the gates' namespaces.
	Wide, Namespaces bool
	// NoHeadings leaves the first row out.
	NoHeadings bool
}

// List is a row for each gate.
func (p Page) List(gates []overview.Gate, o ListOptions) {
	rows := [][]string{{"NAME", "SERVICE", "MODE", "SERVING", "GATED", "HELD", "LEFT", p.paint(plain, "READY"), "REASON", "AGE"}}
	if o.Wide {
		rows[0] = append(rows[0], "LAST LOOK", "MESSAGE")
	}
	if o.Namespaces {
		rows[0] = append([]string{"NAMESPACE"}, rows[0]...)
	}
	for _, g := range gates {
		row := []string{g.Name, g.Service, string(g.Mode), fmt.Sprintf("%d/%d", g.Pods.Serving, g.Pods.Total), gatedCell(g),
			fmt.Sprint(g.Pods.HeldOut), fmt.Sprintf("%d/%d", g.Limit.Left, g.Limit.Allowed),
			p.paint(readyColour(g), string(g.Ready.Status)), g.Ready.Reason, p.ago(&g.Created)}
		if o.Wide {
			message := g.Ready.Message
			if g.Doubt != "" {
				message = g.Doubt
			}
			row = append(row, p.lastLook(g), message)
		}
		if o.Namespaces {
			row = append([]string{g.Namespace}, row...)
		}
		rows = append(rows, row)
	}
	if o.NoHeadings {
		rows = rows[1:]
	}
	p.table(0, rows)
}

// gatedCell counts the pods that are out; those that a dry run would have gated
// stand in brackets.
func gatedCell(g overview.Gate) string {
	if g.Pods.WouldBeGated > 0 {
		return fmt.Sprintf("(%d)", g.Pods.WouldBeGated)
	}
	return fmt.Sprint(g.Pods.Gated)
}

func (p Page) lastLook(g overview.Gate) string {
	if g.LastLook == nil {
		return "-"
	}
	return p.ago(&g.LastLook.At) + " ago"
}

// readyColour is green for a gate that has nothing to tell, yellow for one that
// has, red for one that does not do its work.
func readyColour(g overview.Gate) colour {
	switch {
	case g.Ready.Status == metav1.ConditionFalse:
		return red
	case g.Doubt != "", g.Ready.Status != metav1.ConditionTrue:
		return yellow
	}
	switch g.Ready.Reason {
	case v1alpha1.ReasonEnforcing, v1alpha1.ReasonDryRun:
		return green
	}
	return yellow
}
