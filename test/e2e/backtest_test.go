package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
	"github.com/podgate/podgate/controller/measure"
	"github.com/podgate/podgate/test/cluster/build"
	"github.com/podgate/podgate/test/stage"
)

// backtest lets a gate of its own go through a fault, a failed trial, a good one and
// a common cause, without a person's word, and replays it then on what Prometheus
// has kept, by its API and from its data directory: the same pod goes out and comes
// back, for the same reason and on the same numbers, at the same looks.
func (c *cases) backtest(t *testing.T) {
	gate := c.ungated(t)
	defer c.kubectl(t, "-n", stage.Namespace, "delete", "trafficgate", stage.Gate, "--timeout=30s")
	begin := gate.CreationTimestamp.Time
	c.liveRun(t)
	end := time.Now()
	time.Sleep(stage.Interval) // until everything is in Prometheus' files

	live := slices.DeleteFunc(c.decidedLive(t, gate.UID), func(d decided) bool { return d.Time.After(end) })
	said := c.replay(t, gate, begin, end, "--prometheus", c.PrometheusURL(), "-o", "json")
	t.Logf("live:\n%s", strings.Join(told(gate, live), "\n"))
	t.Logf("by the API:\n%s", said)
	again := decidedAgain(t, said)
	if len(live) < 4 || live[0].Action != "Gate" {
		t.Fatalf("the live run decided too little for this: %+v", live)
	}
	c.same(t, gate, live, again)
	t.Run("the common cause", func(t *testing.T) {
		event := c.event(t, v1alpha1.ConditionCommonCause, gate.UID)
		causes := 0
		for _, d := range again {
			if d.Reason != v1alpha1.ConditionCommonCause {
				continue
			}
			apart := d.Time.Sub(measure.LastTick(gate, event.EventTime.Time)).Abs()
			if causes++; apart > 0 && (apart > stage.Interval || !c.scraping(t, gate, event.EventTime.Time, 1)) {
				t.Errorf("the controller saw it at the look at %s, the backtest at %s", clock(measure.LastTick(gate, event.EventTime.Time)), clock(d.Time))
			}
		}
		if causes != 1 {
			t.Errorf("the backtest saw %d", causes)
		}
	})
	t.Run("from the data directory", func(t *testing.T) {
		dir := filepath.Join(c.Dir(), "prometheus")
		if files := c.replay(t, gate, begin, end, "--tsdb", dir, "-o", "json"); files != said {
			t.Errorf("the data directory says\n%s\nand the API\n%s", files, said)
		}
	})
	t.Logf("what it says to people:\n%s", c.replay(t, gate, begin, end, "--prometheus", c.PrometheusURL()))
}

// ungated is the sample with a new gate that knows its ten pods, under load.
func (c *cases) ungated(t *testing.T) *v1alpha1.TrafficGate {
	if c.Load != nil { // what failed before is not to be this gate's first look
		pods, err := c.Pods(t.Context())
		must(t, err)
		for _, p := range pods {
			must(t, c.Turn(t.Context(), stage.Dials{}, p.Name))
		}
		time.Sleep(6 * stage.Interval)
	}
	must(t, c.Apply(t.Context()))
	if c.Load == nil {
		must(t, c.StartLoad(t.Context()))
	}
	return c.sample().known(t, 10)
}

// known waits until the fleet's gate has an answer about so many pods.
func (f *fleet) known(t *testing.T, pods int32) (gate *v1alpha1.TrafficGate) {
	t.Helper()
	patiently(t, func() (err error) {
		if gate, err = f.GetGate(t.Context()); err == nil && (gate.Status.LastEvaluation == nil || gate.Status.LastEvaluation.Signals[0].Known < pods) {
			err = fmt.Errorf("the gate does not know %d pods yet: %+v", pods, gate.Status.LastEvaluation)
		}
		return err
	})
	return gate
}

