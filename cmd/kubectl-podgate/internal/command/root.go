package command

import (
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
)

const long = `See why Podgate took a pod out of its Service's traffic, overrule it, and enrol
Services.

    kubectl podgate list -A             every gate, and what there is to know of it
    kubectl podgate status GATE         who is out, why, what holds, what comes next
    kubectl podgate explain POD         the whole story of one pod
    kubectl podgate hold|keep|clear POD a person's word on a pod
    kubectl podgate backtest -f FILE    what a gate would have done last week

Every change is a label, an annotation or a field that kubectl could set as well,
made under your own rights; the output shows the command that does the same.
All connection flags of kubectl work too. Colours are shown on a terminal only,
and not with NO_COLOR.

Exit codes:

    0  done
    1  the cluster or Prometheus said no, or did not answer
    2  wrong usage, or a file or a query that is wrong
    3  nothing was changed, because a check says that it would not be right
    4  changed, but what should follow did not within the time for it`

// completionName is the name under which kubectl looks for a plugin's
// completions; the plugin answers when it is called so.
const completionName = "kubectl_complete-podgate"

// New is the root command of a plugin of some version.
func New(streams genericiooptions.IOStreams, version string) *cobra.Command {
	e := &environment{cluster: genericclioptions.NewConfigFlags(true), streams: streams, now: time.Now}
	root := &cobra.Command{
		Use:           "kubectl-podgate",
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl podgate"},
		Short:         "See, explain and overrule what Podgate does with your pods",
		Long:          long,
		Version:       version,
		SilenceErrors: true, SilenceUsage: true,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.ErrOut)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return misused("%w: see %s --help", err, cmd.CommandPath())
	})
	e.cluster.AddFlags(root.PersistentFlags())
	knowsNoCluster(e.cluster)
	showOnly(root.PersistentFlags(), "namespace", "context", "kubeconfig", "as", "request-timeout")
	e.completeFlags(root)
	root.CompletionOptions.HiddenDefaultCmd = true // kubectl's own completion asks the plugin
	group(root, "see", "See and explain:", list(e), status(e), explain(e))
	group(root, "overrule", "Overrule:", hold(e), keep(e), clearOverride(e), release(e), suspend(e), resume(e))
	group(root, "enrol", "Enrol Services:", enrollService(e), unenrollService(e))
	group(root, "try", "Try on history first:", tryOut(e)...)
	return root
}

// group adds commands under a heading of the help.
func group(root *cobra.Command, id, title string, commands ...*cobra.Command) {
	root.AddGroup(&cobra.Group{ID: id, Title: title})
	for _, cmd := range commands {
		cmd.GroupID = id
	}
	root.AddCommand(commands...)
}

// showOnly hides the other flags from help: they are kubectl's own, and known.
func showOnly(flags *pflag.FlagSet, names ...string) {
	flags.VisitAll(func(f *pflag.Flag) { f.Hidden = !slices.Contains(names, f.Name) })
}

// arguments makes what is wrong with the arguments an error of usage.
func arguments(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return misused("%w: see %s --help", err, cmd.CommandPath())
		}
		return nil
	}
}

// Arguments are the process' arguments for the root command: those of a request
// for completions, if that is what the program is called as.
func Arguments(args []string) []string {
	if filepath.Base(args[0]) == completionName {
		return append([]string{cobra.ShellCompRequestCmd}, args[1:]...)
	}
	return args[1:]
}

// Standard are the process' own streams.
func Standard() genericiooptions.IOStreams {
	return genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
}
