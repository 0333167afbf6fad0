package controller

import (
	"errors"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podgate/podgate/anomaly"
	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
	"github.com/podgate/podgate/controller/fleet"
	"github.com/podgate/podgate/controller/source"
)

// TestConditions holds which state of affairs gives which conditions, and that
// each set conforms to kstatus.
func TestConditions(t *testing.T) {
	answered := func() *gateState {
		return &gateState{looked: true, failures: []string{""}, signals: []decide.Signal{{Name: "errors", Answered: 3,
			Result: anomaly.Result{Fleet: anomaly.Fleet{Judged: 3, Known: 3}}}}}
	}
	for name, row := range map[string]struct {
		mode  v1alpha1.Mode
		state *gateState
		world world
		plan  decide.Plan
		ready metav1.ConditionStatus
		want  string // Ready's reason
		also  []string
	}{
		"not looked yet":           {v1alpha1.ModeEnforce, &gateState{}, world{}, decide.Plan{}, metav1.ConditionUnknown, v1alpha1.ReasonReconciling, []string{v1alpha1.ConditionReconciling}},
		"enforcing":                {v1alpha1.ModeEnforce, answered(), world{}, decide.Plan{}, metav1.ConditionTrue, v1alpha1.ReasonEnforcing, nil},
		"a dry run":                {v1alpha1.ModeDryRun, answered(), world{}, decide.Plan{}, metav1.ConditionTrue, v1alpha1.ReasonDryRun, nil},
		"a dry run, not enrolled":  {v1alpha1.ModeDryRun, answered(), world{unenrolled: "no"}, decide.Plan{}, metav1.ConditionTrue, v1alpha1.ReasonDryRun, nil},
		"not enrolled":             {v1alpha1.ModeEnforce, answered(), world{unenrolled: "no"}, decide.Plan{}, metav1.ConditionFalse, v1alpha1.ReasonNotEnrolled, nil},
		"suspended":                {v1alpha1.ModeSuspended, answered(), world{}, decide.Plan{}, metav1.ConditionTrue, v1alpha1.ReasonSuspended, nil},
		"a common cause":           {v1alpha1.ModeEnforce, answered(), world{}, decide.Plan{CommonCause: "6 of 10"}, metav1.ConditionTrue, v1alpha1.ReasonCommonCause, []string{v1alpha1.ConditionCommonCause}},
		"a common cause, dry run":  {v1alpha1.ModeDryRun, answered(), world{}, decide.Plan{CommonCause: "6 of 10"}, metav1.ConditionTrue, v1alpha1.ReasonCommonCause, []string{v1alpha1.ConditionCommonCause}},
		"the limit":                {v1alpha1.ModeEnforce, answered(), world{}, decide.Plan{LimitReached: "2 of 10"}, metav1.ConditionTrue, v1alpha1.ReasonLimitReached, nil},
		"refused":                  {v1alpha1.ModeEnforce, answered(), world{refused: fleet.Refuse(v1alpha1.ReasonServiceNotFound, "none")}, decide.Plan{}, metav1.ConditionFalse, v1alpha1.ReasonServiceNotFound, []string{v1alpha1.ConditionStalled}},
		"Prometheus fails":         {v1alpha1.ModeEnforce, failed(v1alpha1.ReasonQueryFailed), world{}, decide.Plan{}, metav1.ConditionFalse, v1alpha1.ReasonMetricsUnavailable, nil},
		"Prometheus knows nothing": {v1alpha1.ModeEnforce, knows(1, 10), world{}, decide.Plan{}, metav1.ConditionFalse, v1alpha1.ReasonMetricsUnavailable, nil},
		"headroom is not known":    {v1alpha1.ModeEnforce, headroomFails(answered()), world{}, decide.Plan{}, metav1.ConditionFalse, v1alpha1.ReasonMetricsUnavailable, nil},
		"the probe is not known":   {v1alpha1.ModeEnforce, probeFails(answered()), world{}, decide.Plan{}, metav1.ConditionFalse, v1alpha1.ReasonMetricsUnavailable, nil},
		"a sick node":              {v1alpha1.ModeEnforce, answered(), world{}, decide.Plan{Domain: sickNode}, metav1.ConditionTrue, v1alpha1.ReasonDomainSuspected, []string{v1alpha1.ConditionDomainSuspected}},
		"a limit, and a sick node": {v1alpha1.ModeEnforce, answered(), world{}, decide.Plan{Domain: sickNode, LimitReached: "1 of 2"}, metav1.ConditionTrue, v1alpha1.ReasonLimitReached, []string{v1alpha1.ConditionDomainSuspected}},
		"a pod waits for a person": {v1alpha1.ModeEnforce, answered(), world{}, decide.Plan{Counts: decide.Counts{Waiting: 1}}, metav1.ConditionTrue, v1alpha1.ReasonPodsWaiting, nil},
		"everybody warms up":       {v1alpha1.ModeEnforce, knows(0, 0), world{}, decide.Plan{}, metav1.ConditionTrue, v1alpha1.ReasonEnforcing, nil},
	} {
		t.Run(name, func(t *testing.T) {
			gate := &v1alpha1.TrafficGate{ObjectMeta: metav1.ObjectMeta{Generation: 4}, Spec: v1alpha1.TrafficGateSpec{Mode: row.mode}}
			// What was true before must not linger.
			for _, kind := range []string{v1alpha1.ConditionStalled, v1alpha1.ConditionCommonCause, v1alpha1.ConditionDomainSuspected, v1alpha1.ConditionReconciling} {
				meta.SetStatusCondition(&gate.Status.Conditions, metav1.Condition{Type: kind, Status: metav1.ConditionTrue, Reason: "Before"})
			}
			s := statusOf(gate, row.state, outcome{w: &row.world, plan: row.plan, now: noon})
			ready := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionReady)
			if ready.Status != row.ready || ready.Reason != row.want {
				t.Errorf("Ready is %s %s, want %s %s", ready.Status, ready.Reason, row.ready, row.want)
			}
			checkKstatus(t, s, row.also)
		})
	}
}

