package command

import (
	"github.com/spf13/cobra"

	"github.com/podgate/podgate/api/v1alpha1"
)

func keep(e *environment) *cobra.Command {
	return override(e, &overriding{value: v1alpha1.OverrideYes}, &cobra.Command{
		Use:   "keep POD...",
		Short: "Keep pods in traffic, whatever the verdict",
		Long: `Keep pods in traffic, whatever the verdict, until you clear them or the time that
you give is over. A pod that is gated comes back at once.`,
		Example: "  kubectl podgate keep checkout-66b7665c5d-htckz -n shop --for 30m --reason 'false alarm, being looked at'",
	})
}
