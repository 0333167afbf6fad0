package report_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/podgate/podgate/anomaly"
	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/gatefile"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/replay"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/report"
	"github.com/podgate/podgate/controller/decide"
	"github.com/podgate/podgate/controller/source"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func gate(t *testing.T) *v1alpha1.TrafficGate {
	t.Helper()
	g, err := gatefile.Parse([]byte(`
apiVersion: podgate.dev/v1alpha1
kind: TrafficGate
metadata: {name: web, namespace: shop}
spec:
  serviceRef: {name: web}
  interval: 15s
  recovery: {retries: 1}
  signals:
  - {name: errors, ratio: {bad: b, total: t}, outlier: {}}
`))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// at is a step of ten pods; edits make something happen at it.
func at(after time.Duration, edits ...func(*replay.Step)) *replay.Step {
	s := &replay.Step{At: noon.Add(after), Looked: true, Judged: 10}
	verdicts := make([]anomaly.Verdict, 10)
	for i := range 10 {
		name := fmt.Sprintf("web-%d", i)
		s.Pods = append(s.Pods, decide.Pod{Name: name, UID: name})
		verdicts[i] = anomaly.Verdict{Pod: name, Class: anomaly.Normal, Bar: 12}
	}
	s.Signals = []decide.Signal{{Name: "errors", Kind: anomaly.Ratio, Unit: "nats", Answered: 10,
		Result: anomaly.Result{Verdicts: verdicts, Fleet: anomaly.Fleet{Judged: 10, Known: 10}}}}
	s.Answers = []source.Answer{{ByPod: map[string]source.Sample{"web-0": {Bad: 1, Total: 100}}}}
	s.Plan.Counts = decide.Counts{Total: 10, Limit: 2}
	for _, e := range edits {
		e(s)
	}
	return s
}

func decided(action decide.Action, reason decide.Reason, pod int, relapses int) func(*replay.Step) {
	return func(s *replay.Step) {
		d := decide.Decision{Action: action, Reason: reason, Pod: s.Pods[pod].Name, UID: s.Pods[pod].UID, Message: "because", Before: s.Pods[pod]}
		d.Memory.Relapses = relapses
		if action == decide.Gate || action == decide.Hold {
			d.Finding = decide.Finding{Signal: "errors", Kind: anomaly.Ratio, Unit: "nats",
				Verdict: anomaly.Verdict{Level: 0.3, Peers: 0.01, Evidence: 13, Bar: 12}}
		}
		if action == decide.Gate {
			d.Memory.GatedUntil = s.At.Add(time.Minute)
			s.Plan.Counts.Gated++
		}
		s.Plan.Decisions = append(s.Plan.Decisions, d)
	}
}

func cause(why string) func(*replay.Step) {
	return func(s *replay.Step) { s.Plan.CommonCause = why }
}

func evidence(pod int, nats float64) func(*replay.Step) {
	return func(s *replay.Step) { s.Signals[0].Result.Verdicts[pod].Evidence = nats }
}

func without(pods int) func(*replay.Step) {
	return func(s *replay.Step) { s.Pods = s.Pods[pods:] }
}

// silent is a look without an answer.
func silent(s *replay.Step) { s.Silent, s.Answers = true, []source.Answer{{}} }

// answers replaces the answer about one pod.
func answers(bad, total float64) func(*replay.Step) {
	return func(s *replay.Step) { s.Answers[0].ByPod["web-0"] = source.Sample{Bad: bad, Total: total} }
}

// unknown says that the detector could not tell of some pods.
func unknown(n int, missing string) func(*replay.Step) {
	return func(s *replay.Step) { s.Signals[0].Unknown, s.Signals[0].Missing = n, missing }
}

const look = 15 * time.Second

// TestBooks holds what is entered for a sequence of looks.
func TestBooks(t *testing.T) {
	out, back := decided(decide.Gate, decide.ReasonOutlier, 3, 0), decided(decide.Release, decide.ReasonTrial, 3, 0)
	again := decided(decide.Gate, decide.ReasonOutlier, 3, 1)
	held := decided(decide.Hold, decide.HeldLimit, 4, 0)
	for name, row := range map[string]struct {
		steps []*replay.Step
		want  string
	}{
		"nothing happens":                     {[]*replay.Step{at(0), at(look)}, "2 looks; out 0s"},
		"a pod goes and comes back":           {[]*replay.Step{at(0, out), at(4*look, back)}, "2 looks; out 1m0s; web-3 1m0s Trial"},
		"it is still out":                     {[]*replay.Step{at(0, out), at(4 * look)}, "2 looks; out 1m0s; web-3 1m0s StillOut"},
		"it ends while it is out":             {[]*replay.Step{at(0, out), at(4*look, without(4)), at(5*look, without(4))}, "3 looks; out 1m0s; web-3 1m0s PodEnded"},
		"it is evicted":                       {[]*replay.Step{at(0, out), at(2*look, decided(decide.Evict, decide.ReasonRetriesSpent, 3, 0)), at(3*look, without(4))}, "3 looks; out 30s; web-3 30s Evicted"},
		"after the last trial a person waits": {[]*replay.Step{at(0, out), at(4*look, back), at(5*look, again), at(9 * look)}, "4 looks; out 2m0s, 1m0s for a person; web-3 1m0s Trial; web-3 1m0s WaitsForPerson"},
		"a hold goes on from look to look":    {[]*replay.Step{at(0, held), at(look, held), at(2*look, held)}, "3 looks; out 0s; HeldLimit 1 pods 1 times 3 looks"},
		"a hold that comes back is another":   {[]*replay.Step{at(0, held), at(look), at(2*look, held)}, "3 looks; out 0s; HeldLimit 1 pods 2 times 2 looks"},
		"a common cause has spells":           {[]*replay.Step{at(0, cause("x")), at(look, cause("y")), at(2 * look), at(3*look, cause("z"))}, "4 looks; out 0s; cause x 30s; cause z 15s"},
	} {
		if got := told(closed(t, row.steps...)); got != row.want {
			t.Errorf("%s: %s\nwant %s", name, got, row.want)
		}
	}
}

func closed(t *testing.T, steps ...*replay.Step) *report.Summary {
	t.Helper()
	l := report.NewLedger("", gate(t))
	for _, s := range steps {
		if err := l.Watch(s); err != nil {
			t.Fatal(err)
		}
	}
	return l.Close()
}

// TestOnlyTimeWithDataCounts: of what is before, in a hole of, or after the data
// nothing is known, and nothing is booked.
func TestOnlyTimeWithDataCounts(t *testing.T) {
	out := decided(decide.Gate, decide.ReasonOutlier, 3, 0)
	s := closed(t, at(0, silent), at(look), at(2*look, silent), at(3*look, out), at(4*look), at(5*look, silent), at(6*look, silent))
	want := "There is data from 2026-03-01 12:00:15Z to 2026-03-01 12:01:00Z; at 57.1 % of all looks there is none, and they do not count"
	if got := s.Silence(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if s.Looks != 7 || s.PodTime != 30*look || s.Budget.Judged != 30*look {
		t.Errorf("%d looks, %s of pods, %s judged", s.Looks, s.PodTime, s.Budget.Judged)
	}
	if got := told(s); got != "7 looks; out 15s; web-3 15s StillOut" {
		t.Error(got)
	}
	if got := closed(t, at(0), at(look)).Silence(); got != "" {
		t.Errorf("of data without a hole it says %q", got)
	}
}

// TestAQueryThatIsWrongIsNotACleanBill: what was never bad, or could never be
// judged, is told.
func TestAQueryThatIsWrongIsNotACleanBill(t *testing.T) {
	const well = "answered at 100 % of the looks; nothing spoke against any pod that was not gated"
	const more = "more bad events than events: 3 of 2"
	for name, row := range map[string]struct {
		steps []*replay.Step
		want  string
	}{
		"all is well":            {[]*replay.Step{at(0), at(look)}, well},
		"nothing was ever bad":   {[]*replay.Step{at(0, answers(0, 9)), at(look, answers(0, 9))}, well + "; not one event was bad, all the time: try the query ratio.bad in Prometheus, whether it is right"},
		"no events":              {[]*replay.Step{at(0, answers(0, 0)), at(look, answers(0, 0))}, well},
		"nobody could be told":   {[]*replay.Step{at(0, unknown(10, more)), at(look, unknown(10, more))}, "answered, but never so that a pod could be judged: " + more},
		"at one look of two":     {[]*replay.Step{at(0, unknown(10, more)), at(look)}, well + "; at 50 % of the looks no pod could be judged: " + more},
		"some could not be told": {[]*replay.Step{at(0, unknown(9, more)), at(look)}, well},
	} {
		if got := closed(t, row.steps...).Signals[0].Sentence(); got != row.want {
			t.Errorf("%s: got  %s\nwant %s", name, got, row.want)
		}
	}
}

func told(s *report.Summary) string {
	out := fmt.Sprintf("%d looks; out %s", s.Looks, s.OutTime)
	if s.WaitTime > 0 {
		out += fmt.Sprintf(", %s for a person", s.WaitTime)
	}
	for _, e := range s.Episodes {
		out += fmt.Sprintf("; %s %s %s", e.Gating.Pod, e.To.Sub(e.From), e.Ended)
	}
	for _, h := range s.HeldBack() {
		out += fmt.Sprintf("; %s %d pods %d times %d looks", h.Guard, h.Pods, h.Times, h.Looks)
	}
	for _, c := range s.CommonCause {
		out += fmt.Sprintf("; cause %s %s", c.Message, c.To.Sub(c.From))
	}
	return out
}

// TestClosest: a pod that was gated is not one that came close.
func TestClosest(t *testing.T) {
	l := report.NewLedger("", gate(t))
	for _, s := range []*replay.Step{at(0, evidence(3, 11.5), evidence(5, 7)), at(look, decided(decide.Gate, decide.ReasonOutlier, 3, 0), evidence(5, 8)), at(2*look, evidence(5, 1))} {
		if err := l.Watch(s); err != nil {
			t.Fatal(err)
		}
	}
	s := l.Close()
	g := s.Signals[0]
	if g.Closest.Pod != "web-5" || g.Closest.Evidence != 8 || !g.ClosestAt.Equal(noon.Add(look)) {
		t.Errorf("closest: %+v at %s", g.Closest, g.ClosestAt)
	}
	if s.Budget.Gatings != 1 || s.Budget.PodDays != 30 || s.Budget.Judged != 30*look || math.Abs(s.Budget.Allowed-30*15.0/86400/30) > 1e-12 {
		t.Errorf("budget: %+v", s.Budget)
	}
}

func TestSignalsInWords(t *testing.T) {
	for want, seen := range map[string]report.SignalSeen{
		"there was never a pod to judge":                                                  {},
		"there was never data for half of the pods: try the query in Prometheus":          {Judged: 4},
		"not asked: an external detector knows nothing of the past":                       {Judged: 4, Unit: anomaly.Naming},
		"answered at 75 % of the looks; nothing spoke against any pod that was not gated": {Judged: 4, Answered: 3, Told: 4},
	} {
		if got := seen.Sentence(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// TestLines: the objects are what the documentation says.
func TestLines(t *testing.T) {
	var b bytes.Buffer
	lines := report.NewLines(&b, "gate.yaml", "shop/web")
	for _, s := range []*replay.Step{
		at(0, decided(decide.Gate, decide.ReasonOutlier, 3, 0), decided(decide.Hold, decide.HeldOneAtATime, 4, 0), cause("x")),
		at(look, cause("x"), decided(decide.Release, decide.ReasonTrial, 3, 1)), at(2 * look),
	} {
		if err := lines.Watch(s); err != nil {
			t.Fatal(err)
		}
	}
	want := `{"time":"2026-03-01T12:00:00Z","policy":"gate.yaml","gate":"shop/web","pod":"web-3","action":"Gate","reason":"Outlier","signal":"errors","value":0.3,"peers":0.01,"evidence":13,"bar":12,"unit":"nats","until":"2026-03-01T12:01:00Z","message":"because"}
{"time":"2026-03-01T12:00:00Z","policy":"gate.yaml","gate":"shop/web","pod":"web-4","action":"Hold","reason":"HeldOneAtATime","signal":"errors","value":0.3,"peers":0.01,"evidence":13,"bar":12,"unit":"nats","guard":"HeldOneAtATime","message":"because"}
{"time":"2026-03-01T12:00:00Z","policy":"gate.yaml","gate":"shop/web","action":"Hold","reason":"CommonCause","value":null,"peers":null,"evidence":null,"bar":null,"message":"x"}
{"time":"2026-03-01T12:00:15Z","policy":"gate.yaml","gate":"shop/web","pod":"web-3","action":"Release","reason":"Trial","value":null,"peers":null,"evidence":null,"bar":null,"relapses":1,"message":"because"}
{"time":"2026-03-01T12:00:30Z","policy":"gate.yaml","gate":"shop/web","action":"Hold","reason":"CommonCauseOver","value":null,"peers":null,"evidence":null,"bar":null,"message":"over"}
`
	if b.String() != want {
		t.Errorf("lines:\n%s\nwant:\n%s", &b, want)
	}
	d := decide.Decision{Action: decide.Gate, Finding: decide.Finding{Signal: "x", Kind: anomaly.Histogram, Verdict: anomaly.Verdict{Level: math.NaN(), Peers: math.Inf(1), Bound: 0.25}}}
	j, err := json.Marshal(report.LineOf("g", noon, d))
	if err != nil || !strings.Contains(string(j), `"value":null,"peers":null,"bound":0.25`) {
		t.Errorf("numbers that do not exist: %s %v", j, err)
	}
}

func TestWords(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 10 * time.Second: "10s", time.Minute: "1m", 70 * time.Second: "1m10s", 10 * time.Minute: "10m", time.Hour: "1h",
		90 * time.Minute: "1h30m", 20 * time.Hour: "20h", 24*time.Hour - time.Second: "23h59m59s", 48 * time.Hour: "2 d", 7*24*time.Hour + 3*time.Hour: "7 d 3 h",
		1500 * time.Millisecond: "2s",
	} {
		if got := report.Span(d); got != want {
			t.Errorf("%s: %s, want %s", d, got, want)
		}
	}
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 40320: "40,320", 1234567: "1,234,567"} {
		if got := report.Thousands(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
