package agent

import (
	"testing"
	"time"

	core "k8s.io/api/core/v1"
)

func container1(state core.ContainerState) []core.ContainerStatus {
	return []core.ContainerStatus{{Name: "c", State: state}}
}

func TestPhase(t *testing.T) {
	waiting := core.ContainerState{Waiting: &core.ContainerStateWaiting{}}
	running := core.ContainerState{Running: &core.ContainerStateRunning{}}
	well := core.ContainerState{Terminated: &core.ContainerStateTerminated{}}
	badly := core.ContainerState{Terminated: &core.ContainerStateTerminated{ExitCode: 1}}
	crashing := []core.ContainerStatus{{State: waiting, LastTerminationState: badly}}
	for name, c := range map[string]struct {
		statuses []core.ContainerStatus
		policy   core.RestartPolicy
		deleted  bool
		want     core.PodPhase
	}{
		"not started":               {container1(waiting), core.RestartPolicyAlways, false, core.PodPending},
		"runs":                      {container1(running), core.RestartPolicyAlways, false, core.PodRunning},
		"between two lives":         {crashing, core.RestartPolicyAlways, false, core.PodRunning},
		"ended, to be restarted":    {container1(badly), core.RestartPolicyAlways, false, core.PodRunning},
		"a job is done":             {container1(well), core.RestartPolicyNever, false, core.PodSucceeded},
		"a job failed":              {container1(badly), core.RestartPolicyNever, false, core.PodFailed},
		"a server ended by request": {container1(well), core.RestartPolicyAlways, true, core.PodSucceeded},
		"a server still ending":     {container1(running), core.RestartPolicyAlways, true, core.PodRunning},
	} {
		if got := phaseOf(c.statuses, c.policy, c.deleted); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

func TestReadyHonoursReadinessGates(t *testing.T) {
	pod := &core.Pod{Spec: core.PodSpec{ReadinessGates: []core.PodReadinessGate{{ConditionType: "example.com/gate"}}}}
	statuses := []core.ContainerStatus{{Name: "c", Ready: true}}
	if got := statusOf(conditions(pod, statuses, core.PodRunning), core.PodReady); got != core.ConditionFalse {
		t.Errorf("with a closed gate Ready is %s", got)
	}
	if got := statusOf(conditions(pod, statuses, core.PodRunning), core.ContainersReady); got != core.ConditionTrue {
		t.Errorf("with a closed gate ContainersReady is %s", got)
	}
	pod.Status.Conditions = []core.PodCondition{{Type: "example.com/gate", Status: core.ConditionTrue}}
	if got := statusOf(conditions(pod, statuses, core.PodRunning), core.PodReady); got != core.ConditionTrue {
		t.Errorf("with an open gate Ready is %s", got)
	}
}

func statusOf(all []core.PodCondition, kind core.PodConditionType) core.ConditionStatus {
	for _, c := range all {
		if c.Type == kind {
			return c.Status
		}
	}
	return ""
}

func TestTransitionTimeIsThatOfTheLastChange(t *testing.T) {
	var r report
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	r.transition(core.PodReady, core.ConditionFalse, at(1))
	r.transition(core.PodReady, core.ConditionTrue, at(2))
	if got := r.transition(core.PodReady, core.ConditionTrue, at(9)); !got.Time.Equal(at(2)) {
		t.Errorf("got %s, want %s", got.Time, at(2))
	}
}

func TestProbeThresholds(t *testing.T) {
	c := counter{success: 2, failure: 3}
	want := []struct{ healthy, past bool }{
		{true, false}, {true, true}, {true, true},
		{false, false}, {false, false}, {false, true},
		{true, false}, {false, false}, {false, false}, {false, true},
	}
	for i, w := range want {
		if past, outcome := c.count(w.healthy); past != w.past || outcome != w.healthy {
			t.Errorf("probe %d: past the threshold %v with outcome %v, want %v and %v", i, past, outcome, w.past, w.healthy)
		}
	}
}
