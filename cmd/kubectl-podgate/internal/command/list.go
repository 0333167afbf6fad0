package command

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/overview"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/render"
)

type listOptions struct {
	output
	everywhere, noHeadings, watch bool
}

func list(e *environment) *cobra.Command {
	o := &listOptions{}
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "Show every gate, and what there is to know of it",
		Long: `Show every gate of a namespace, or of all.

SERVING is the serving pods of all, GATED those that the gate keeps out (in
brackets: would keep out, as a dry run), HELD those that people hold out, LEFT
how many more may go of how many that may be out. REASON is the most important
thing to know of the gate now.`,
		Example: "  kubectl podgate list -A\n  kubectl podgate list -n shop -o wide --watch",
		Args:    arguments(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), e) },
	}
	o.bind(cmd, "table", "wide", "json", "yaml", "name")
	cmd.Flags().BoolVarP(&o.everywhere, "all-namespaces", "A", false, "the gates of all namespaces")
	cmd.Flags().BoolVar(&o.noHeadings, "no-headers", false, "leave the headings out")
	cmd.Flags().BoolVarP(&o.watch, "watch", "w", false, "go on, and show what changes")
	return cmd
}

func (o *listOptions) run(ctx context.Context, e *environment) error {
	if err := o.validate(); err != nil {
		return err
	}
	namespace, c, err := e.connect()
	if err != nil {
		return err
	}
	if o.everywhere {
		namespace = ""
	}
	show := func(from client.Reader, page render.Page) error { return o.show(ctx, from, page, namespace) }
	if o.watch {
		return e.watch(ctx, c, namespace, []client.Object{&v1alpha1.TrafficGate{}}, show)
	}
	return show(c, e.page())
}

func (o *listOptions) show(ctx context.Context, from client.Reader, page render.Page, namespace string) error {
	var gates v1alpha1.TrafficGateList
	if err := from.List(ctx, &gates, client.InNamespace(namespace)); err != nil {
		return advised(err)
	}
	out := []overview.Gate{}
	for i := range gates.Items {
		out = append(out, overview.Of(&gates.Items[i], page.Now))
	}
	overview.Sort(out)
	if done, err := o.structured(page, map[string]any{"items": out}); done {
		return err
	}
	switch {
	case o.format == "name":
		for _, g := range out {
			fmt.Fprintln(page, resource(g.Name))
		}
	case len(out) == 0:
		where := "in namespace " + namespace
		if namespace == "" {
			where = "in this cluster"
		}
		fmt.Fprintf(page, "No TrafficGates %s. A gate to start from: https://github.com/podgate/podgate/blob/main/config/samples/production.yaml\n", where)
	default:
		page.List(out, render.ListOptions{Wide: o.format == "wide", Namespaces: o.everywhere, NoHeadings: o.noHeadings})
	}
	return nil
}
