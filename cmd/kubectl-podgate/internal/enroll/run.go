package enroll

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/overview"
	"github.com/podgate/podgate/controller/fleet"
)

// Runner carries a plan out.
type Runner struct {
	Client client.Client
	World  *World
	// DryRun lets the API server check every write and keep none; there is nothing
	// to wait for then.
	DryRun bool
	// Timeout is how long rollouts may take, Watch how long the endpoints are
	// watched after the selector was changed.
	Timeout, Watch time.Duration
	// Say tells what was done.
	Say func(format string, args ...any)
}

// poll is the time between two looks at what is waited for.
const poll = 250 * time.Millisecond

// Run carries out the steps, each after the one before it. It may be run again
// after whatever went wrong: what is done already is not done twice.
func (r *Runner) Run(ctx context.Context, steps []Step) error {
	serving, err := r.endpoints(ctx)
	if err != nil {
		return err
	}
	for _, s := range steps {
		switch s.Do {
		case LabelPods:
			_, err = r.labelLacking(ctx)
		case Template:
			err = r.templates(ctx, v1alpha1.TrafficYes)
		case Untemplate:
			err = r.templates(ctx, "")
			if err == nil {
				err = r.await(ctx, false)
			}
		case AwaitLabels:
			err = r.await(ctx, true)
			if err == nil { // what serves may be other pods now
				serving, err = r.endpoints(ctx)
			}
		case Select:
			err = r.selector(ctx, "add")
		case Unselect:
			err = r.selector(ctx, "remove")
		case Watch:
			err = r.watch(ctx, serving)
		case UnlabelPods:
			err = r.unlabel(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *Runner) patch(ctx context.Context, obj client.Object, kind types.PatchType, content any) error {
	text, err := json.Marshal(content)
	if err != nil {
		return err
	}
	var options []client.PatchOption
	if r.DryRun {
		options = append(options, client.DryRunAll)
	}
	return r.Client.Patch(ctx, obj, client.RawPatch(kind, text), options...)
}

// labelPatch sets a pod's traffic label, or takes it off, on condition that the
// pod is as it was read: its label belongs to people, too.
func (r *Runner) labelPatch(ctx context.Context, p *corev1.Pod, value any) error {
	err := r.patch(ctx, p.DeepCopy(), types.MergePatchType, map[string]any{"metadata": map[string]any{
		"uid": p.UID, "resourceVersion": p.ResourceVersion, "labels": map[string]any{r.World.Key: value}}})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

func (r *Runner) members(ctx context.Context) ([]*corev1.Pod, error) {
	return overview.Members(ctx, r.Client, r.World.Service.Namespace, fleet.BareSelector(r.World.Service, r.World.Key))
}

// labelLacking labels the pods that have no label now, and returns how many there
// were. One that changes at the same moment is left for the next time.
func (r *Runner) labelLacking(ctx context.Context) (lacking int, err error) {
	pods, err := r.members(ctx)
	if err != nil {
		return 0, err
	}
	for _, p := range pods {
		if _, ok := p.Labels[r.World.Key]; ok {
			continue
		}
		lacking++
		if err := r.labelPatch(ctx, p, v1alpha1.TrafficYes); err != nil && !apierrors.IsConflict(err) {
			return lacking, err
		}
		r.Say("pod %s labelled", p.Name)
	}
	return lacking, nil
}

func (r *Runner) unlabel(ctx context.Context) error {
	return r.until(ctx, "every pod is without the label", func() (string, error) {
		pods, err := r.members(ctx)
		if err != nil {
			return "", err
		}
		left := 0
		for _, p := range pods {
			if _, ok := p.Labels[r.World.Key]; !ok {
				continue
			}
			left++
			if err := r.labelPatch(ctx, p, nil); err != nil && !apierrors.IsConflict(err) {
				return "", err
			}
			r.Say("label taken off pod %s", p.Name)
		}
		return leftOver(left, "still carry the label"), nil
	})
}

func leftOver(n int, what string) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%s %s", pods(n), what)
}

// templates sets the label in every pod template that is to have it, or takes it
// out.
func (r *Runner) templates(ctx context.Context, value string) error {
	var label any
	if value != "" {
		label = value
	}
	for _, load := range r.World.Workloads {
		if load.templateLabel(r.World.Key) == value || load.onTemplate() == unpatched {
			continue
		}
		err := r.patch(ctx, load.DeepCopy(), types.MergePatchType, map[string]any{"metadata": map[string]any{"uid": load.GetUID()},
			"spec": map[string]any{"template": map[string]any{"metadata": map[string]any{"labels": map[string]any{r.World.Key: label}}}}})
		if err != nil {
			return err
		}
		r.Say("pod template of %s changed", load)
	}
	return nil
}

// await waits until rollouts are over and, if they are to be labelled, every pod
// is.
func (r *Runner) await(ctx context.Context, labelled bool) error {
	if r.DryRun {
		return nil
	}
	return r.until(ctx, "rollouts are over and every pod is as it should be", func() (string, error) {
		if labelled {
			lacking, err := r.labelLacking(ctx)
			if err != nil || lacking > 0 {
				return leftOver(lacking, "had no label yet"), err
			}
		}
		for _, load := range r.World.Workloads {
			now := Workload{Unstructured: load.DeepCopy()}
			if err := r.Client.Get(ctx, client.ObjectKeyFromObject(load), now.Unstructured); err != nil {
				return "", err
			}
			if waits, err := now.rolledOut(); waits != "" || err != nil {
				return fmt.Sprintf("%s: %s", load, waits), err
			}
		}
		return "", nil
	})
}

// selector adds the label to the Service's selector or removes it, on condition
// that the selector is as it was read.
func (r *Runner) selector(ctx context.Context, op string) error {
	svc := r.World.Service
	key := "/spec/selector/" + escape(r.World.Key)
	ops := []map[string]any{
		{"op": "test", "path": "/metadata/uid", "value": svc.UID},
		{"op": "test", "path": "/spec/selector", "value": svc.Spec.Selector},
		{"op": op, "path": key, "value": v1alpha1.TrafficYes},
	}
	if op == "remove" {
		delete(ops[2], "value")
	}
	after := svc.DeepCopy()
	if err := r.patch(ctx, after, types.JSONPatchType, ops); err != nil {
		if apierrors.IsInvalid(err) {
			return fmt.Errorf("the selector of Service %s has changed meanwhile, and was left alone: run this again (%w)", svc.Name, err)
		}
		return err
	}
	if !r.DryRun {
		r.World.Service = after
	}
	r.Say("selector of Service %s is now %s", svc.Name, labels.Set(after.Spec.Selector))
	return nil
}

// endpoints are the pods, by name, that the Service sends traffic to.
func (r *Runner) endpoints(ctx context.Context) (map[string]bool, error) {
	var list discoveryv1.EndpointSliceList
	err := r.Client.List(ctx, &list, client.InNamespace(r.World.Service.Namespace), client.MatchingLabels{discoveryv1.LabelServiceName: r.World.Service.Name})
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for _, s := range list.Items {
		for _, e := range s.Endpoints {
			if e.TargetRef != nil && (e.Conditions.Ready == nil || *e.Conditions.Ready) {
				out[e.TargetRef.Name] = true
			}
		}
	}
	return out, nil
}

// patience is how many looks in a row must miss a pod before it counts as lost:
// the endpoints follow the pods, not at once.
const patience = 8

// watch looks at the endpoints for a while after the selector was changed. If a
// pod that served and still could is lost, the change is taken back.
func (r *Runner) watch(ctx context.Context, served map[string]bool) error {
	if r.DryRun {
		return nil
	}
	missed := map[string]int{}
	for end := time.Now().Add(r.Watch); time.Now().Before(end) || len(missed) > 0; {
		if r.World.Enrolled() {
			if _, err := r.labelLacking(ctx); err != nil {
				return err
			}
		}
		pods, err := r.members(ctx)
		if err != nil {
			return err
		}
		now, err := r.endpoints(ctx)
		if err != nil {
			return err
		}
		maps.DeleteFunc(missed, func(name string, _ int) bool {
			return !slices.ContainsFunc(ready(pods), func(p *corev1.Pod) bool { return p.Name == name })
		})
		for _, p := range ready(pods) {
			if now[p.Name] || !served[p.Name] || p.Labels[r.World.Key] == v1alpha1.TrafficNo {
				delete(missed, p.Name)
				continue
			}
			if missed[p.Name]++; missed[p.Name] >= patience {
				return r.takeBack(ctx, p.Name)
			}
		}
		if err := r.pause(ctx); err != nil {
			return err
		}
	}
	r.Say("every ready pod of Service %s is among its endpoints", r.World.Service.Name)
	return nil
}

// takeBack undoes the change of the selector because a pod was lost by it.
func (r *Runner) takeBack(ctx context.Context, pod string) error {
	if !r.World.Enrolled() {
		return fmt.Errorf("pod %s is ready and not among the endpoints of Service %s: kubectl -n %s get endpointslices", pod, r.World.Service.Name, r.World.Service.Namespace)
	}
	if err := r.selector(ctx, "remove"); err != nil {
		return fmt.Errorf("pod %s is ready and lost its traffic, and the selector could not be put back: %w", pod, err)
	}
	return fmt.Errorf("pod %s is ready and lost its traffic when the Service selected on %s, so that was taken back: see its labels with kubectl -n %s get pod %s --show-labels", pod, r.World.Key, r.World.Service.Namespace, pod)
}

// TimeoutError says what was waited for in vain.
type TimeoutError struct {
	After time.Duration
	Goal  string
	Waits string
}

func (e *TimeoutError) Error() string {
	return fmt.Sprintf("after %s: waiting until %s: %s", e.After, e.Goal, e.Waits)
}

// until tries again until nothing is waited for any more. A dry run tries once.
func (r *Runner) until(ctx context.Context, goal string, try func() (waits string, err error)) error {
	last := ""
	for end := time.Now().Add(r.Timeout); ; {
		waits, err := try()
		if err != nil || waits == "" || r.DryRun {
			return err
		}
		if waits != last {
			r.Say("waiting: %s", waits)
			last = waits
		}
		if time.Now().After(end) {
			return &TimeoutError{r.Timeout, goal, waits}
		}
		if err := r.pause(ctx); err != nil {
			return err
		}
	}
}

func (r *Runner) pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(poll):
		return nil
	}
}
