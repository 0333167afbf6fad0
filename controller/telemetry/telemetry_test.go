package telemetry

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podgate/podgate/anomaly"
	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func gateNamed(namespace, name string) *v1alpha1.TrafficGate {
	return &v1alpha1.TrafficGate{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: v1alpha1.TrafficGateSpec{ServiceRef: v1alpha1.ServiceReference{Name: name}, Mode: v1alpha1.ModeEnforce, Interval: v1alpha1.DurationOf(15 * time.Second)}}
}

// fleet is a pass over a fleet of which some pods are gated, the first of them by
// this look, and of which others are suspect.
func fleet(gate string, n, gated int) Pass {
	p := Pass{Looked: true, LookedAt: noon, OnTrial: map[string]bool{}}
	signals := []decide.Signal{{Name: "errors", Kind: anomaly.Ratio, Unit: "nats"}, {Name: "latency", Kind: anomaly.Histogram, Unit: "nats"}, {Name: "saturation", Kind: anomaly.Value, Unit: "nats"}}
	for i := range n {
		pod := decide.Pod{Name: fmt.Sprintf("%s-66b7665c5d-%05d", gate, i), UID: fmt.Sprint(gate, i), Ready: true, Labelled: true, Traffic: v1alpha1.TrafficYes}
		errors, evidence := 0.001, float64(i%7)
		if i < gated {
			pod.Traffic, errors, evidence = v1alpha1.TrafficNo, 0.331, 13.2
			pod.Memory = decide.Memory{Gate: gate, GatedAt: noon, GatedUntil: noon.Add(time.Minute),
				Reason: "errors: 33.1 % of 100 events were bad, peers 0.0936 % (356 times); evidence 13.2 of 13.2 nats"}
		}
		p.Pods = append(p.Pods, pod)
		for k := range signals {
			v := anomaly.Verdict{Pod: pod.UID, Class: anomaly.Normal, Level: errors, Peers: 0.001, Evidence: evidence / float64(k+1), Bar: 13.2, Samples: 100}
			if 0 < i && i < gated {
				v.Class, v.Level, v.Peers = anomaly.Unknown, math.NaN(), math.NaN()
			}
			signals[k].Result.Verdicts = append(signals[k].Result.Verdicts, v)
		}
	}
	for k := range signals {
		signals[k].Answered, signals[k].Result.Fleet = n, anomaly.Fleet{Judged: n, Known: n, Level: 0.001}
	}
	p.Signals = signals
	p.Plan.Counts = decide.Counts{Total: n, Serving: n - gated, Gated: gated, Limit: n / 5}
	return p
}

func registered(t *testing.T) (*Metrics, *prometheus.Registry) {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	m, err := New(registry)
	if err != nil {
		t.Fatal(err)
	}
	return m, registry
}

