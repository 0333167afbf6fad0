package command

import (
	"github.com/spf13/cobra"

	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/enroll"
)

func unenrollService(e *environment) *cobra.Command {
	o := &enrolling{check: enroll.CheckUndo, plan: enroll.Undo, done: "does not select on the label, and no label is left that may go: nothing to do", success: "is not enrolled any more"}
	return o.command(e, &cobra.Command{
		Use:   "unenroll SERVICE",
		Short: "Take the traffic label out of a Service's selector, then off its pods",
		Long: `Take the traffic label out of a Service's selector, so that its gate has no effect
on it any more and every ready pod gets traffic, and then off the pod templates and
the pods. The labels stay where a gate in mode Enforce would put them back, or
where another Service selects on them.`,
		Example: "  kubectl podgate unenroll checkout -n shop --dry-run=server\n  kubectl podgate unenroll checkout -n shop --skip-template",
	})
}
