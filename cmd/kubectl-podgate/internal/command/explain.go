package command

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/story"
)

type explainOptions struct {
	output
	prometheus prometheusFlags
}

func explain(e *environment) *cobra.Command {
	o := &explainOptions{}
	cmd := &cobra.Command{
		Use:   "explain POD",
		Short: "Tell the whole story of one pod",
		Long: `Tell the whole story of one pod: its state and the evidence for it, each signal's
rule and the query to paste into Prometheus, what every guard says of taking it
out, what was decided about it before (from events and from the notes on the pod),
and how to overrule it.

With --prometheus the numbers of this pod stand beside the median of its peers,
and the evidence against the bar: the last three hours are put through the same
detectors as in the controller. Without it the story is what the cluster knows.`,
		Example: "  kubectl podgate explain checkout-66b7665c5d-htckz -n shop\n" +
			"  kubectl -n monitoring port-forward svc/prometheus-operated 9090 &\n" +
			"  kubectl podgate explain checkout-66b7665c5d-htckz -n shop --prometheus http://localhost:9090",
		Args:              arguments(cobra.ExactArgs(1)),
		ValidArgsFunction: e.completePod(),
		RunE:              func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), e, args[0]) },
	}
	o.bind(cmd, "text", "json", "yaml")
	o.prometheus.bind(cmd.Flags())
	return cmd
}

func (o *explainOptions) run(ctx context.Context, e *environment, arg string) error {
	if err := o.validate(); err != nil {
		return err
	}
	asked, err := o.prometheus.source()
	if err != nil {
		return err
	}
	namespace, c, err := e.connect()
	if err != nil {
		return err
	}
	pod, err := findPod(ctx, c, namespace, arg)
	if err != nil {
		return err
	}
	w, err := worldOf(ctx, c, pod)
	if err != nil {
		return err
	}
	page := e.page()
	s := story.Tell(w, string(pod.UID), page.Now)
	if s.Pod.Name == "" {
		return refused("pod %s is ending, and no longer one of Service %s's", pod.Name, w.Gate.Spec.ServiceRef.Name)
	}
	s.Past, err = story.Past(ctx, c, namespace, w.Gate.Name, pod.Name, string(pod.UID))
	if apierrors.IsForbidden(err) {
		s.PastUnknown = "you may not read events: " + err.Error()
	} else if err != nil {
		return advised(err)
	}
	var unanswered error
	if asked != nil {
		s.Prometheus = o.prometheus.URL
		unanswered = o.prometheus.Explain(s.Ask(ctx, asked, w, page.Now))
	}
	if done, err := o.structured(page, s); done {
		return errors.Join(err, unanswered)
	}
	page.Explain(s)
	return unanswered // what the cluster knows was told all the same
}