// busy puts a gate through what fills every metric that it can have.
func busy(m *Metrics, gate *v1alpha1.TrafficGate, n, gated int) {
	p := fleet(gate.Name, n, gated)
	p.Plan.CommonCause = "6 of 10"
	p.Plan.Domain = decide.Domain{Kind: v1alpha1.ReasonZoneSuspected, Name: "europe-west4-b"}
	for _, guard := range []decide.Reason{decide.HeldLimit, decide.HeldOneAtATime, decide.HeldOverride} {
		p.Held = append(p.Held, decide.Decision{Action: decide.Hold, Reason: guard})
	}
	p.OnTrial[p.Pods[gated].UID], p.Pods[gated].Memory.ReleasedAt = true, noon
	p.Pods[n-1].Override = v1alpha1.OverrideYes
	look := Look{At: noon, Took: time.Second, Lag: time.Second}
	for _, s := range p.Signals {
		look.Answers = append(look.Answers, Answer{Signal: s.Name, Took: time.Millisecond})
	}
	m.Look(gate, look)
	look.Answers[0].Failure = "Failed"
	m.Look(gate, look)
	m.Pass(gate, p)
	m.Ready(gate, v1alpha1.ReasonCommonCause, "nobody is gated: "+strings.Repeat("ü", 300), true)
	for _, d := range []decide.Decision{
		{Action: decide.Gate, Reason: decide.ReasonOutlier, Finding: decide.Finding{Signal: "errors"}, Memory: decide.Memory{Relapses: 1}},
		{Action: decide.Gate, Reason: decide.ReasonOutlier, Finding: decide.Finding{Signal: "latency"}},
		{Action: decide.Gate, Reason: decide.ReasonOutlier, Finding: decide.Finding{Signal: "saturation"}},
		{Action: decide.Release, Reason: decide.ReasonTrial}, {Action: decide.Release, Reason: decide.ReasonOverride},
		{Action: decide.Release, Reason: decide.ReasonLimitShrunk}, {Action: decide.HoldOut, Reason: decide.ReasonOverride},
		{Action: decide.Label, Reason: decide.ReasonNewPod}, {Action: decide.Note, Reason: decide.ReasonRecovered},
		{Action: decide.Hold, Reason: decide.HeldLimit, Finding: decide.Finding{Signal: "errors"}},
		{Action: decide.Hold, Reason: decide.HeldOneAtATime, Finding: decide.Finding{Signal: "errors"}},
		{Action: decide.Hold, Reason: decide.HeldOverride, Finding: decide.Finding{Signal: "errors"}},
	} {
		m.Decision(gate, d, false, "")
	}
	m.PodWrite(decide.Gate, WriteOK)
	m.PodWrite(decide.Gate, WriteFailed)
	m.Leading(true)
	m.StatusWrite(nil)
}

// TestMetricsAreNamedAsPrometheusAsks, every one of them: the table and what is
// exposed say the same.
func TestMetricsAreNamedAsPrometheusAsks(t *testing.T) {
	m, registry := registered(t)
	busy(m, gateNamed("shop", "checkout"), 10, 2)
	problems, err := testutil.GatherAndLint(registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	exposed := map[string]string{}
	for _, f := range families {
		labels := map[string]bool{}
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels[l.GetName()] = true
		}
		exposed[f.GetName()] = fmt.Sprint(strings.ToLower(f.GetType().String()), len(labels), f.GetHelp())
	}
	table := Table()
	for _, row := range table {
		if got, want := exposed[row.Name], fmt.Sprint(row.Type, len(row.Labels), row.Help); got != want {
			t.Errorf("%s is exposed as %q, the table says %q", row.Name, got, want)
		}
	}
	if len(exposed) != len(table) {
		t.Errorf("%d metrics are exposed, %d are in the table", len(exposed), len(table))
	}
}

// TestADeletedGateTakesItsSeriesAlong, and no other's.
func TestADeletedGateTakesItsSeriesAlong(t *testing.T) {
	m, registry := registered(t)
	busy(m, gateNamed("shop", "basket"), 10, 2)
	before := exposition(t, registry)
	busy(m, gateNamed("shop", "checkout"), 10, 2)
	m.Forget(keyOf(gateNamed("shop", "checkout")))
	after := exposition(t, registry)
	if strings.Contains(after, `gate="checkout"`) {
		t.Errorf("series of the deleted gate are left:\n%s", after)
	}
	if of := func(text string) int { return strings.Count(text, `gate="basket"`) }; of(after) != of(before) || of(before) == 0 {
		t.Errorf("the other gate had %d series and has %d", of(before), of(after))
	}
}

// TestTheExpositionStaysSmall: 500 gates of 100 pods, each with three signals and
// as much going on as can be.
func TestTheExpositionStaysSmall(t *testing.T) {
	m, registry := registered(t)
	for i := range 500 {
		busy(m, gateNamed(fmt.Sprintf("team-%03d", i/10), fmt.Sprintf("checkout-%03d", i)), 100, 20)
	}
	text := exposition(t, registry)
	series := 0
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") {
			series++
		}
	}
	t.Logf("500 gates × 100 pods, 20 gated in each: %d series, %.2f MB", series, float64(len(text))/1e6)
	if series >= 100_000 || len(text) >= 5_000_000 {
		t.Errorf("%d series and %d bytes: 100,000 and 5,000,000 are allowed", series, len(text))
	}
	if series < 500*50 {
		t.Errorf("only %d series: the gates were not busy", series)
	}
}

