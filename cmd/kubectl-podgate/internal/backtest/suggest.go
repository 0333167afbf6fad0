package backtest

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/gatefile"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/suggest"
)

// Values of --output of suggest.
const outputYAML = "yaml"

// NewSuggestCommand is the command suggest.
func NewSuggestCommand(getter genericclioptions.RESTClientGetter, streams genericiooptions.IOStreams) *cobra.Command {
	o := &options{IOStreams: streams, getter: getter, now: time.Now()}
	cmd := &cobra.Command{
		Use:   "suggest (NAME | -f FILE)",
		Short: "Propose minDifference, minRatio and window from the history of a healthy fleet",
		Long: `Propose what to write into a gate, from the history of a healthy fleet, with the reasons.

The gate is replayed with one pair of floors after the other, with the controller's own detectors. What is proposed are the least minRatio and
minDifference with which no pod comes beyond three quarters of the evidence that gates it, and the least window that holds four scrapes and, in
nine of ten hours, five events a pod. Only signals with the rule outlier are looked at. Choose a stretch in which nothing was wrong.`,
		Example: `  # from the last day
  kubectl podgate suggest -f gate.yaml --prometheus http://localhost:9090

  # the whole gate, to be applied
  kubectl podgate suggest -f gate.yaml --prometheus http://localhost:9090 -o yaml`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return o.suggest(cmd, args) },
	}
	f := cmd.Flags()
	f.StringVarP(&o.filename, "filename", "f", "", "file with the TrafficGate, or - for the standard input")
	f.BoolVar(&o.ask, "ask-cluster", false, "with -f: ask the cluster about the pods that are still there: since when they are Ready, their nodes, zones and revisions")
	f.StringVarP(&o.output, "output", "o", outputText, "text: what to change and why; yaml: the whole gate with it")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]cobra.Completion{outputText, outputYAML}, cobra.ShellCompDirectiveNoFileComp))
	o.history.bind(f, 24*time.Hour)
	f.Lookup("from").Usage = strings.Replace(f.Lookup("from").Usage, "default 7d", "default 1d", 1)
	return cmd
}

func (o *options) suggest(cmd *cobra.Command, args []string) (err error) {
	ctx := cmd.Context()
	if o.output != outputText && o.output != outputYAML {
		return misused("--output %q: must be one of text, yaml", o.output)
	}
	all, err := o.subjects(cmd, args)
	if err != nil {
		return err
	}
	of := all[0]
	h, err := o.history.open(ctx, o.now)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	if err := h.looks(of.gate); err != nil {
		return err
	}
	progress := newBar(o.ErrOut, "suggest")
	defer progress.clear()
	p, err := suggest.For(ctx, h, suggest.Options{Gate: of.gate, From: h.from, To: h.to, Known: of.known,
		// How many replays it takes is not known; it is seldom more than ten.
		Progress: func(replays int) { progress.set(float64(replays) / float64(replays+4)) }})
	if err != nil {
		return h.explain(ctx, err, of)
	}
	progress.clear()
	o.warn(h)
	if o.output == outputText {
		return p.Text(o.Out)
	}
	text, err := gatefile.Format(p.Gate)
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(o.Out, text)
	return err
}
