package command

import "github.com/spf13/cobra"

func clearOverride(e *environment) *cobra.Command {
	return override(e, &overriding{}, &cobra.Command{
		Use:   "clear POD...",
		Short: "Take overrides off, so that the pods are the gate's again",
		Long: `Take overrides off, so that the pods are the gate's again. A pod that was held out
comes back; one that was kept in traffic is judged from the next look on.`,
		Example: "  kubectl podgate clear checkout-66b7665c5d-htckz -n shop",
	})
}
