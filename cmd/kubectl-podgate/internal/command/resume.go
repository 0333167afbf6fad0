package command

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/podgate/podgate/api/v1alpha1"
)

func resume(e *environment) *cobra.Command {
	o := &modeOptions{}
	cmd := o.command(e, &cobra.Command{
		Use:   "resume GATE",
		Short: "Start a suspended gate again, in the mode that it had",
		Long: `Start a suspended gate again, in the mode that it had before it was suspended, or in
the one that --mode says. What it had learned is learned again from Prometheus.`,
		Example: "  kubectl podgate resume checkout -n shop\n  kubectl podgate resume checkout -n shop --mode DryRun",
	})
	mode := cmd.Flags().String("mode", "", "Enforce or DryRun; the mode before it was suspended, if not given")
	_ = cmd.RegisterFlagCompletionFunc("mode", cobra.FixedCompletions([]cobra.Completion{string(v1alpha1.ModeEnforce), string(v1alpha1.ModeDryRun)}, cobra.ShellCompDirectiveNoFileComp))
	cmd.PreRunE = func(*cobra.Command, []string) error {
		o.to = v1alpha1.Mode(*mode)
		if o.to != "" && o.to != v1alpha1.ModeEnforce && o.to != v1alpha1.ModeDryRun {
			return misused("--mode %q: must be Enforce or DryRun", *mode)
		}
		return nil
	}
	return cmd
}

// target is the mode to set.
func (o *modeOptions) target(gate *v1alpha1.TrafficGate) (v1alpha1.Mode, error) {
	if o.to != "" {
		return o.to, nil
	}
	if gate.Spec.Mode != v1alpha1.ModeSuspended {
		return gate.Spec.Mode, nil
	}
	switch kept := v1alpha1.Mode(gate.Annotations[v1alpha1.AnnotationResumeMode]); kept {
	case v1alpha1.ModeEnforce, v1alpha1.ModeDryRun:
		return kept, nil
	}
	return "", refused("TrafficGate %s was not suspended by kubectl podgate, so the mode that it had is not known: say --mode Enforce or --mode DryRun (kubectl podgate -n %s resume %s --mode DryRun)",
		fmt.Sprintf("%s/%s", gate.Namespace, gate.Name), gate.Namespace, gate.Name)
}
