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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/gatefile"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/page"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/replay"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/report"
	"github.com/podgate/podgate/controller/source"
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
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), args) },
	}
	f := cmd.Flags()
	f.StringVarP(&o.filename, "filename", "f", "", "file with the TrafficGate, or - for the standard input")
	f.StringVar(&o.uid, "uid", "", "with -f: UID of the TrafficGate that was there, so that the replay looks at the same instants")
	f.BoolVar(&o.ask, "ask-cluster", false, "with -f: ask the cluster about the pods that are still there: since when they are Ready, their nodes, zones and revisions")
	f.StringVar(&o.compare, "compare", "", "file with another TrafficGate, to be run on the same history")
	f.StringVarP(&o.output, "output", "o", outputText, "text: a summary for people; json: one object a line and decision")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(outputs, cobra.ShellCompDirectiveNoFileComp))
	f.StringVar(&o.html, "html", "", "file to write a page with plots to, which needs nothing but itself")
	o.history.bind(f)
	return cmd
}

func (o *options) run(ctx context.Context, args []string) (err error) {
	if !slices.Contains(outputs, o.output) {
		return misused("--output %q: must be one of %s", o.output, strings.Join(outputs, ", "))
	}
	subjects, err := o.subjects(ctx, args)
	if err != nil {
		return err
	}
	h, err := o.history.open(ctx, o.now)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	file, err := newPageFile(o.html, o.files())
	if err != nil {
		return err
	}
	defer file.discard()
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
	if err := file.take(func(w io.Writer) error { return page.Write(w, p) }); err != nil {
		return err
	}
	return o.print(p)
}

// files are those that the page must not overwrite.
func (o *options) files() []readFile {
	out := []readFile{{"-f", o.filename}, {"--compare", o.compare}, {"--openmetrics", o.history.openmetrics}, {"--prometheus-http-config", o.history.httpConfig}}
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

// subjects are the gate and, if another is asked for, that one too: in the place of
// the first, with its ticks and its pods.
func (o *options) subjects(ctx context.Context, args []string) ([]subject, error) {
	first, err := o.subject(ctx, args)
	if err != nil || o.compare == "" {
		return []subject{first}, err
	}
	other, err := gatefile.Read(o.compare, o.In, first.gate.Namespace)
	if err != nil {
		return nil, err
	}
	other.UID = first.gate.UID
	if first.policy == "" {
		first.policy = "in the cluster"
	}
	return []subject{first, {o.compare, other, first.known}}, nil
}

// subject is a gate to be replayed, the file that it is from, and what the cluster
// knows of its pods.
type subject struct {
	policy string
	gate   *v1alpha1.TrafficGate
	known  map[string]replay.Known
}

// subject reads the gate from the cluster or from a file.
func (o *options) subject(ctx context.Context, args []string) (s subject, err error) {
	namespace, _, err := o.getter.ToRawKubeConfigLoader().Namespace()
	if err != nil || namespace == "" {
		namespace = metav1.NamespaceDefault
	}
	switch {
	case o.filename != "" && len(args) > 0:
		return s, misused("a name and -f: name the gate in the cluster, or the file, not both")
	case o.filename != "":
		s.policy = o.filename
		s.gate, err = gatefile.Read(o.filename, o.In, namespace)
	case len(args) == 0:
		return s, misused("no gate: name the file with the TrafficGate, -f FILE, or one that is in the cluster")
	}
	if err != nil || (len(args) == 0 && !o.ask) {
		if err == nil {
			s.gate.UID = types.UID(o.uid)
		}
		return s, err
	}
	c, err := o.cluster()
	if err != nil {
		return s, err
	}
	if len(args) > 0 {
		if s.gate, err = c.gate(ctx, namespace, args[0]); err != nil {
			return s, err
		}
	} else {
		s.gate.UID = types.UID(o.uid)
	}
	s.known, err = c.known(ctx, s.gate)
	return s, err
}

// replay runs one gate, and prints its decisions on the way if they are asked for.
func (o *options) replay(ctx context.Context, of subject, h *history, label string) (page.Policy, error) {
	progress := newBar(o.ErrOut, label)
	defer progress.clear()
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
		return page.Policy{}, explain(err, h)
	}
	text, err := gatefile.Format(of.gate)
	return page.Policy{Summary: ledger.Close(), Recorder: recorder, YAML: text}, err
}

// explain says what to do about an error of a replay.
func explain(err error, h *history) error {
	var query *source.QueryError
	switch {
	case errors.Is(err, replay.ErrNoData):
		return fmt.Errorf("%s has no data for the gate's queries from %s to %s: try the queries in Prometheus, check --from and --to, and that the gate's namespace, Service name and podLabel are those of the data",
			h.name, h.from.UTC().Format(time.RFC3339), h.to.UTC().Format(time.RFC3339))
	case errors.As(err, &query) && query.Failure == source.Failed:
		return fmt.Errorf("%s: %w\nCheck that the address is right and can be reached from here (kubectl port-forward brings a Prometheus near), that it lets you in (--prometheus-http-config), and give a slow one more time with --prometheus-timeout", h.name, err)
	}
	return err
}
