package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/podgate/podgate/test/stage"
	"github.com/podgate/podgate/test/story"
)

// table prints what was seen against what was expected.
func table(w io.Writer, t *story.Teller) {
	fmt.Fprintln(w)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "\tWHAT\tEXPECTED\tSEEN")
	scene := ""
	for _, c := range t.Checks {
		if c.Scene != scene {
			scene = c.Scene
			fmt.Fprintf(tw, "\t%s\t\t\n", scene)
		}
		mark := "ok"
		switch {
		case c.Wrong():
			mark = "DIFFERS"
		case !c.OK:
			mark = "slow"
		}
		fmt.Fprintf(tw, "%s\t  %s\t%s\t%s\n", mark, c.What, c.Expected, c.Seen)
	}
	tw.Flush()
	switch missed := t.Missed(); {
	case !t.OK():
		fmt.Fprintln(w, "\nNot everything was as expected.")
	case len(missed) > 0:
		fmt.Fprintf(w, "\nEverything was as expected, but slower than its goal %d times, as on a busy machine.\n", len(missed))
	default:
		fmt.Fprintln(w, "\nEverything was as expected.")
	}
}

// lookAround leaves the stage to a person until Ctrl-C.
func lookAround(ctx context.Context, s *stage.Stage) {
	fmt.Printf(`
Everything is left running. The gate was deleted at the end of the story; this
brings it back:

  export KUBECONFIG=%s
  %s apply -k config/samples
  %s -n %s get trafficgates,pods -L podgate.dev/traffic
  %s -n %s describe trafficgate %s
  %s -n %s get events

  Prometheus:         %s
  podgate_* metrics:  %s/graph?g0.expr=podgate_pods
  dashboards:         in any Grafana, add that Prometheus as a data source, and import
                      config/grafana/podgate-overview.json and podgate-service.json; the table
                      "Who is out, why, since when" is the place to begin
  logs:               %s

Ctrl-C ends it.
`, s.Kubeconfig(), s.Cluster.Kubectl(), s.Cluster.Kubectl(), stage.Namespace, s.Cluster.Kubectl(), stage.Namespace, stage.Gate,
		s.Cluster.Kubectl(), stage.Namespace, s.PrometheusURL(), s.PrometheusURL(), s.Dir())
	<-ctx.Done()
	fmt.Fprintln(os.Stdout, "\nStopping.")
}