var sickNode = decide.Domain{Kind: v1alpha1.ReasonNodeSuspected, Name: "n", Bad: 2, Pods: 2, PodsElsewhere: 8}

func headroomFails(s *gateState) *gateState {
	s.said.Headroom = &decide.Headroom{Err: "timeout"}
	return s
}

func probeFails(s *gateState) *gateState {
	s.said.ProbesErr = errors.New("timeout")
	return s
}

func failed(reason string) *gateState {
	return &gateState{looked: true, failures: []string{reason}, signals: []decide.Signal{{Name: "errors", Err: "timeout"}}}
}

func knows(known, judged int) *gateState {
	return &gateState{looked: true, failures: []string{""}, signals: []decide.Signal{{Name: "errors", Answered: known,
		Result: anomaly.Result{Fleet: anomaly.Fleet{Judged: judged}}}}}
}

// checkKstatus: the status is of this generation, every condition has a reason
// and a message, and those of negative polarity are there only while true, and
// only the wanted ones.
func checkKstatus(t *testing.T, s v1alpha1.TrafficGateStatus, abnormal []string) {
	t.Helper()
	if s.ObservedGeneration != 4 {
		t.Errorf("observedGeneration %d", s.ObservedGeneration)
	}
	found := 0
	for _, c := range s.Conditions {
		if c.Reason == "" || c.Message == "" || c.ObservedGeneration != 4 {
			t.Errorf("incomplete: %+v", c)
		}
		switch c.Type {
		case v1alpha1.ConditionStalled, v1alpha1.ConditionCommonCause, v1alpha1.ConditionDomainSuspected, v1alpha1.ConditionReconciling:
			found++
			if c.Status != metav1.ConditionTrue || len(abnormal) == 0 || c.Type != abnormal[0] {
				t.Errorf("not expected: %+v", c)
			}
		}
	}
	if found != len(abnormal) {
		t.Errorf("%d of %v", found, abnormal)
	}
}

