package backtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/gatefile"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/page"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/replay"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/report"
)

// options of the command backtest.
type options struct {
	genericiooptions.IOStreams
	getter   genericclioptions.RESTClientGetter
	history  historyFlags
	filename string
	uid      string
	ask      bool
	compare  string
	output   string
	html     string
	now      time.Time
}

// Values of --output.
const (
	outputText = "text"
	outputJSON = "json"
)

var outputs = []string{outputText, outputJSON}

// NewCommand is the command backtest.
func NewCommand(getter genericclioptions.RESTClientGetter, streams genericiooptions.IOStreams) *cobra.Command {
	o := &options{IOStreams: streams, getter: getter, now: time.Now()}
	cmd := &cobra.Command{
		Use:   "backtest (NAME | -f FILE)",
		Short: "Run a gate on history: whom it would have gated, when and why",
		Long: `Run a gate on history: whom it would have gated, when, why and for how long, and what each guard would have held back.

The gate runs as the controller would run it, with the same detectors, rules and limits, on what Prometheus says of the past. Nothing is
written to the cluster. The history comes from a Prometheus server, from a file in the OpenMetrics text format, or from the directory of a
Prometheus database.

With NAME the TrafficGate is read from the cluster, and so is what the cluster knows of the pods that are still there. With -f FILE no cluster
is needed; --ask-cluster asks it about the pods all the same.`,
		Example: `  # the last seven days
  kubectl podgate backtest -f gate.yaml --prometheus http://localhost:9090

  # a day in March, every decision as a line of JSON
  kubectl podgate backtest -f gate.yaml --prometheus http://localhost:9090 --from 2026-03-01 --to 2026-03-02 -o json

  # two policies side by side, as a page to attach to a change request
  kubectl podgate backtest -f gate.yaml --compare stricter.yaml --prometheus http://localhost:9090 --html backtest.html

  # without a server
  promtool tsdb dump-openmetrics --match='{namespace="shop"}' data > shop.om
  kubectl podgate backtest -f gate.yaml --openmetrics shop.om`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args) },
	}
	f := cmd.Flags()
	f.StringVarP(&o.filename, "filename", "f", "", "file with the TrafficGate, or - for the standard input")
	f.StringVar(&o.uid, "uid", "", "with -f: UID of the TrafficGate that was there, so that the replay looks at the same instants")
	f.BoolVar(&o.ask, "ask-cluster", false, "with -f: ask the cluster about the pods that are still there: since when they are Ready, their nodes, zones and revisions")
	f.StringVar(&o.compare, "compare", "", "file with another TrafficGate, to be run on the same history")
	f.StringVarP(&o.output, "output", "o", outputText, "text: a summary for people; json: one object a line and decision")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(outputs, cobra.ShellCompDirectiveNoFileComp))
	f.StringVar(&o.html, "html", "", "file to write a page with plots to, which needs nothing but itself")
	o.history.bind(f, 7*24*time.Hour)
	return cmd
}

func (o *options) run(cmd *cobra.Command, args []string) (err error) {
	ctx := cmd.Context()
	if !slices.Contains(outputs, o.output) {
		return misused("--output %q: must be one of %s", o.output, strings.Join(outputs, ", "))
	}
	subjects, err := o.subjects(cmd, args)
	if err != nil {
		return err
	}
	file, err := newPageFile(o.html, o.files())
	if err != nil {
		return err
	}
	defer file.discard()
	h, err := o.history.open(ctx, o.now)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	p := page.Page{Source: h.name, Made: o.now}
	for i, of := range subjects {
		label := "backtest"
		if len(subjects) > 1 {
			label = fmt.Sprintf("backtest %d of %d", i+1, len(subjects))
		}
		policy, err := o.replay(ctx, of, h, label)
		if err != nil {
			return err
		}
		p.Policies = append(p.Policies, policy)
	}
	o.warn(h)
	if err := file.take(func(w io.Writer) error { return page.Write(w, p) }); err != nil {
		return err
	}
	return o.print(p)
}

// warn says beside the output what makes it less than it looks.
func (o *options) warn(h *history) {
	if text := h.pods.warning(); text != "" {
		fmt.Fprintln(o.ErrOut, text)
	}
}

// files are those that the page must not overwrite.
func (o *options) files() []readFile {
	out := []readFile{{"-f", o.filename}, {"--compare", o.compare}, {"--openmetrics", o.history.openmetrics}, {"--prometheus-http-config", o.history.server.HTTPConfig}}
	if f, ok := o.Out.(*os.File); ok {
		// Taking the place of the file that the output goes to would lose the output.
		out = append(out, readFile{"the standard output", f.Name()})
	}
	return out
}

// print writes the summary, of one policy or of both.
func (o *options) print(p page.Page) error {
	switch {
	case o.output == outputJSON:
		return nil // it was written on the way
	case len(p.Policies) == 2:
		return report.TextBoth(o.Out, p.Policies[0].Summary, p.Policies[1].Summary)
	}
	return p.Policies[0].Summary.Text(o.Out)
}

// replay runs one gate, and prints its decisions on the way if they are asked for.
func (o *options) replay(ctx context.Context, of subject, h *history, label string) (page.Policy, error) {
	progress := newBar(o.ErrOut, label)
	defer progress.clear()
	if err := h.looks(of.gate); err != nil {
		return page.Policy{}, err
	}
	options := replay.Options{Gate: of.gate, Known: of.known, From: h.from, To: h.to, Progress: progress.set}
	ledger := report.NewLedger(of.policy, of.gate)
	watchers := []func(*replay.Step) error{ledger.Watch}
	if o.output == outputJSON {
		policy := ""
		if o.compare != "" {
			policy = of.policy
		}
		watchers = append(watchers, report.NewLines(o.Out, policy, ledger.Gate).Watch)
	}
	var recorder *page.Recorder
	if o.html != "" {
		recorder = page.NewRecorder(of.gate, options.First(), h.to)
		watchers = append(watchers, recorder.Watch)
	}
	err := replay.Run(ctx, h, options, func(s *replay.Step) (err error) {
		for _, watch := range watchers {
			err = errors.Join(err, watch(s))
		}
		return err
	})
	if err != nil {
		return page.Policy{}, h.explain(ctx, err, of)
	}
	text, err := gatefile.Format(of.gate)
	return page.Policy{Summary: ledger.Close(), Recorder: recorder, YAML: text}, err
}
