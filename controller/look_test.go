package controller

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"k8s.io/apimachinery/pkg/types"

	"github.com/podgate/podgate/anomaly"
	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
	"github.com/podgate/podgate/controller/measure"
	"github.com/podgate/podgate/controller/source"
	"github.com/podgate/podgate/controller/telemetry"
)

func gateOf(signals ...v1alpha1.Signal) *v1alpha1.TrafficGate {
	g := &v1alpha1.TrafficGate{}
	g.Name, g.UID = "web", "1"
	g.Spec.Interval, g.Spec.Window = v1alpha1.DurationOf(15*time.Second), v1alpha1.DurationOf(time.Minute)
	g.Spec.FalseAlarms.PodDays = 30
	g.Spec.Signals = signals
	return g
}

// TestARestartForgetsNothing: detectors that were given the past by History say
// the same, to the bit, as detectors that were there.
func TestARestartForgetsNothing(t *testing.T) {
	gate := gateOf(v1alpha1.Signal{Name: "errors", Ratio: &v1alpha1.RatioQuery{Bad: "b", Total: "t"}, Outlier: &v1alpha1.Outlier{}},
		v1alpha1.Signal{Name: "memory", Value: new("m"), Outlier: &v1alpha1.Outlier{}})
	var pods []decide.Pod
	for i := range 10 {
		pods = append(pods, decide.Pod{Name: fmt.Sprint("web-", i), UID: fmt.Sprint(i), Ready: true, Labelled: true, Traffic: "yes", ReadySince: noon.Add(-24 * time.Hour)})
	}
	w := &world{pods: pods}
	moment := func(k int) source.Moment {
		m := source.Moment{At: noon.Add(time.Duration(k-400) * 15 * time.Second), Answers: make([]source.Answer, 2)}
		for i := range m.Answers {
			m.Answers[i].ByPod = map[string]source.Sample{}
		}
		for i, p := range pods {
			bad := float64((k + i) % 3)
			if i == 4 && k > 396 {
				bad = 150
			}
			m.Answers[0].ByPod[p.Name] = source.Sample{Bad: bad, Total: 600}
			m.Answers[1].ByPod[p.Name] = source.Sample{Value: 100 + 5*math.Sin(float64(k*i))}
		}
		return m
	}
	lived, err := newDetectors(gate.Spec)
	if err != nil {
		t.Fatal(err)
	}
	var history []source.Moment
	for k := range 399 {
		lived.Judge(moment(k).Answers, gate.Name, pods, w.policy, moment(k).At, noon)
		history = append(history, moment(k))
	}
	now := moment(399)
	want := lived.Judge(now.Answers, gate.Name, pods, w.policy, now.At, noon)

	state := &gateState{}
	if err := state.learn(gate, &look{history: history, remembers: true, answers: now.Answers}, true, pods, w, noon); err != nil {
		t.Fatal(err)
	}
	got := state.detectors.Judge(now.Answers, gate.Name, pods, w.policy, now.At, noon)
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("after a restart:\n%v\nwithout:\n%v", got, want)
	}
	if v := got[0].Result.Verdicts[4]; v.Evidence <= 0 {
		t.Errorf("the bad pod has no evidence against it, so that the test shows nothing: %+v", v)
	}
}

func TestHistoryIsAskedForUntilItComes(t *testing.T) {
	gate := gateOf(v1alpha1.Signal{Name: "detector", External: &v1alpha1.External{}}, v1alpha1.Signal{Name: "errors", Value: new("m"), Outlier: &v1alpha1.Outlier{}})
	down, well := []source.Answer{{}, {Err: errors.New("down")}}, []source.Answer{{Err: errors.New("late")}, {}} // whatever the detector says
	state, w := &gateState{}, &world{}
	for _, step := range []struct {
		name           string
		look           look
		remembered     bool
		sparedUntilNow bool
	}{
		{"Prometheus is down", look{at: noon, answers: down, historyErr: errors.New("down")}, false, false},
		{"only the past is too much", look{at: noon, answers: well, historyErr: errors.New("too slow")}, false, true},
		{"it comes", look{at: noon, answers: well, remembers: true}, true, true},
	} {
		if err := state.learn(gate, &step.look, step.look.prometheusIsWell(gate), nil, w, noon); err != nil {
			t.Fatal(err)
		}
		if state.remembered != step.remembered || state.nextHistory.After(noon) != step.sparedUntilNow {
			t.Errorf("%s: remembered %t, next try %s", step.name, state.remembered, state.nextHistory)
		}
	}
}

// TestLooksKeepTheirBeat: looks fall on the same instants whenever they are
// taken, within the last interval, and not on everybody's.
func TestLooksKeepTheirBeat(t *testing.T) {
	gate := gateOf()
	interval := gate.Spec.Interval.Std()
	first := measure.LastTick(gate, noon)
	offsets := map[time.Duration]bool{}
	for i := range 100 {
		now := noon.Add(time.Duration(i) * 1234 * time.Millisecond)
		at := measure.LastTick(gate, now)
		if at.After(now) || now.Sub(at) >= interval || at.Sub(first)%interval != 0 {
			t.Fatalf("at %s: %s", now, at)
		}
		other := gateOf()
		other.UID = types.UID(fmt.Sprint("gate-", i))
		offsets[noon.Sub(measure.LastTick(other, noon))] = true
	}
	if len(offsets) < 50 {
		t.Errorf("100 gates look at only %d different instants", len(offsets))
	}
}