// liveRun is what happens to the pods.
func (c *cases) liveRun(t *testing.T) {
	pods, err := c.Pods(t.Context())
	must(t, err)
	var six []string
	for _, p := range pods[:6] {
		six = append(six, p.Name)
	}
	sick := pods[7].Name
	must(t, c.Turn(t.Context(), stage.Dials{ErrorShare: 0.3}, sick))
	c.trafficIs(t, sick, "no")
	c.trafficIs(t, sick, "yes")
	c.trafficIs(t, sick, "no")
	must(t, c.Turn(t.Context(), stage.Dials{}, sick))
	c.trafficIs(t, sick, "yes")
	time.Sleep(4 * stage.Interval)
	must(t, c.Turn(t.Context(), stage.Dials{ErrorShare: 0.5}, six...))
	patiently(t, func() error {
		cause, err := c.Condition(t.Context(), v1alpha1.ConditionCommonCause)
		if err == nil && cause.Status != "True" {
			err = fmt.Errorf("the gate says %s %q", cause.Reason, cause.Message)
		}
		return err
	})
	time.Sleep(2 * stage.Interval)
	must(t, c.Turn(t.Context(), stage.Dials{}, six...))
}

// decided is one decision, live or replayed.
type decided struct {
	Action, Reason, Pod, Signal string
	// Time is the look whose numbers it was decided on, or the instant between two
	// looks.
	Time                   time.Time
	Value, Peers, Evidence float64
	Relapses               int
}

// about are the decisions about pods that are compared: labels of new pods and
// notes are no part of a replay, and what a common cause holds the controller tells
// of the gate, where the backtest names each pod.
func (d decided) about() bool {
	return slices.Contains([]string{"Gate", "Release", "Hold", "Evict"}, d.Action) && d.Pod != "" && d.Reason != string(decide.HeldCommonCause)
}

// decidedLive are the decisions of the controller's log about one gate.
func (c *cases) decidedLive(t *testing.T, gate types.UID) (out []decided) {
	t.Helper()
	for line := range strings.Lines(c.controllerLog(t)) {
		var d struct {
			Msg                 string
			GateUID             types.UID
			Action, Reason, Pod string
			DecidedAt           time.Time
			LookedAt            *time.Time
			Finding             struct {
				Signal                 string
				Level, Peers, Evidence float64
			}
			After struct{ Relapses int }
		}
		if !strings.HasPrefix(line, "{") || json.Unmarshal([]byte(line), &d) != nil || d.Msg != "decision" || d.GateUID != gate {
			continue
		}
		one := decided{d.Action, d.Reason, d.Pod, d.Finding.Signal, d.DecidedAt, d.Finding.Level, d.Finding.Peers, d.Finding.Evidence, d.After.Relapses}
		if d.LookedAt != nil {
			one.Time = *d.LookedAt
		}
		if one.about() {
			out = append(out, one)
		}
	}
	return out
}

// decidedAgain are the decisions that a backtest printed.
func decidedAgain(t *testing.T, text string) (out []decided) {
	t.Helper()
	for line := range strings.Lines(text) {
		var d decided
		if err := json.Unmarshal([]byte(line), &d); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		out = append(out, d)
	}
	return out
}

// same holds a replay against the live run. The first gating is at the same look
// and on the same numbers, to the bit, unless a scrape was under way when the
// controller looked: the backtest sees what it brought, and the controller did not
// yet. A trial begins so long after a gating as was noted on the
// pod, and the controller notes a moment after its look what the replay notes at it:
// from then on a decision may fall to the next look.
func (c *cases) same(t *testing.T, gate *v1alpha1.TrafficGate, live, again []decided) {
	t.Helper()
	again = slices.DeleteFunc(slices.Clone(again), func(d decided) bool { return !d.about() })
	first := func(all []decided) (out []decided) { // a hold is logged once, and printed at each look
		held := map[string]bool{}
		for _, d := range all {
			key := d.Pod + d.Reason
			if d.Action != "Hold" || !held[key] {
				out = append(out, d)
			}
			held[key] = d.Action == "Hold"
		}
		return out
	}
	live, again = first(live), first(again)
	if len(live) != len(again) {
		t.Fatalf("the controller decided %d times, the backtest %d:\n%s\nand\n%s", len(live), len(again), strings.Join(told(gate, live), "\n"), strings.Join(told(gate, again), "\n"))
	}
	for i, want := range live {
		got := again[i]
		if got.Action != want.Action || got.Reason != want.Reason || got.Pod != want.Pod || got.Signal != want.Signal || got.Relapses != want.Relapses {
			t.Errorf("decision %d differs: %+v, live %+v", i, got, want)
		}
		apart := measure.LastTick(gate, got.Time).Sub(measure.LastTick(gate, want.Time)).Abs()
		if i == 0 {
			numbers, evidence := c.slack(t, gate, want.Time, 1), c.slack(t, gate, want.Time, 6)
			if apart != 0 && !c.scraping(t, gate, want.Time, 6) || !near(got.Value, want.Value, numbers) || !near(got.Peers, want.Peers, numbers) || !near(got.Evidence, want.Evidence, evidence) {
				t.Errorf("the first gating is not at the same look, or on other numbers (by more than %g and %g): %+v, live %+v", numbers, evidence, got, want)
			}
		}
		if apart > stage.Interval {
			t.Errorf("decision %d is %s apart: %+v, live %+v", i, apart, got, want)
		}
	}
}

