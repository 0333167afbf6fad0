package command

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/podgate/podgate/api/v1alpha1"
)

// actWait is how long the controller has to act on an override. It takes less
// than a second.
const actWait = 10 * time.Second

func hold(e *environment) *cobra.Command {
	return override(e, &overriding{value: v1alpha1.OverrideNo}, &cobra.Command{
		Use:   "hold POD...",
		Short: "Take pods out of traffic, whatever the verdict",
		Long: `Take pods out of traffic, whatever the verdict, until you clear them or the time
that you give is over. They keep running, so that you can look at them.

A held pod uses up the gate's limit. The last pod that serves is not held without
--force.`,
		Example: "  kubectl podgate hold checkout-66b7665c5d-htckz -n shop --for 2h --reason 'heap dump'",
	})
}

// override completes one of the commands that set an override.
func override(e *environment, o *overriding, cmd *cobra.Command) *cobra.Command {
	cmd.Args = arguments(cobra.MinimumNArgs(1))
	cmd.ValidArgsFunction = e.completePods()
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), e, args) }
	o.bind(cmd, actWait)
	if o.value != "" {
		cmd.Flags().DurationVar(&o.lasts, "for", 0, "how long, such as 30m or 2h; the controller takes the override off then. Until you clear it, if not given")
		cmd.Flags().StringVar(&o.reason, "reason", "", "why, for the others to read")
		cmd.Flags().BoolVar(&o.force, "force", false, "also where the gate does not act, or nobody else would serve")
	}
	return cmd
}