func TestDetectorsAreMadeAnewWhenTheirSpecChanges(t *testing.T) {
	a := gateOf(v1alpha1.Signal{Name: "errors", Value: new("m"), Outlier: &v1alpha1.Outlier{}})
	for name, edit := range map[string]func(*v1alpha1.TrafficGateSpec){
		"a query":    func(s *v1alpha1.TrafficGateSpec) { s.Signals[0].Value = new("n") },
		"the budget": func(s *v1alpha1.TrafficGateSpec) { s.FalseAlarms.PodDays = 31 },
		"the window": func(s *v1alpha1.TrafficGateSpec) { s.Window = v1alpha1.DurationOf(2 * time.Minute) },
	} {
		b := a.DeepCopy()
		edit(&b.Spec)
		if measure.Fingerprint(a.Spec) == measure.Fingerprint(b.Spec) {
			t.Errorf("%s changed, and the detectors would not", name)
		}
	}
	b := a.DeepCopy()
	b.Spec.Mode, b.Spec.Recovery.After = v1alpha1.ModeEnforce, v1alpha1.DurationOf(time.Hour)
	if measure.Fingerprint(a.Spec) != measure.Fingerprint(b.Spec) {
		t.Error("the mode changed, and the detectors would forget")
	}
}

// TestWait: the next pass is due when the next look or the next pod is, and
// never at once for nothing.
func TestWait(t *testing.T) {
	past, soon := noon.Add(-time.Hour), noon.Add(10*time.Second)
	for name, row := range map[string]struct {
		nextLook time.Time
		asking   bool
		watching bool
		next     time.Time
		want     time.Duration
	}{
		"a look is due":                       {soon, false, true, time.Time{}, 10 * time.Second},
		"a look is overdue":                   {past, false, true, time.Time{}, time.Millisecond},
		"Prometheus is being asked":           {past, true, true, time.Time{}, 0},
		"a pod is due while it is asked":      {past, true, true, soon, 10 * time.Second},
		"a pod is due before the look":        {noon.Add(time.Minute), false, true, soon, 10 * time.Second},
		"nothing is watched":                  {past, false, false, time.Time{}, 0},
		"a pod that is due waits for a trial": {soon, false, true, past, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			state := &gateState{nextLook: row.nextLook, asking: row.asking}
			if got := wait(state, row.watching, decide.Plan{Next: row.next}, noon); got != row.want {
				t.Errorf("%s, want %s", got, row.want)
			}
		})
	}
}

// TestOldAnswersAreNoAnswers: what Prometheus said of long ago never gates.
func TestOldAnswersAreNoAnswers(t *testing.T) {
	gate := gateOf(v1alpha1.Signal{Name: "errors", Value: new("m"), Threshold: &v1alpha1.Threshold{Above: new(v1alpha1.Decimal("1"))}})
	w := &world{pods: []decide.Pod{{Name: "a", UID: "a", Ready: true, Labelled: true, Traffic: "yes", ReadySince: noon.Add(-time.Hour)}}}
	m, err := telemetry.New(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	r := &Reconciler{metrics: m}
	for name, row := range map[string]struct {
		age   time.Duration
		class anomaly.Class
		err   bool
	}{
		"at once":   {time.Second, anomaly.Outlier, false},
		"very late": {3 * time.Minute, anomaly.Unknown, true},
	} {
		t.Run(name, func(t *testing.T) {
			made, err := newDetectors(gate.Spec)
			if err != nil {
				t.Fatal(err)
			}
			state := &gateState{detectors: made, asking: true, answered: &look{trace: trace.SpanFromContext(t.Context()), at: noon.Add(-row.age), spec: made.Spec,
				answers: []source.Answer{{ByPod: map[string]source.Sample{"a": {Value: 5}}}}}}
			if _, err := r.takeAnswer(gate, state, w, noon); err != nil {
				t.Fatal(err)
			}
			s := state.signals[0]
			if s.Result.Verdicts[0].Class != row.class || (s.Err != "") != row.err || state.asking {
				t.Errorf("%+v", s)
			}
		})
	}
}

// TestRestForgetsWhatWasSeen: an answer that came while the gate was suspended
// is not taken up when it goes on.
func TestRestForgetsWhatWasSeen(t *testing.T) {
	state := &gateState{asking: true, looked: true, signals: []decide.Signal{{}}, answered: &look{trace: trace.SpanFromContext(t.Context())}}
	state.rest()
	if state.answered != nil || state.asking || state.looked || len(state.signals) > 0 {
		t.Errorf("%+v", state.signals)
	}
}

// TestHoldsAreToldOnceASpell: the same hold look after look is told once, and
// again after the pod was well in between.
func TestHoldsAreToldOnceASpell(t *testing.T) {
	state := &gateState{told: map[string]decide.Reason{}}
	hold := []decide.Decision{{Action: decide.Hold, UID: "a", Reason: decide.HeldLimit}}
	told := ""
	for _, decisions := range [][]decide.Decision{hold, hold, nil, hold} {
		state.forgetTold(outcome{looked: true, done: decisions})
		told += fmt.Sprint(len(state.news(decisions)))
	}
	if told != "1001" {
		t.Errorf("told %s, want 1001", told)
	}
}
