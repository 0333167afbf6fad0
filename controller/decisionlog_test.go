package controller

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"go.opentelemetry.io/otel/trace"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/podgate/podgate/anomaly"
	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
)

// passLogged is a pass with its log, line by line.
func (g *rig) passLogged() (lines []map[string]any) {
	g.t.Helper()
	var out bytes.Buffer
	ctx := ctrl.LoggerInto(g.t.Context(), zap.New(zap.WriteTo(&out), zap.UseDevMode(false)))
	if _, err := g.r.Reconcile(ctx, ctrl.Request{NamespacedName: types.NamespacedName{Namespace: "shop", Name: "web"}}); err != nil {
		g.t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		parsed := map[string]any{}
		if err := json.Unmarshal([]byte(line), &parsed); err != nil {
			g.t.Fatalf("not one line of JSON: %v: %s", err, line)
		}
		lines = append(lines, parsed)
	}
	return lines
}

// TestTheDecisionLogSaysWhatItTakesToReplay: which pod, why, on what numbers, and
// what to ask Prometheus as of when.
func TestTheDecisionLogSaysWhatItTakesToReplay(t *testing.T) {
	g := newRig(t, 10, nil, nil)
	g.clock.SetTime(noon)
	g.src.levels["web-3"] = 5
	specs := g.passLogged()
	if len(specs) != 1 || specs[0]["msg"] != msgSpec || specs[0]["generation"] != 1.0 || specs[0]["spec"].(map[string]any)["window"] != "1m0s" {
		t.Errorf("the first pass logs %v, want the spec of generation 1", specs)
	}
	<-g.r.wake
	decisions := g.passLogged()
	if len(decisions) != 1 {
		t.Fatalf("the gating logs %d lines: %v", len(decisions), decisions)
	}
	d := decisions[0]
	finding, queries, before, after := d["finding"].(map[string]any), d["queries"].(map[string]any), d["before"].(map[string]any), d["after"].(map[string]any)
	for what, got := range map[string][2]any{
		"msg": {d["msg"], msgDecision}, "gate": {d["gate"], "shop/web"}, "generation": {d["generation"], 1.0}, "dryRun": {d["dryRun"], false},
		"action": {d["action"], "Gate"}, "reason": {d["reason"], "Outlier"}, "pod": {d["pod"], "web-3"}, "podUID": {d["podUID"], "uid-3"},
		"finding.signal": {finding["signal"], "errors"}, "finding.level": {finding["level"], 5.0}, "queries.value": {queries["value"], "m"},
		"before.traffic": {before["traffic"], "yes"}, "before.state": {before["state"], "serving"}, "after.traffic": {after["traffic"], "no"},
		"after.gatedAt": {after["gatedAt"], "2026-03-01T12:00:00Z"},
	} {
		if got[0] != got[1] {
			t.Errorf("%s is %v, want %v", what, got[0], got[1])
		}
	}
	if again := g.passLogged(); len(again) != 0 {
		t.Errorf("a pass that decides nothing logs %v", again)
	}
}

// TestTheDecisionLogsKeysAreDocumented, and those that are documented are there.
func TestTheDecisionLogsKeysAreDocumented(t *testing.T) {
	on := decidedOn{gate: gateOf(
		v1alpha1.Signal{Name: "v", Value: new("v")}, v1alpha1.Signal{Name: "h", Histogram: new("h")}, v1alpha1.Signal{Name: "r", Ratio: &v1alpha1.RatioQuery{Bad: "b", Total: "t"}},
		v1alpha1.Signal{Name: "x", External: &v1alpha1.External{URL: "http://detector"}}),
		state: &gateState{lookedAt: noon}, world: &world{}, now: noon,
		trace: trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}, TraceFlags: trace.FlagsSampled})}
	memory := decide.Memory{GatedAt: noon, GatedUntil: noon, ReleasedAt: noon, ReleasedFor: decide.ReasonTrial}
	logged := map[string]bool{}
	for _, signal := range []string{"v", "h", "r", "x"} {
		pairs := on.line(decide.Decision{Action: decide.Gate, Before: decide.Pod{Override: "yes", Memory: memory}, Memory: memory,
			Finding: decide.Finding{Signal: signal, Verdict: anomaly.Verdict{Bound: 1}}})
		for i := 0; i < len(pairs); i += 2 {
			text, err := json.Marshal(pairs[i+1])
			if err != nil {
				t.Fatal(err)
			}
			inner := map[string]any{}
			if json.Unmarshal(text, &inner) != nil {
				logged[pairs[i].(string)] = true
			}
			for key := range inner {
				logged[pairs[i].(string)+"."+key] = true
			}
		}
	}
	page, err := os.ReadFile("../docs/decision-log.md")
	if err != nil {
		t.Fatal(err)
	}
	table, _, _ := strings.Cut(string(page), "| key of `msg: spec`")
	documented := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]*`) \\|").FindAllStringSubmatch(table, -1) {
		for _, key := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1) {
			documented[key[1]] = true
		}
	}
	for key := range logged {
		if !documented[key] {
			t.Errorf("docs/decision-log.md lacks %s", key)
		}
	}
	for key := range documented {
		if !logged[key] {
			t.Errorf("docs/decision-log.md has %s, which is not logged", key)
		}
	}
	if len(logged) < 40 {
		t.Errorf("only %d keys were logged", len(logged))
	}
}

// TestAHoldIsToldOnce: of a pod that is held back look after look there is one
// line and one event on the gate and on the pod.
func TestAHoldIsToldOnce(t *testing.T) {
	g := newRig(t, 10, nil, nil)
	g.clock.SetTime(noon)
	g.label("web-3", v1alpha1.LabelOverride, v1alpha1.OverrideYes)
	g.src.levels["web-3"] = 5
	told := 0
	for range 4 {
		_, _ = g.look()
		for {
			select {
			case e := <-g.events:
				if strings.Contains(e, "HeldBack") {
					told++
				}
				continue
			default:
			}
			break
		}
	}
	if told != 2 {
		t.Errorf("four looks told of the hold %d times, want twice: on the gate and on the pod", told)
	}
	families, _ := g.registry.Gather()
	i := slices.IndexFunc(families, func(f *dto.MetricFamily) bool { return f.GetName() == "podgate_decisions_total" })
	if i < 0 {
		t.Fatal("decisions are not counted")
	}
	for _, m := range families[i].GetMetric() {
		hold := m.GetLabel()[0].GetValue() == string(decide.Hold) // the first label is the action
		if want := map[bool]float64{true: 1}[hold]; m.GetCounter().GetValue() != want {
			t.Errorf("%s, want %g", m, want)
		}
	}
	if len(families[i].GetMetric()) != 5 {
		t.Errorf("%d decisions are told apart, want the hold and the four that begin at 0", len(families[i].GetMetric()))
	}
}