func TestStatusIsWrittenOnlyWhenItMatters(t *testing.T) {
	base := v1alpha1.TrafficGateStatus{
		Pods:           v1alpha1.PodCounts{Total: 10},
		Conditions:     []metav1.Condition{{Type: "Ready", Status: "True", Reason: "Enforcing", Message: "all is well"}},
		LastEvaluation: &v1alpha1.Evaluation{Time: metav1.NewTime(noon), Signals: []v1alpha1.SignalEvaluation{{Name: "errors", Known: 10, Level: "1 %"}}},
	}
	for name, row := range map[string]struct {
		edit func(*v1alpha1.TrafficGateStatus)
		want bool
	}{
		"nothing changed":       {func(*v1alpha1.TrafficGateStatus) {}, false},
		"a level moved":         {func(s *v1alpha1.TrafficGateStatus) { s.LastEvaluation.Signals[0].Level = "2 %" }, false},
		"a look a minute later": {func(s *v1alpha1.TrafficGateStatus) { s.LastEvaluation.Time = metav1.NewTime(noon.Add(time.Minute)) }, true},
		"a look at the next moment": {func(s *v1alpha1.TrafficGateStatus) {
			s.LastEvaluation.Time = metav1.NewTime(noon.Add(15 * time.Second))
		}, false},
		"a pod came":                 {func(s *v1alpha1.TrafficGateStatus) { s.Pods.Total = 11 }, true},
		"a pod has no data any more": {func(s *v1alpha1.TrafficGateStatus) { s.LastEvaluation.Signals[0].Known = 9 }, true},
		"a message changed":          {func(s *v1alpha1.TrafficGateStatus) { s.Conditions[0].Message = "all is better" }, true},
		"a pod was gated":            {func(s *v1alpha1.TrafficGateStatus) { s.Gated = []v1alpha1.GatedPod{{Name: "a"}} }, true},
	} {
		t.Run(name, func(t *testing.T) {
			after := *base.DeepCopy()
			row.edit(&after)
			if got := worthWriting(base, after); got != row.want {
				t.Errorf("%t, want %t", got, row.want)
			}
		})
	}
}

func TestFailureReasons(t *testing.T) {
	for err, want := range map[error]string{
		&source.DetectorError{Failure: source.Rejected, Err: errors.New("x")}: v1alpha1.ReasonQueryRejected,
		&source.DetectorError{Failure: source.Failed, Err: errors.New("x")}:   v1alpha1.ReasonQueryFailed,
	} {
		if got := failureReason(err); got != want {
			t.Errorf("%v: %s, want %s", err, got, want)
		}
	}
	for want, err := range map[string]error{
		v1alpha1.ReasonQueryFailed:   errors.New("anything"),
		v1alpha1.ReasonQueryRejected: &source.QueryError{Failure: source.Rejected, Err: errors.New("x")},
		v1alpha1.ReasonAmbiguous:     &source.QueryError{Failure: source.Ambiguous, Err: errors.New("x")},
	} {
		if got := failureReason(err); got != want {
			t.Errorf("%v: %s, want %s", err, got, want)
		}
	}
}