func exposition(t *testing.T, registry *prometheus.Registry) string {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&out, f); err != nil {
			t.Fatal(err)
		}
	}
	return out.String()
}

// TestWhatClientsSee holds what gating brings: the level of the pods that serve,
// beside what it would be with the gated ones, also looks later.
func TestWhatClientsSee(t *testing.T) {
	m, _ := registered(t)
	gate := gateNamed("shop", "checkout")
	p := fleet("checkout", 10, 1)
	value := func(pods string) float64 {
		return testutil.ToFloat64(m.clients.WithLabelValues("shop", "checkout", "errors", pods))
	}
	check := func(when string, serving, all float64) {
		t.Helper()
		if got := value("serving"); math.Abs(got-serving) > 1e-9 {
			t.Errorf("%s: clients see %g, want %g", when, got, serving)
		}
		if got := value("all"); math.Abs(got-all) > 1e-9 {
			t.Errorf("%s: with the gated pod it would be %g, want %g", when, got, all)
		}
	}
	m.Pass(gate, p)
	check("at the gating", 0.001, 0.034)

	p.LookedAt = noon.Add(time.Minute) // the gated pod has no traffic, and no level any more
	for k := range p.Signals {
		p.Signals[k].Result.Verdicts[0] = anomaly.Verdict{Pod: p.Pods[0].UID, Class: anomaly.Unknown, Level: math.NaN(), Evidence: 13.2, Bar: 13.2}
	}
	m.Pass(gate, p)
	check("a minute later", 0.001, 0.034)

	p.Pods[0].Traffic, p.Pods[0].Memory = v1alpha1.TrafficYes, decide.Memory{Gate: "checkout", ReleasedAt: noon.Add(time.Minute)}
	m.Pass(gate, p)
	check("when it is back", 0.001, 0.001)
}

// TestWhichPodsHaveSeries: those that are out come first, and there are never
// more than MaxPods.
func TestWhichPodsHaveSeries(t *testing.T) {
	for name, row := range map[string]struct {
		pods, gated     int
		dryRun          bool
		states, suspect int
		state           string
	}{
		"nobody is out":     {10, 0, false, 0, MaxSuspects, "gated"},
		"two are out":       {10, 2, false, 2, MaxSuspects, "gated"},
		"two would be":      {10, 2, true, 2, MaxSuspects, "wouldBeGated"},
		"more than fit in":  {100, 20, false, MaxPods, 0, "gated"},
		"one less than fit": {100, MaxPods - 1, false, MaxPods - 1, 1, "gated"},
	} {
		t.Run(name, func(t *testing.T) {
			m, registry := registered(t)
			p := fleet("checkout", row.pods, row.gated)
			p.DryRun = row.dryRun
			m.Pass(gateNamed("shop", "checkout"), p)
			if got := testutil.CollectAndCount(m.podSince); got != row.states {
				t.Errorf("%d pods have a state, want %d", got, row.states)
			}
			if got := testutil.CollectAndCount(m.evidence); got != row.states+row.suspect {
				t.Errorf("the evidence of %d pods is told, want %d", got, row.states+row.suspect)
			}
			want := fmt.Sprintf(`signal="errors",state=%q,why="errors: 33.1 %%`, row.state)
			if text := exposition(t, registry); row.gated > 0 && strings.Count(text, want) != row.states {
				t.Errorf("%s is not there %d times in\n%s", want, row.states, text)
			}
		})
	}
}

