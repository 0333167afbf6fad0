package command

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/backtest"
)

// tryOut are the commands that try a gate on history.
func tryOut(e *environment) []*cobra.Command {
	all := []*cobra.Command{backtest.NewCommand(e.cluster, e.streams), backtest.NewSuggestCommand(e.cluster, e.streams)}
	for _, cmd := range all {
		cmd.Args = arguments(cmd.Args)
		cmd.ValidArgsFunction = e.completeGates()
		usageOf(cmd)
	}
	return append(all, convertResource(e))
}

// usageOf gives a command of another package this one's exit codes.
func usageOf(cmd *cobra.Command) {
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		err := run(cmd, args)
		if unanswered := (backtest.ClusterError{}); errors.As(err, &unanswered) {
			return fmt.Errorf("asking the cluster: %w; it need not be asked with -f FILE and without --ask-cluster", advised(unanswered.Err))
		}
		if wrong := (backtest.UsageError{}); errors.As(err, &wrong) {
			return coded{exitUsage, err}
		}
		return err
	}
}
