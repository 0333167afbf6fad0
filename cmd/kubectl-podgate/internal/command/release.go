package command

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/overview"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/render"
	"github.com/podgate/podgate/controller/decide"
)

type releaseOptions struct {
	writer
	all  bool
	gate string
}

func release(e *environment) *cobra.Command {
	o := &releaseOptions{}
	cmd := &cobra.Command{
		Use:   "release POD... | --all",
		Short: "Put gated pods back into traffic, and let them be judged again",
		Long: `Put gated pods back into traffic by setting their traffic label. A pod that a
person put back is not gated again until it has been normal once or its time out
has passed; then it is judged as before. To overrule the gate for longer, use keep.`,
		Example:           "  kubectl podgate release checkout-66b7665c5d-htckz -n shop\n  kubectl podgate release --all -n shop",
		ValidArgsFunction: e.completePods(),
		Args: func(_ *cobra.Command, args []string) error {
			if o.all == (len(args) > 0) {
				return misused("name the pods to release, or say --all: see kubectl podgate release --help")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), e, args) },
	}
	o.bind(cmd, actWait)
	cmd.Flags().BoolVar(&o.all, "all", false, "every gated pod of the namespace")
	cmd.Flags().StringVar(&o.gate, "gate", "", "with --all: of this gate only")
	_ = cmd.RegisterFlagCompletionFunc("gate", e.completeGates())
	return cmd
}

func (o *releaseOptions) run(ctx context.Context, e *environment, args []string) error {
	if err := o.validate(); err != nil {
		return err
	}
	if o.gate != "" && !o.all {
		return misused("--gate goes with --all only")
	}
	if o.all {
		var err error
		if args, err = o.gated(ctx, e); err != nil {
			return err
		}
		if len(args) == 0 {
			fmt.Fprintln(e.streams.Out, "no pod is gated: nothing to release")
			return nil
		}
	}
	return e.eachPod(ctx, args, func(c client.Client, pod *corev1.Pod) error {
		w, err := worldOf(ctx, c, pod)
		if err != nil {
			return err
		}
		return o.one(ctx, c, w, pod, e.page())
	})
}

// gated are the names of the pods that gates of the namespace keep out.
func (o *releaseOptions) gated(ctx context.Context, e *environment) (names []string, err error) {
	namespace, c, err := e.connect()
	if err != nil {
		return nil, err
	}
	all, err := worlds(ctx, c, namespace, o.gate)
	if err != nil {
		return nil, err
	}
	for _, w := range all {
		for _, p := range w.Pods {
			if p.State(w.Gate.Name) == decide.Gated {
				names = append(names, p.Name)
			}
		}
	}
	return names, nil
}

// one releases one pod, unless somebody's word or nothing at all keeps it where it
// is.
func (o *releaseOptions) one(ctx context.Context, c client.Client, w *overview.World, pod *corev1.Pod, page render.Page) error {
	key := w.Gate.Spec.TrafficLabel
	switch value := pod.Labels[v1alpha1.LabelOverride]; {
	case value == v1alpha1.OverrideNo:
		return refused("pod %s is held out by a person's override, not by its gate: kubectl podgate -n %s clear %s", pod.Name, pod.Namespace, pod.Name)
	case pod.Labels[key] == v1alpha1.TrafficYes:
		page.Done(render.Done{Subject: "pod/" + pod.Name, What: "is in traffic already: nothing to release"})
		return nil
	}
	ch := change{edit: edit{labels: map[string]string{key: v1alpha1.TrafficYes}}}
	ch.done.What = "is back in traffic"
	ch.done.Undo = fmt.Sprintf("kubectl podgate -n %s hold %s", pod.Namespace, pod.Name)
	for _, p := range w.Pods {
		if p.UID == string(pod.UID) && p.State(w.Gate.Name) == decide.Gated {
			ch.seen = func(p *corev1.Pod) bool { return p.Annotations[v1alpha1.AnnotationGatedAt] == "" }
			ch.done.Notes = append(ch.done.Notes, pardon(p, w.Policy, page))
		}
	}
	return o.carryOut(ctx, c, page, pod, ch)
}

// pardon says when a pod that is put back may be gated again.
func pardon(p decide.Pod, policy decide.Policy, page render.Page) string {
	return fmt.Sprintf("it may be gated again from %s on, or once it has been normal; keep overrules the gate for longer", page.Clock(policy.Pardon(p.Memory, page.Now)))
}