// TestAPersonKeepsABadPodInTraffic: it is told of as kept, not as on trial, and a
// healthy pod with the same label is not told of.
func TestAPersonKeepsABadPodInTraffic(t *testing.T) {
	m, registry := registered(t)
	p := fleet("checkout", 10, 0)
	bad, tried, healthy := &p.Pods[3], &p.Pods[4], &p.Pods[5]
	for _, pod := range []*decide.Pod{bad, tried, healthy} {
		pod.Override = v1alpha1.OverrideYes
	}
	p.Signals[0].Result.Verdicts[3].Evidence = 14
	p.OnTrial[tried.UID], tried.Memory.ReleasedAt = true, noon
	m.Pass(gateNamed("shop", "checkout"), p)
	text := exposition(t, registry)
	for pod, want := range map[*decide.Pod]string{
		bad:   `state="kept",why="a person's override says yes, though errors speaks against it"} 0`,
		tried: `state="kept",why="a person's override says yes"} 1.7723664e+09`,
	} {
		if want = `pod="` + pod.Name + `",signal="",` + want; !strings.Contains(text, want) {
			t.Errorf("%s is not in\n%s", want, text)
		}
	}
	if got := testutil.CollectAndCount(m.podSince); got != 2 {
		t.Errorf("%d pods have a state, want the bad one and the one that came back", got)
	}
}

// TestADryRunTakesNobodyOut: what it would have done uses up no limit, waits for
// nobody, relapses not, and is no relief for clients; the pods serve.
func TestADryRunTakesNobodyOut(t *testing.T) {
	m, registry := registered(t)
	gate := gateNamed("shop", "checkout")
	p := fleet("checkout", 10, 2)
	p.DryRun, p.Plan.Counts.Waiting = true, 1
	p.Held = []decide.Decision{{Action: decide.Hold, Reason: decide.HeldLimit}}
	p.OnTrial[p.Pods[4].UID], p.Pods[4].Memory.ReleasedAt = true, noon
	m.Pass(gate, p)
	m.Decision(gate, decide.Decision{Action: decide.Gate, Reason: decide.ReasonOutlier, Memory: decide.Memory{Relapses: 1}}, true, "")
	for what, g := range map[string]prometheus.Collector{
		"used": m.used.WithLabelValues("shop", "checkout"), "waiting": m.waiting.WithLabelValues("shop", "checkout"),
		"relapses":        m.relapses.WithLabelValues("shop", "checkout"),
		"held in earnest": m.held.WithLabelValues("shop", "checkout", "HeldLimit", "false"),
	} {
		if got := testutil.ToFloat64(g); got != 0 {
			t.Errorf("%s is %g", what, got)
		}
	}
	if got := testutil.ToFloat64(m.held.WithLabelValues("shop", "checkout", "HeldLimit", "true")); got != 1 {
		t.Errorf("%g are held in the dry run", got)
	}
	serving, all := m.clients.WithLabelValues("shop", "checkout", "errors", "serving"), m.clients.WithLabelValues("shop", "checkout", "errors", "all")
	if a, b := testutil.ToFloat64(serving), testutil.ToFloat64(all); a != b || a < 0.03 {
		t.Errorf("clients see %g, and had nobody been gated %g", a, b)
	}
	if text := exposition(t, registry); strings.Contains(text, `state="trial"`) {
		t.Errorf("a pod that was never out is on trial:\n%s", text)
	}
}

// TestAPodOnTrialSaysHowItCameBack.
func TestAPodOnTrialSaysHowItCameBack(t *testing.T) {
	m, registry := registered(t)
	p := fleet("checkout", 10, 0)
	p.OnTrial[p.Pods[4].UID] = true
	p.Pods[4].Memory = decide.Memory{Gate: "checkout", ReleasedAt: noon, ReleasedFor: decide.ReasonTrial, Relapses: 2}
	m.Pass(gateNamed("shop", "checkout"), p)
	if text, want := exposition(t, registry), `state="trial",why="back in traffic (Trial) and watched; trials that failed before: 2"`; !strings.Contains(text, want) {
		t.Errorf("%s is not in\n%s", want, text)
	}
}