// near is the same number, but for a share of it.
func near(a, b, slack float64) bool { return max(a-b, b-a) <= slack*max(a, b) }

// slack is by which share two numbers may differ that were taken at a look, or at
// some looks up to it: by how floating point is added up; by a third if a scrape was
// under way at one of them, which is one of five in a window.
func (c *cases) slack(t *testing.T, gate *v1alpha1.TrafficGate, at time.Time, looks int) float64 {
	t.Helper()
	if c.scraping(t, gate, at, looks) {
		return 1. / 3
	}
	return 1e-9
}

// scraping is whether a pod was being scraped at a look of its gate, or at one of some
// looks up to it.
func (c *cases) scraping(t *testing.T, gate *v1alpha1.TrafficGate, at time.Time, looks int) bool {
	t.Helper()
	durations := fmt.Sprintf("scrape_duration_seconds{namespace=%q} @ ", gate.Namespace)
	last, committed := measure.LastTick(gate, at), 0.5 // seconds that storing it takes at most
	for k := range looks {
		look := float64(last.Add(-time.Duration(k)*stage.Interval).UnixMilli()) / 1000
		var underWay model.Vector
		patiently(t, func() (err error) {
			underWay, err = c.Query(t.Context(), fmt.Sprintf("timestamp(%s%.3f) + (%s%.3f) + %g > %.3f", durations, look, durations, look, committed, look))
			return err
		})
		if len(underWay) > 0 {
			t.Logf("at %s a scrape was under way: %s", clock(last), underWay[0].Metric)
			return true
		}
	}
	return false
}

func told(gate *v1alpha1.TrafficGate, all []decided) (out []string) {
	for _, d := range all {
		out = append(out, fmt.Sprintf("look %s, at %s: %s %s %s %s, value %.4g, peers %.4g, evidence %.4g, relapses %d",
			clock(measure.LastTick(gate, d.Time)), clock(d.Time), d.Action, d.Pod, d.Reason, d.Signal, d.Value, d.Peers, d.Evidence, d.Relapses))
	}
	return out
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05.000") }

// replay runs kubectl podgate backtest on the sample's gate, and returns what it
// prints.
func (c *cases) replay(t *testing.T, gate *v1alpha1.TrafficGate, from, to time.Time, args ...string) string {
	t.Helper()
	plugin, err := build.Program(t.Context(), c.Path(), "./cmd/kubectl-podgate")
	must(t, err)
	args = append([]string{"backtest", "-f", c.Path("config", "samples", "gate.yaml"), "--uid", string(gate.UID), "--ask-cluster",
		"--kubeconfig", c.Kubeconfig(), "--from", from.UTC().Format(time.RFC3339Nano), "--to", to.UTC().Format(time.RFC3339Nano)}, args...)
	cmd := exec.CommandContext(t.Context(), plugin, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("kubectl podgate %s: %v: %s", strings.Join(args, " "), err, &stderr)
	}
	return string(out)
}

// event is the first event of a reason about a gate.
func (c *cases) event(t *testing.T, reason string, gate types.UID) (first eventsv1.Event) {
	t.Helper()
	var all eventsv1.EventList
	must(t, c.Client.List(t.Context(), &all, client.InNamespace(stage.Namespace)))
	for _, e := range all.Items {
		if e.Reason == reason && e.Regarding.UID == gate && (first.Name == "" || e.EventTime.Before(&first.EventTime)) {
			first = e
		}
	}
	if first.Name == "" {
		t.Fatalf("no event %s about the gate", reason)
	}
	return first
}