// TestADryRunDecidesAsIfItHadWritten: the second look counts the pod that the
// first would have gated.
func TestADryRunDecidesAsIfItHadWritten(t *testing.T) {
	state := &gateState{shadow: map[string]shadowed{}}
	pods := []decide.Pod{{Name: "a", UID: "a", Ready: true, Labelled: true, Traffic: "yes"}, {Name: "b", UID: "b", Ready: true}}
	state.remember(decide.Plan{Decisions: []decide.Decision{{Action: decide.Gate, UID: "a", Traffic: "no", Memory: decide.Memory{Gate: "web", GatedAt: noon}}}}, pods)
	if got := state.shadowed(pods)[0].State("web"); got != decide.Gated {
		t.Errorf("a is %s", got)
	}
	pods[0].Traffic = "no" // a person took it out, in earnest
	if got := state.shadowed(pods)[0].State("web"); got != decide.HeldOut {
		t.Errorf("a is %s though a person holds it out", got)
	}
	state.remember(decide.Plan{}, nil)
	if len(state.shadow) > 0 {
		t.Error("a pod that is gone is remembered")
	}
}

// TestStrangersAreTold: a few by name, the others counted.
func TestStrangersAreTold(t *testing.T) {
	s := decide.Signal{Name: "detector", Kind: anomaly.Value, Unit: anomaly.Naming, Result: anomaly.Result{Fleet: anomaly.Fleet{Level: 2}}}
	for want, strangers := range map[string][]string{
		"":                                     nil,
		"not of the fleet: a":                  {"a"},
		"not of the fleet: a, b, c":            {"a", "b", "c"},
		"not of the fleet: a, b, c and 2 more": {"a", "b", "c", "d", "e"},
	} {
		s.Strangers = strangers
		got := signalsOf(&gateState{signals: []decide.Signal{s}})[0]
		if got.Ignored != want || got.Level != "2 named" {
			t.Errorf("ignored %q, level %q; want %q", got.Ignored, got.Level, want)
		}
	}
}

// TestOneSilentSignalIsNotAll: the gate does not say that nobody is gated while
// another signal still can.
func TestOneSilentSignalIsNotAll(t *testing.T) {
	fleet := anomaly.Result{Fleet: anomaly.Fleet{Judged: 3, Known: 3}}
	errorsKnown := decide.Signal{Name: "errors", Answered: 3, Result: fleet}
	memorySilent := decide.Signal{Name: "memory", Result: fleet}
	for want, signals := range map[string][]decide.Signal{
		"pods can be gated by the other signals only: signal memory":  {errorsKnown, memorySilent},
		"nobody is gated, gated pods keep their state: signal memory": {memorySilent, memorySilent},
	} {
		state := &gateState{looked: true, failures: make([]string, 2), signals: signals}
		gate := &v1alpha1.TrafficGate{Spec: v1alpha1.TrafficGateSpec{Mode: v1alpha1.ModeEnforce}}
		s := statusOf(gate, state, outcome{w: &world{}, now: noon})
		if got := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionReady).Message; !strings.HasPrefix(got, want) {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// TestTheMessageIsAsInTheStatus: numbers that change at each look do not make a new
// series at each look.
func TestTheMessageIsAsInTheStatus(t *testing.T) {
	of := func(reason, message string) *metav1.Condition {
		return &metav1.Condition{Reason: reason, Message: message}
	}
	for name, row := range map[string]struct {
		before, now *metav1.Condition
		want        string
	}{
		"the first":               {nil, of(v1alpha1.ReasonCommonCause, "6 of 10 look bad"), "6 of 10 look bad"},
		"other numbers":           {of(v1alpha1.ReasonCommonCause, "6 of 10 look bad"), of(v1alpha1.ReasonCommonCause, "7 of 10 look bad"), "6 of 10 look bad"},
		"another reason":          {of(v1alpha1.ReasonEnforcing, "watching"), of(v1alpha1.ReasonLimitReached, "1 stays"), "1 stays"},
		"one that is always told": {of(v1alpha1.ReasonEnforcing, "watching 10 pods"), of(v1alpha1.ReasonEnforcing, "watching 9 pods"), "watching 9 pods"},
	} {
		if got := messageOf(row.before, row.now); got != row.want {
			t.Errorf("%s: %q, want %q", name, got, row.want)
		}
	}
}
