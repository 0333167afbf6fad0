package command

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/enroll"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/overview"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/render"
)

// modeWait is how long the controller has to act on another mode.
const modeWait = 15 * time.Second

func suspend(e *environment) *cobra.Command {
	o := &modeOptions{to: v1alpha1.ModeSuspended}
	return o.command(e, &cobra.Command{
		Use:   "suspend GATE",
		Short: "Stop a gate: every pod comes back, and nothing is watched",
		Long: `Stop a gate: every pod that it keeps out comes back, also those that overrides keep
out, and nothing is watched until it is resumed. Its mode is kept in the annotation
` + v1alpha1.AnnotationResumeMode + `.`,
		Example: "  kubectl podgate suspend checkout -n shop",
	})
}

// modeOptions are those of suspend and resume.
type modeOptions struct {
	writer
	// to is the mode to set; empty is the one that was kept.
	to v1alpha1.Mode
}

func (o *modeOptions) command(e *environment, cmd *cobra.Command) *cobra.Command {
	cmd.Args = arguments(cobra.ExactArgs(1))
	cmd.ValidArgsFunction = e.completeGates()
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), e, args[0]) }
	o.bind(cmd, modeWait)
	return cmd
}

func (o *modeOptions) run(ctx context.Context, e *environment, arg string) error {
	if err := o.validate(); err != nil {
		return err
	}
	namespace, c, err := e.connect()
	if err != nil {
		return err
	}
	gate, err := findGate(ctx, c, namespace, arg)
	if err != nil {
		return err
	}
	to, err := o.target(gate)
	if err != nil {
		return err
	}
	w, err := overview.Read(ctx, c, gate)
	if err != nil {
		return advised(err)
	}
	return o.set(ctx, c, e.page(), w, to)
}

// set sets a gate's mode on condition that it is what it was, and waits until the
// controller has seen it.
func (o *modeOptions) set(ctx context.Context, c client.Client, page render.Page, w *overview.World, to v1alpha1.Mode) error {
	gate := w.Gate
	d := render.Done{Subject: "trafficgate/" + gate.Name, DryRun: o.told()}
	if gate.Spec.Mode == to {
		d.What = fmt.Sprintf("is in mode %s already: nothing to change", to)
		page.Done(d)
		return nil
	}
	patch, err := modePatch(gate, to)
	if err != nil {
		return err
	}
	if err := o.patch(ctx, c, gate.DeepCopy(), client.RawPatch(types.MergePatchType, patch)); err != nil {
		return err
	}
	d.What, d.Undo = modeTold(w, to)
	d.ByHand = []string{fmt.Sprintf("kubectl -n %s patch trafficgate %s --type=merge -p %s", gate.Namespace, gate.Name, quoted(string(byHand(patch))))}
	for _, tool := range enroll.Tools(gate) {
		d.Notes = append(d.Notes, fmt.Sprintf("%s manages this gate (%s), and may put the mode back: set spec.mode: %s there too", tool.Name, tool.Sign, to))
	}
	var seen bool
	d.Took, seen, err = o.until(ctx, func() (bool, error) {
		now := &v1alpha1.TrafficGate{}
		if err := c.Get(ctx, client.ObjectKeyFromObject(gate), now); err != nil {
			return false, err
		}
		ready := meta.FindStatusCondition(now.Status.Conditions, v1alpha1.ConditionReady)
		return ready != nil && ready.ObservedGeneration > gate.Generation && now.Status.ObservedGeneration > gate.Generation, nil
	})
	if err != nil {
		return err
	}
	if !seen {
		d.Took = 0
		page.Done(d)
		return noEffect("the mode is set, but the controller has not acted on it within %s: is it running? kubectl -n podgate-system get pods", o.wait)
	}
	page.Done(d)
	return nil
}

// modePatch sets a mode, and keeps the one before it while the gate is suspended.
// It holds for the gate as it was read only.
func modePatch(gate *v1alpha1.TrafficGate, to v1alpha1.Mode) ([]byte, error) {
	var kept any
	if to == v1alpha1.ModeSuspended {
		kept = gate.Spec.Mode
	}
	return json.Marshal(map[string]any{
		"metadata": map[string]any{"resourceVersion": gate.ResourceVersion, "annotations": map[string]any{v1alpha1.AnnotationResumeMode: kept}},
		"spec":     map[string]any{"mode": to},
	})
}

// byHand is a patch as a person would write it, without the precondition.
func byHand(patch []byte) []byte {
	var fields map[string]map[string]any
	if json.Unmarshal(patch, &fields) != nil {
		return patch
	}
	delete(fields["metadata"], "resourceVersion")
	out, err := json.Marshal(fields)
	if err != nil {
		return patch
	}
	return out
}

// modeTold says what becomes of a gate in another mode, and how to take it back.
func modeTold(w *overview.World, to v1alpha1.Mode) (what, undo string) {
	name := fmt.Sprintf("kubectl podgate -n %s ", w.Gate.Namespace)
	if to != v1alpha1.ModeSuspended {
		return fmt.Sprintf("is resumed, in mode %s", to), name + "suspend " + w.Gate.Name
	}
	var back []string
	for _, p := range w.Pods {
		if p.Traffic == v1alpha1.TrafficNo && p.Ours(w.Gate.Name) {
			back = append(back, p.Name)
		}
	}
	what = fmt.Sprintf("is suspended; it was in mode %s. No pod was out", w.Gate.Spec.Mode)
	if len(back) > 0 {
		what = fmt.Sprintf("is suspended; it was in mode %s. Back in traffic: %s", w.Gate.Spec.Mode, strings.Join(back, ", "))
	}
	return what, name + "resume " + w.Gate.Name
}
