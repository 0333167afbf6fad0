package enroll

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/podgate/podgate/api/v1alpha1"
)

// templateChange is what a change of a workload's pod template does.
type templateChange string

const (
	// unpatched: the template is not changed: because it need not be, cannot be, or
	// shall not be.
	unpatched templateChange = "unpatched"
	// rolled: pods are replaced bit by bit.
	rolled templateChange = "rolled"
	// recreated: all pods are stopped before new ones start.
	recreated templateChange = "recreated"
	// future: pods that are there stay; new ones come from the new template.
	future templateChange = "future"
	// unknown: it is up to the workload's own controller.
	unknown templateChange = "unknown"
)

// change is what changing the workload's template does.
func (w Workload) change(world *World, o Options) templateChange {
	if o.SkipTemplate || !hasTemplate(w.Unstructured) || w.templateLabel(world.Key) == v1alpha1.TrafficYes {
		return unpatched
	}
	return w.onTemplate()
}

// onTemplate is what any change of the workload's template does.
func (w Workload) onTemplate() templateChange {
	switch w.GroupVersionKind().GroupKind().String() {
	case "Deployment.apps":
		d := as[appsv1.Deployment](w)
		switch {
		case d.Spec.Paused:
			return future
		case d.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType:
			return recreated
		}
		return rolled
	case "StatefulSet.apps":
		if as[appsv1.StatefulSet](w).Spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType {
			return future
		}
		return rolled
	case "DaemonSet.apps":
		if as[appsv1.DaemonSet](w).Spec.UpdateStrategy.Type == appsv1.OnDeleteDaemonSetStrategyType {
			return future
		}
		return rolled
	case "ReplicaSet.apps", "ReplicationController":
		return future
	case "Job.batch":
		return unpatched // a Job's template cannot be changed
	}
	return unknown
}

// as reads a workload as the type that it is.
func as[T any](w Workload) (out T) {
	_ = runtime.DefaultUnstructuredConverter.FromUnstructured(w.Object, &out) // the API server gave it by that name
	return out
}

// effect says what a change of the template does to the pods.
func (w Workload) effect() string {
	switch w.onTemplate() {
	case rolled:
		return fmt.Sprintf("this starts a rollout, as any deploy does: all %s are replaced, %s", pods(w.Pods), w.pace())
	case recreated:
		return "this stops all its pods before new ones start"
	case future:
		return "no pod is replaced; new ones come with the label"
	case unpatched:
		return "it cannot be changed"
	}
	return fmt.Sprintf("what that does to its pods is up to the controller of %s", w.GetKind())
}

// pace is how fast a rollout replaces pods.
func (w Workload) pace() string {
	switch w.GetKind() {
	case "Deployment":
		if u := as[appsv1.Deployment](w).Spec.Strategy.RollingUpdate; u != nil && u.MaxUnavailable != nil && u.MaxSurge != nil {
			return fmt.Sprintf("at most %s missing and %s more at a time", u.MaxUnavailable, u.MaxSurge)
		}
	case "StatefulSet":
		return "one by one, the last first"
	}
	return "bit by bit"
}

func pods(n int) string {
	if n == 1 {
		return "1 pod"
	}
	return fmt.Sprintf("%d pods", n)
}

// rolledOut says what a rollout still waits for; empty if it is over. An error
// means that it will not get over by itself.
func (w Workload) rolledOut() (waits string, err error) {
	if w.onTemplate() != rolled {
		return "", nil
	}
	switch w.GetKind() {
	case "Deployment":
		d := as[appsv1.Deployment](w)
		for _, c := range d.Status.Conditions {
			if c.Type == appsv1.DeploymentProgressing && c.Reason == "ProgressDeadlineExceeded" && d.Status.ObservedGeneration >= d.Generation {
				return "", fmt.Errorf("the rollout of %s is stuck: %s", w, c.Message)
			}
		}
		return progress(d.Status.ObservedGeneration >= d.Generation, d.Status.UpdatedReplicas, want(d.Spec.Replicas), d.Status.Replicas, d.Status.AvailableReplicas), nil
	case "StatefulSet":
		s := as[appsv1.StatefulSet](w)
		goal := want(s.Spec.Replicas)
		if u := s.Spec.UpdateStrategy.RollingUpdate; u != nil && u.Partition != nil {
			goal = max(goal-*u.Partition, 0)
			return progress(s.Status.ObservedGeneration >= s.Generation, s.Status.UpdatedReplicas, goal, s.Status.UpdatedReplicas, s.Status.ReadyReplicas), nil
		}
		return progress(s.Status.ObservedGeneration >= s.Generation, s.Status.UpdatedReplicas, goal, s.Status.Replicas, s.Status.ReadyReplicas), nil
	}
	d := as[appsv1.DaemonSet](w)
	return progress(d.Status.ObservedGeneration >= d.Generation, d.Status.UpdatedNumberScheduled, d.Status.DesiredNumberScheduled, d.Status.CurrentNumberScheduled, d.Status.NumberAvailable), nil
}

func want(replicas *int32) int32 {
	if replicas == nil {
		return 1
	}
	return *replicas
}

// progress says how far a rollout is: every pod must be of the new template, no
// old one be left, and all be available.
func progress(seen bool, updated, goal, all, available int32) string {
	switch {
	case !seen:
		return "its controller has not begun"
	case updated < goal:
		return fmt.Sprintf("%d of %d pods are of the new template", updated, goal)
	case all > updated && all > goal:
		return fmt.Sprintf("%s of the old template left", pods(int(all-updated)))
	case available < goal:
		return fmt.Sprintf("%d of %d pods are available", available, goal)
	}
	return ""
}
