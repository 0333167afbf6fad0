package command

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/overview"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/render"
	"github.com/podgate/podgate/controller/decide"
)

// overriding is one of the commands hold, keep and clear.
type overriding struct {
	writer
	// value of the override label; empty takes it off.
	value  string
	lasts  time.Duration
	reason string
	force  bool
}

// pods runs a command for each of some pods, and goes on after a failure.
func (o *overriding) run(ctx context.Context, e *environment, args []string) error {
	if err := o.validate(); err != nil {
		return err
	}
	if o.lasts < 0 {
		return misused("--for %s: must not be negative", o.lasts)
	}
	return e.eachPod(ctx, args, func(c client.Client, pod *corev1.Pod) error {
		w, err := worldOf(ctx, c, pod)
		if err != nil {
			return err
		}
		page := e.page()
		ch, err := o.change(w, pod, page)
		if err != nil {
			return err
		}
		return o.carryOut(ctx, c, page, pod, ch)
	})
}

// eachPod does something with each pod that is named. The first thing that goes
// wrong is what it returns, after the others were done.
func (e *environment) eachPod(ctx context.Context, args []string, do func(client.Client, *corev1.Pod) error) error {
	namespace, c, err := e.connect()
	if err != nil {
		return err
	}
	var first error
	for _, arg := range args {
		pod, err := findPod(ctx, c, namespace, arg)
		if err == nil {
			err = do(c, pod)
		}
		if err != nil && first == nil {
			first = err
		} else if err != nil {
			fmt.Fprintln(e.streams.ErrOut, "error:", err)
		}
	}
	return first
}

// change is what to do to a pod, or why not.
func (o *overriding) change(w *overview.World, pod *corev1.Pod, page render.Page) (change, error) {
	why := idle(w.Gate)
	if why != "" && !o.force && o.value != "" {
		return change{}, refused("%s. --force sets the label all the same, for when it acts", why)
	}
	ch := change{edit: o.edit(page.Now)}
	if why == "" {
		ch.seen = o.effect(w.Gate, pod)
	} else {
		ch.done.Notes = append(ch.done.Notes, why)
	}
	ch.done.What = o.outcome(page, w, pod)
	if o.value != "" {
		ch.done.Undo = fmt.Sprintf("kubectl podgate -n %s clear %s", pod.Namespace, pod.Name)
	}
	if o.value == v1alpha1.OverrideNo {
		notes, alone := held(w, string(pod.UID))
		if alone && !o.force {
			return change{}, refused("no other pod of Service %s would serve: --force holds pod %s out all the same", w.Gate.Spec.ServiceRef.Name, pod.Name)
		}
		ch.done.Notes = append(ch.done.Notes, notes...)
	}
	return ch, nil
}

// edit is the labels and annotations of the override. What an earlier one noted
// goes.
func (o *overriding) edit(now time.Time) edit {
	until := ""
	if o.lasts > 0 {
		until = now.Add(o.lasts).UTC().Truncate(time.Second).Format(time.RFC3339)
	}
	return edit{
		labels:      map[string]string{v1alpha1.LabelOverride: o.value},
		annotations: map[string]string{v1alpha1.AnnotationOverrideUntil: until, v1alpha1.AnnotationOverrideReason: o.reason},
	}
}

// effect is what the controller makes of the override: the traffic label follows
// a hold or a keep, and a cleared pod that was held out comes back.
func (o *overriding) effect(gate *v1alpha1.TrafficGate, pod *corev1.Pod) func(*corev1.Pod) bool {
	traffic := func(p *corev1.Pod) string { return p.Labels[gate.Spec.TrafficLabel] }
	switch {
	case o.value != "":
		return func(p *corev1.Pod) bool { return traffic(p) == o.value }
	case pod.Labels[v1alpha1.LabelOverride] == v1alpha1.OverrideNo && pod.Annotations[v1alpha1.AnnotationGatedUntil] == "":
		return func(p *corev1.Pod) bool { return traffic(p) == v1alpha1.TrafficYes }
	}
	return nil
}

// outcome is what becomes of the pod, in words.
func (o *overriding) outcome(page render.Page, w *overview.World, pod *corev1.Pod) string {
	text := map[string]string{
		v1alpha1.OverrideNo: "is held out of traffic", v1alpha1.OverrideYes: "is kept in traffic, whatever the verdict",
	}[o.value]
	if o.value == "" {
		was, present := pod.Labels[v1alpha1.LabelOverride]
		if !present {
			return "had no override: it is TrafficGate " + w.Gate.Name + "'s as before"
		}
		return fmt.Sprintf("has no override any more (it was %s): it is TrafficGate %s's again", was, w.Gate.Name)
	}
	if o.lasts > 0 {
		text += ", until " + page.Clock(page.Now.Add(o.lasts))
	} else {
		text += ", until it is cleared"
	}
	if o.reason != "" {
		text += ": " + o.reason
	}
	return text
}

// held says what it means for the gate that one more pod is out, and whether
// nobody would serve.
func held(w *overview.World, uid string) (notes []string, alone bool) {
	serving, out := 0, 0
	for _, p := range w.Pods {
		switch {
		case p.UID == uid:
			out++
		case p.State(w.Gate.Name) == decide.Serving:
			serving++
		default:
			out++
		}
	}
	if limit := w.Policy.Allowance(len(w.Pods)); out >= limit {
		notes = append(notes, fmt.Sprintf("%d of %d pods are out of traffic with it, and the gate takes none out while %d or more are", out, len(w.Pods), limit))
	}
	return notes, serving == 0
}
