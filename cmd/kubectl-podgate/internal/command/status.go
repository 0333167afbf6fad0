package command

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/overview"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/render"
)

type statusOptions struct {
	output
	watch bool
}

func status(e *environment) *cobra.Command {
	o := &statusOptions{}
	cmd := &cobra.Command{
		Use:   "status [GATE]",
		Short: "Show a gate and its fleet: who is out, why, what holds, what comes next",
		Long: `Show a gate and every pod of its Service: the state of each and since when, why
with the pod's numbers beside its peers', what holds a gating back, how many more
pods may go, and what happens next and when.

Without a name, every gate of the namespace is shown.`,
		Example:           "  kubectl podgate status checkout -n shop\n  kubectl podgate status checkout -n shop --watch",
		Args:              arguments(cobra.MaximumNArgs(1)),
		ValidArgsFunction: e.completeGates(),
		RunE:              func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), e, args) },
	}
	o.bind(cmd, "table", "wide", "json", "yaml", "name")
	cmd.Flags().BoolVarP(&o.watch, "watch", "w", false, "go on, and show what changes")
	return cmd
}

func (o *statusOptions) run(ctx context.Context, e *environment, args []string) error {
	if err := o.validate(); err != nil {
		return err
	}
	namespace, c, err := e.connect()
	if err != nil {
		return err
	}
	name := strings.Join(args, "") // at most one
	show := func(from client.Reader, page render.Page) error { return o.show(ctx, from, page, namespace, name) }
	if o.watch {
		return e.watch(ctx, c, namespace, []client.Object{&v1alpha1.TrafficGate{}, &corev1.Pod{}, &corev1.Service{}}, show)
	}
	return show(c, e.page())
}

func (o *statusOptions) show(ctx context.Context, from client.Reader, page render.Page, namespace, name string) error {
	gates, err := o.read(ctx, from, page, namespace, name)
	if err != nil {
		return err
	}
	var value any = map[string]any{"items": gates}
	if name != "" {
		value = gates[0]
	}
	if done, err := o.structured(page, value); done {
		return err
	}
	for i, g := range gates {
		switch {
		case o.format == "name":
			fmt.Fprintln(page, resource(g.Name))
			continue
		case i > 0:
			fmt.Fprintln(page)
		}
		page.Status(g, o.format == "wide")
	}
	return nil
}

func (o *statusOptions) read(ctx context.Context, from client.Reader, page render.Page, namespace, name string) ([]overview.Gate, error) {
	all, err := worlds(ctx, from, namespace, name)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("there are no TrafficGates in namespace %s: kubectl podgate list -A shows those of all namespaces", namespace)
	}
	var out []overview.Gate
	for _, w := range all {
		out = append(out, w.Overview(page.Now))
	}
	overview.Sort(out)
	return out, nil
}
