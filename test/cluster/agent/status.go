package agent

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// report remembers what was last told about a pod.
type report struct {
	sent        string // the last patch
	transitions map[core.PodConditionType]transition
}

// transition is when a condition last changed to a status.
type transition struct {
	status core.ConditionStatus
	at     meta.Time
}

// statusPatch is a strategic merge patch of a pod's status. Conditions are
// merged by their type, so that those of others, for readiness gates, stay.
// The UID makes it fail on another pod of the same name.
type statusPatch struct {
	Metadata struct {
		UID types.UID `json:"uid"`
	} `json:"metadata"`
	Status core.PodStatus `json:"status"`
}

// sendStatus tells the API the pod's status, if there is news.
func (w *worker) sendStatus(ctx context.Context) error {
	patch := statusPatch{Status: w.status(time.Now())}
	patch.Metadata.UID = w.uid
	data, err := json.Marshal(patch)
	if err != nil {
		return err
	}
	if string(data) == w.report.sent {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, err = w.agent.options.Client.CoreV1().Pods(w.namespace).Patch(
		ctx, w.name, types.StrategicMergePatchType, data, meta.PatchOptions{FieldManager: "node-agent"}, "status")
	if err == nil {
		w.report.sent = string(data)
	}
	return err
}

// status is the pod's status now.
func (w *worker) status(now time.Time) core.PodStatus {
	pod := w.latest()
	var statuses []core.ContainerStatus
	for _, c := range w.all() {
		statuses = append(statuses, c.snapshot())
	}
	phase := phaseOf(statuses, pod.Spec.RestartPolicy, pod.DeletionTimestamp != nil)
	since := meta.NewTime(w.since)
	host := w.agent.addresses.host(pod.Spec.NodeName)
	status := core.PodStatus{
		Phase:              phase,
		HostIP:             host,
		HostIPs:            []core.HostIP{{IP: host}},
		PodIP:              w.ip,
		PodIPs:             []core.PodIP{{IP: w.ip}},
		StartTime:          &since,
		ContainerStatuses:  statuses,
		ObservedGeneration: pod.Generation,
		QOSClass:           pod.Status.QOSClass, // the API server's to set; a patch may not change it
	}
	for _, condition := range conditions(pod, statuses, phase) {
		condition.LastTransitionTime = w.report.transition(condition.Type, condition.Status, now)
		condition.ObservedGeneration = pod.Generation
		status.Conditions = append(status.Conditions, condition)
	}
	return status
}

// transition is when a condition changed to its status: now, if it just did.
func (r *report) transition(kind core.PodConditionType, status core.ConditionStatus, now time.Time) meta.Time {
	if r.transitions == nil {
		r.transitions = map[core.PodConditionType]transition{}
	}
	last, known := r.transitions[kind]
	if !known || last.status != status {
		last = transition{status: status, at: meta.NewTime(now)}
		r.transitions[kind] = last
	}
	return last.at
}

// phaseOf is the pod's phase, as a kubelet derives it from its containers.
func phaseOf(statuses []core.ContainerStatus, policy core.RestartPolicy, deleted bool) core.PodPhase {
	running, ended, failed, everRan := 0, 0, 0, 0
	for _, s := range statuses {
		switch {
		case s.State.Running != nil:
			running++
		case s.State.Terminated != nil:
			ended++
			if s.State.Terminated.ExitCode != 0 {
				failed++
			}
		}
		if s.LastTerminationState.Terminated != nil {
			everRan++
		}
	}
	final := policy != core.RestartPolicyAlways || deleted
	switch {
	case ended == len(statuses) && final && failed > 0:
		return core.PodFailed
	case ended == len(statuses) && final:
		return core.PodSucceeded
	case running+ended+everRan > 0:
		return core.PodRunning
	}
	return core.PodPending
}

// conditions are those that a kubelet owns, without their times.
func conditions(pod *core.Pod, statuses []core.ContainerStatus, phase core.PodPhase) []core.PodCondition {
	containers := core.PodCondition{Type: core.ContainersReady, Status: core.ConditionTrue}
	for _, s := range statuses {
		if !s.Ready {
			containers.Status = core.ConditionFalse
			containers.Reason = "ContainersNotReady"
			containers.Message = "containers with unready status: [" + s.Name + "]"
		}
	}
	if phase == core.PodSucceeded {
		containers.Reason, containers.Message = "PodCompleted", ""
	}
	ready := containers
	ready.Type = core.PodReady
	if missing := missingGate(pod); missing != "" && ready.Status == core.ConditionTrue {
		ready.Status = core.ConditionFalse
		ready.Reason = "ReadinessGatesNotReady"
		ready.Message = "corresponding condition of pod readiness gate \"" + missing + "\" is not True"
	}
	return []core.PodCondition{
		{Type: core.PodScheduled, Status: core.ConditionTrue},
		{Type: core.PodReadyToStartContainers, Status: core.ConditionTrue},
		{Type: core.PodInitialized, Status: core.ConditionTrue},
		containers, ready,
	}
}

// missingGate is the first readiness gate that is not open, or nothing.
func missingGate(pod *core.Pod) string {
	for _, gate := range pod.Spec.ReadinessGates {
		open := slices.ContainsFunc(pod.Status.Conditions, func(c core.PodCondition) bool {
			return c.Type == gate.ConditionType && c.Status == core.ConditionTrue
		})
		if !open {
			return string(gate.ConditionType)
		}
	}
	return ""
}
