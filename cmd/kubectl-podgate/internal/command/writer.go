package command

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/render"
)

// Values of --dry-run, as kubectl has them.
const (
	dryRunNone   = "none"
	dryRunClient = "client"
	dryRunServer = "server"
)

// writer has the flags of commands that change something.
type writer struct {
	dryRun string
	wait   time.Duration
}

func (o *writer) bind(cmd *cobra.Command, wait time.Duration) {
	cmd.Flags().StringVar(&o.dryRun, "dry-run", dryRunNone, "none, client (say what would be done) or server (let the API server check it, and keep nothing)")
	_ = cmd.RegisterFlagCompletionFunc("dry-run", cobra.FixedCompletions([]cobra.Completion{dryRunNone, dryRunClient, dryRunServer}, cobra.ShellCompDirectiveNoFileComp))
	cmd.Flags().DurationVar(&o.wait, "wait", wait, "how long to wait for the effect; 0 for not at all")
}

func (o *writer) validate() error {
	switch o.dryRun {
	case dryRunNone, dryRunClient, dryRunServer:
	default:
		return misused("--dry-run %q: must be none, client or server", o.dryRun)
	}
	if o.wait < 0 {
		return misused("--wait %s: must not be negative", o.wait)
	}
	return nil
}

// told is what --dry-run adds to what is told; empty for a real run.
func (o *writer) told() string {
	if o.dryRun == dryRunNone {
		return ""
	}
	return o.dryRun
}

// patch patches an object, or as much of it as --dry-run lets it.
func (o *writer) patch(ctx context.Context, c client.Client, obj client.Object, patch client.Patch) error {
	switch o.dryRun {
	case dryRunClient:
		return nil
	case dryRunServer:
		return advised(c.Patch(ctx, obj, patch, client.DryRunAll))
	}
	return advised(c.Patch(ctx, obj, patch))
}

// until waits for an effect, and returns how long it took; 0 if nobody waits.
func (o *writer) until(ctx context.Context, effect func() (bool, error)) (took time.Duration, seen bool, err error) {
	if o.dryRun != dryRunNone || o.wait == 0 {
		return 0, true, nil
	}
	began := time.Now()
	for {
		seen, err := effect()
		took := time.Since(began)
		if seen || err != nil || took > o.wait {
			return took, seen, advised(err)
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return took, false, err
		}
	}
}

// change is an edit of one pod, and how it is told.
type change struct {
	edit edit
	done render.Done
	// seen reports whether it had its effect; nil if there is none to wait for.
	seen func(*corev1.Pod) bool
}

// carryOut does a change, waits for its effect and tells of it.
func (o *writer) carryOut(ctx context.Context, c client.Client, page render.Page, pod *corev1.Pod, ch change) error {
	ch.done.Subject, ch.done.DryRun, ch.done.ByHand = "pod/"+pod.Name, o.told(), ch.edit.commands(pod)
	patch, err := ch.edit.patch(pod)
	if err != nil {
		return err
	}
	after := pod.DeepCopy()
	if err := o.patch(ctx, c, after, patch); err != nil {
		return err
	}
	seen := true
	if ch.seen != nil {
		ch.done.Took, seen, err = o.until(ctx, func() (bool, error) {
			now := &corev1.Pod{}
			err := c.Get(ctx, client.ObjectKeyFromObject(pod), now)
			return ch.seen(now), err
		})
		if err != nil {
			return err
		}
	}
	if !seen {
		ch.done.Took = 0
	}
	page.Done(ch.done)
	if !seen {
		return noEffect("the change is made, but the controller has not acted on it within %s: is it running? kubectl -n podgate-system get pods, and kubectl -n %s get events --field-selector involvedObject.name=%s",
			o.wait, pod.Namespace, pod.Name)
	}
	return nil
}

// idle says why a gate does not act on what people ask for, and what to do about
// it; empty if it acts.
func idle(gate *v1alpha1.TrafficGate) string {
	name := "TrafficGate " + gate.Namespace + "/" + gate.Name
	if gate.Spec.Mode == v1alpha1.ModeSuspended {
		return fmt.Sprintf("%s is suspended, and every pod is in traffic: kubectl podgate -n %s resume %s", name, gate.Namespace, gate.Name)
	}
	if gate.Spec.Mode != v1alpha1.ModeEnforce {
		return fmt.Sprintf("%s is in mode %s, and acts in mode Enforce only: kubectl -n %s patch trafficgate %s --type=merge -p '{\"spec\":{\"mode\":\"Enforce\"}}'",
			name, gate.Spec.Mode, gate.Namespace, gate.Name)
	}
	for _, kind := range []string{v1alpha1.ConditionStalled, v1alpha1.ConditionEnrolled} {
		c := meta.FindStatusCondition(gate.Status.Conditions, kind)
		if c == nil || (c.Status == metav1.ConditionTrue) != (kind == v1alpha1.ConditionStalled) {
			continue
		}
		todo := ""
		if c.Reason == v1alpha1.ReasonNotEnrolled {
			todo = fmt.Sprintf(" (kubectl podgate -n %s enroll %s does both)", gate.Namespace, gate.Spec.ServiceRef.Name)
		}
		return fmt.Sprintf("%s does not act: %s: %s%s", name, c.Reason, c.Message, todo)
	}
	return ""
}
