package command

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/enroll"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/render"
)

const (
	// rolloutWait is how long rollouts may take.
	rolloutWait = 10 * time.Minute
	// endpointsWatch is how long endpoints are watched after a selector changed.
	endpointsWatch = 5 * time.Second
)

// enrolling is one of the commands enroll and unenroll.
type enrolling struct {
	writer
	enroll.Options
	key string
	yes bool
	// check and plan are what the command is about.
	check func(*enroll.World, enroll.Options) []enroll.Finding
	plan  func(*enroll.World, enroll.Options) []enroll.Step
	// done is what there is to say of a Service for which nothing has to be done,
	// success what of one for which all is done.
	done, success string
}

func enrollService(e *environment) *cobra.Command {
	o := &enrolling{check: enroll.Check, plan: enroll.Plan, done: "is enrolled, and every pod and pod template carries the label: nothing to do", success: "is enrolled"}
	return o.command(e, &cobra.Command{
		Use:   "enroll SERVICE",
		Short: "Let a Service select on the traffic label, without losing a request",
		Long: `Let a Service select on the traffic label, without losing a request, so that its
gate can take pods out of its traffic.

First everything is checked that could go wrong, and the plan is shown. Then every
pod is labelled, which restarts nothing, and the label is put into the pod template
of the workload, so that new pods come with it. For a Deployment, a StatefulSet or
a DaemonSet that is a rollout like that of any deploy; --skip-template leaves it to
your next one. Only when every pod carries the label the Service's selector is
changed; the endpoints are watched, and if a ready pod is lost the selector is put
back at once.

It can be run again after whatever went wrong; unenroll takes it back.`,
		Example: "  kubectl podgate enroll checkout -n shop --dry-run=server\n  kubectl podgate enroll checkout -n shop --skip-template",
	})
}

func (o *enrolling) command(e *environment, cmd *cobra.Command) *cobra.Command {
	cmd.Args = arguments(cobra.ExactArgs(1))
	cmd.ValidArgsFunction = e.completeServices()
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), e, args[0]) }
	o.bind(cmd, rolloutWait)
	cmd.Flags().Lookup("wait").Usage = "how long rollouts may take"
	cmd.Flags().BoolVarP(&o.yes, "yes", "y", false, "do it without asking")
	cmd.Flags().BoolVar(&o.SkipTemplate, "skip-template", false, "leave pod templates as they are, so that no pod is replaced")
	cmd.Flags().StringVar(&o.key, "traffic-label", "", "key of the traffic label; that of the Service's gate, if not given")
	return cmd
}

func (o *enrolling) run(ctx context.Context, e *environment, arg string) error {
	if err := o.validate(); err != nil {
		return err
	}
	namespace, c, err := e.connect()
	if err != nil {
		return err
	}
	svc, err := findService(ctx, c, namespace, arg)
	if err != nil {
		return err
	}
	w, err := enroll.Read(ctx, c, svc, o.key)
	if err != nil {
		return advised(err)
	}
	page := e.page()
	findings, steps := o.check(w, o.Options), o.plan(w, o.Options)
	page.Service(w)
	page.Findings(findings)
	if no := enroll.Refused(findings); len(no) > 0 {
		return refused("%s", no[0].Text)
	}
	if len(steps) == 0 {
		page.Heading("Service " + svc.Name + " " + o.done)
		return nil
	}
	page.Plan(steps)
	if o.dryRun == dryRunClient {
		page.Heading("client dry run: nothing was changed")
		return nil
	}
	return o.carryOut(ctx, e, c, page, w, steps)
}

func (o *enrolling) carryOut(ctx context.Context, e *environment, c client.Client, page render.Page, w *enroll.World, steps []enroll.Step) error {
	lacking, err := enroll.MissingRights(ctx, c, w, steps)
	if err != nil {
		return advised(err)
	}
	if len(lacking) > 0 {
		return refused("you may not %s in namespace %s, so this would stop half-way: ask for that right", strings.Join(lacking, ", "), w.Service.Namespace)
	}
	if o.dryRun == dryRunNone && !o.yes {
		if err := e.confirm("Go ahead?"); err != nil {
			return err
		}
	}
	page.Heading(map[bool]string{true: "CHECKED BY THE API SERVER (server dry run: nothing was changed)", false: "DONE"}[o.dryRun == dryRunServer])
	r := &enroll.Runner{Client: c, World: w, DryRun: o.dryRun == dryRunServer, Timeout: o.wait, Watch: endpointsWatch, Say: page.Say}
	err = r.Run(ctx, steps)
	if late := (*enroll.TimeoutError)(nil); errors.As(err, &late) {
		return noEffect("%w. The selector was not changed before; run it again to go on", err)
	}
	if err != nil {
		return advised(err)
	}
	if o.dryRun == dryRunNone {
		page.Heading("Service " + w.Service.Name + " " + o.success)
	}
	return nil
}

// confirm asks a person; where there is none to ask, --yes has to be given.
func (e *environment) confirm(question string) error {
	if _, ok := terminal(e.streams.In); !ok {
		return refused("nothing was changed: say --yes to go ahead without being asked")
	}
	fmt.Fprintf(e.streams.Out, "\n%s [y/N] ", question)
	answer, _ := bufio.NewReader(e.streams.In).ReadString('\n')
	if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
		return refused("nothing was changed")
	}
	return nil
}
