package command

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/convert"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/gatefile"
)

func convertResource(e *environment) *cobra.Command {
	filename := ""
	cmd := &cobra.Command{
		Use:   "convert (FILE | -f FILE)",
		Short: "Turn a KubervisorService into a TrafficGate",
		Long: `Turn Kubervisor's resources into TrafficGates, on the standard output: KubervisorService of kubervisor.k8s.io/v1alpha1 and v1, and BreakerConfig of
breaker.kubervisor.io/v1. Nothing is asked of a cluster or written to it.

Comments say what changes its meaning, and what cannot be carried over. The gate is a dry run. What is no field of Kubervisor's, and a query that cannot
be converted rightly, is an error. Of a list, or a file with several documents, what can be converted is, and each of the others is an error of its own;
backtest takes a file with one gate.`,
		Example: `  kubectl get kubervisorservice pricer-1a -o yaml | kubectl podgate convert - > gate.yaml
  kubectl podgate backtest -f gate.yaml --prometheus http://localhost:9090`,
		Args: arguments(cobra.MaximumNArgs(1)),
		ValidArgsFunction: func(_ *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return []cobra.Completion{"yaml", "yml", "json"}, cobra.ShellCompDirectiveFilterFileExt
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if filename != "" {
				args = append(args, filename)
			}
			if len(args) != 1 {
				return misused("%d files are named: name the one to convert, or - for the standard input: see %s --help", len(args), cmd.CommandPath())
			}
			text, err := gatefile.Text(args[0], e.streams.In)
			if err != nil {
				return misused("%w", err)
			}
			gates, wrong := convert.Text(text)
			_, err = e.streams.Out.Write(gates)
			for _, w := range wrong {
				err = errors.Join(err, misused("%s: %w", args[0], w))
			}
			return err
		},
	}
	cmd.Flags().StringVarP(&filename, "filename", "f", "", "file with Kubervisor's resources, or - for the standard input; the same as FILE")
	return cmd
}
