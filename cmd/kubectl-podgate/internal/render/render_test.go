package render

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/enroll"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/overview"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/story"
	"github.com/podgate/podgate/controller/decide"
)

var update = flag.Bool("update", false, "write what is rendered to testdata")

var now = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)

func ago(d time.Duration) *metav1.Time { return &metav1.Time{Time: now.Add(-d)} }
func in(d time.Duration) metav1.Time   { return metav1.NewTime(now.Add(d)) }

const why = "errors: 33.3 % of 100 events were bad, peers 0.0936 % (356 times); evidence 13.2 of 13.2 nats"

// night is a gate at three in the morning: one pod gated, one that should be and
// may not, one that a person looks at, one that came back.
func night() overview.Gate {
	return overview.Gate{
		Namespace: "shop", Name: "checkout", Service: "checkout", Mode: v1alpha1.ModeEnforce, TrafficLabel: v1alpha1.LabelTraffic,
		Created: *ago(50 * time.Hour),
		Ready: overview.Condition{Type: "Ready", Status: "True", Reason: "LimitReached",
			Message: "checkout-b stays in traffic: 2 of 10 pods may be out; 1 gated, 1 held out by people, 0 not ready"},
		Conditions: []overview.Condition{
			{Type: "MetricsAvailable", Status: "True", Reason: "Answered", Message: "every query was answered"},
			{Type: "Enrolled", Status: "True", Reason: "Selected", Message: "the Service selects on the traffic label"},
		},
		Pods:  overview.Counts{Total: 10, Serving: 8, Trial: 1, Gated: 1, HeldOut: 1},
		Limit: overview.Limit{MaxGated: "20%", Allowed: 2, Out: 2},
		LastLook: &overview.Look{At: *ago(4 * time.Second), Signals: []v1alpha1.SignalEvaluation{
			{Name: "errors", Known: 8, Judged: 8, Level: "0.1 %"},
			{Name: "memory", Known: 8, Judged: 8, Unknown: 1, Missing: "not enough history"}}},
		Next: []overview.Due{{At: in(11 * time.Second), What: "next look"}, {At: in(70 * time.Second), What: "trial of checkout-a"},
			{At: in(2 * time.Hour), What: "override=no of checkout-c ends"}, {At: in(9 * time.Hour), What: "never shown"}},
		Fleet: []overview.Pod{
			{Name: "checkout-a", State: decide.Gated, Traffic: "no", Ready: true, Since: ago(252 * time.Second), Relapses: 1, Why: why,
				Next: "trial at 03:01:10 UTC", Node: "node-a", Revision: "66b"},
			{Name: "checkout-c", State: decide.HeldOut, Traffic: "no", Ready: true, Since: ago(time.Hour), Why: "a person's override says no: heap dump",
				Override: &overview.Override{Value: "no", Until: new(in(2 * time.Hour)), Reason: "heap dump"}},
			{Name: "checkout-b", State: decide.Serving, Remark: overview.LooksBad, Traffic: "yes", Ready: true, Since: ago(26 * time.Hour), Why: why,
				HeldBy: "HeldLimit", HeldWhy: "2 of 10 pods may be out; 1 gated, 1 held out by people, 0 not ready"},
			{Name: "checkout-d", State: decide.Serving, Remark: overview.Trial, Traffic: "yes", Ready: true, Since: ago(30 * time.Second), Relapses: 2},
			{Name: "checkout-e", State: decide.Serving, Traffic: "yes", Ready: true, Since: ago(26 * time.Hour)},
		},
	}
}

func stalled() overview.Gate {
	message := "there is no Service nowhere in namespace shop: create it, or correct serviceRef"
	return overview.Gate{Namespace: "shop", Name: "nowhere", Service: "nowhere", Mode: v1alpha1.ModeEnforce, Created: *ago(time.Minute),
		Ready:      overview.Condition{Type: "Ready", Status: "False", Reason: "ServiceNotFound", Message: message},
		Conditions: []overview.Condition{{Type: "Stalled", Status: "True", Reason: "ServiceNotFound", Message: message}}}
}

func dryRun() overview.Gate {
	return overview.Gate{Namespace: "shop", Name: "cart", Service: "cart", Mode: v1alpha1.ModeDryRun, Created: *ago(time.Hour),
		Ready: overview.Condition{Type: "Ready", Status: "True", Reason: "DryRun", Message: "decides and reports, and writes nothing"},
		Doubt: "the last look was 5m0s ago, and one is due every 15s: is the controller running? kubectl -n podgate-system get pods",
		Pods:  overview.Counts{Total: 4, Serving: 4, WouldBeGated: 1}, Limit: overview.Limit{MaxGated: "1", Allowed: 1, Out: 1},
		LastLook: &overview.Look{At: *ago(5 * time.Minute)},
		Fleet: []overview.Pod{
			{Name: "cart-a", State: decide.Serving, Remark: overview.WouldBeGated, Traffic: "yes", Ready: true, Since: ago(time.Minute), Why: why, Next: "trial at 03:01:10 UTC"},
			{Name: "cart-b", State: decide.HeldOut, Remark: overview.NotObeyed, Traffic: "yes", Ready: true,
				Why: "a person's override says no", Override: &overview.Override{Value: "no", Unread: "tomorrow"}},
			{Name: "cart-c", State: decide.Unlabelled, Ready: true, Since: ago(time.Minute)},
			{Name: "cart-d", State: decide.NotReady, Since: ago(time.Minute)},
		}}
}

// gated is the story of a gated pod, as the cluster knows it.
func gated() story.Story {
	g := night()
	pod := g.Fleet[0]
	g.Fleet = nil
	return story.Story{Gate: g, Pod: pod, WrittenBy: []string{"podgate"},
		Signals: []story.Signal{
			{Name: "errors", Rule: "outlier: at least 2 times and 0.01 above its peers", Fleet: "the fleet is at 0.1 %, 8 of 8 pods known",
				Queries: []story.Query{{What: "share", PromQL: "((bad) or (total) * 0) / (total)"}, {What: "total", PromQL: "total"}}},
			{Name: "memory", Rule: "threshold: above 1e9", Queries: []story.Query{{What: "value", PromQL: "memory"}}},
		},
		Guards: []story.Guard{
			{Guard: "HeldOverride", Asks: "no person keeps it in traffic"},
			{Guard: "HeldLimit", Asks: "one more pod may be out", Holds: "2 of 10 pods may be out; 1 gated, 1 held out by people, 0 not ready"},
			{Guard: "HeldHeadroom", Asks: "the others can carry its load", Unknown: "needs the metrics: ask with --prometheus URL"},
		},
		Past: []story.Event{
			{At: *ago(30 * time.Minute), Reason: "HeldBack", Note: "HeldLimit: " + why + "; held back: 2 of 10 pods may be out", Count: 3},
			{At: *ago(252 * time.Second), Reason: "Gated", Note: "Outlier: " + why},
		}}
}

// asked is the same with Prometheus' answers.
func asked() story.Story {
	s := gated()
	s.Prometheus, s.AskedAt, s.Would = "http://localhost:9090", ago(3*time.Second), "leave it as it is"
	s.Signals[0].Numbers = &story.Numbers{Pod: "33.3 % of 100 events", Median: "0.0936 %", Peers: 8, Class: "outlier", Evidence: 13.2, Bar: 13.2, Unit: "nats",
		Peak: &story.Peak{At: *ago(252 * time.Second), Evidence: 13.2, Bar: 13.2}}
	s.Signals[1].Numbers = &story.Numbers{Pod: "none", Median: "none", Class: "unknown", Unit: "looks", Sentence: "unknown: no data"}
	s.Past = nil
	return s
}

// named is the story of a pod that serves although an external detector names it.
func named() story.Story {
	s := gated()
	s.Pod = night().Fleet[2]
	s.Signals = []story.Signal{{Name: "detector", Rule: "external detector: named by https://detector.shop.svc:8443/bad in two looks in a row",
		Fleet: "1 named, 8 of 8 pods known; ignored: not of the fleet: podgate-system/podgate-0"}}
	return s
}

func steps() []enroll.Step {
	return []enroll.Step{
		{Do: enroll.LabelPods, Text: "label 4 pods podgate.dev/traffic=yes; that restarts nothing", Commands: []string{"kubectl -n shop label pod -l 'app=web,!podgate.dev/traffic' podgate.dev/traffic=yes"}},
		{Do: enroll.AwaitLabels, Text: "wait until every pod carries the label and rollouts are over; label those that still come without"},
	}
}

func TestGolden(t *testing.T) {
	for name, show := range map[string]func(Page){
		"list": func(p Page) { p.List([]overview.Gate{night(), dryRun(), stalled()}, ListOptions{}) },
		"list-wide": func(p Page) {
			p.List([]overview.Gate{night(), dryRun(), stalled()}, ListOptions{Wide: true, Namespaces: true})
		},
		"list-colours": func(p Page) {
			p.Colours = true
			p.List([]overview.Gate{night(), dryRun(), stalled()}, ListOptions{NoHeadings: true})
		},
		"status":                  func(p Page) { p.Status(night(), false) },
		"status-wide-on-terminal": func(p Page) { p.Colours, p.Width = true, 80; p.Status(night(), true) },
		"status-dry-run":          func(p Page) { p.Status(dryRun(), false) },
		"status-stalled":          func(p Page) { p.Status(stalled(), false) },
		"explain":                 func(p Page) { p.Explain(gated()) },
		"explain-asked":           func(p Page) { p.Explain(asked()) },
		"explain-external":        func(p Page) { p.Explain(named()) },
		"plan": func(p Page) {
			p.Findings([]enroll.Finding{{Level: enroll.OK, Text: "no workload selects its pods by it"},
				{Level: enroll.Warn, Text: "Argo CD manages Service web", Lines: []string{"spec:", "  selector:"}}, {Level: enroll.Refuse, Text: "no"}})
			p.Plan(steps())
		},
		"done": func(p Page) {
			p.Done(Done{Subject: "pod/checkout-a", What: "is held out of traffic, until it is cleared", Took: 234 * time.Millisecond,
				ByHand: []string{"kubectl label", "kubectl annotate"}, Undo: "kubectl podgate clear checkout-a", Notes: []string{"3 of 10 pods are out"}})
			p.Done(Done{Subject: "pod/checkout-b", What: "is held out of traffic", DryRun: "server"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			show(Page{Writer: &out, Now: now})
			file := filepath.Join("testdata", name+".txt")
			if *update {
				if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if out.String() != string(want) {
				t.Errorf("go test -update writes what is rendered now:\n%s", out.String())
			}
		})
	}
}

// TestColoursChangeNothingElse: without its codes, what a terminal gets is what a
// file gets.
func TestColoursChangeNothingElse(t *testing.T) {
	var plain, coloured bytes.Buffer
	Page{Writer: &plain, Now: now}.Status(night(), true)
	Page{Writer: &coloured, Now: now, Colours: true}.Status(night(), true)
	text := coloured.String()
	if !strings.Contains(text, "\x1b[31m") {
		t.Error("no colours")
	}
	for strings.Contains(text, "\x1b[") {
		i := strings.Index(text, "\x1b[")
		text = text[:i] + text[i+strings.Index(text[i:], "m")+1:]
	}
	// Where the coloured cell is the last one in its row nothing is padded.
	if text != plain.String() {
		t.Errorf("got\n%s\nwant\n%s", text, plain.String())
	}
}

func TestWrap(t *testing.T) {
	for name, row := range map[string]struct {
		text  string
		width int
		want  []string
	}{
		"short":                     {"a b", 30, []string{"a b"}},
		"no width":                  {strings.Repeat("word ", 20), 0, []string{strings.Repeat("word ", 20)}},
		"too little room for sense": {strings.Repeat("word ", 20), 10, []string{strings.Repeat("word ", 20)}},
		"between words":             {"one two three four five six", 20, []string{"one two three four", "five six"}},
		"a word is never broken":    {"a " + strings.Repeat("x", 40) + " b", 20, []string{"a", strings.Repeat("x", 40), "b"}},
		"letters count, not bytes":  {"äöü äöü äöü äöü äöü äöü äöü", 20, []string{"äöü äöü äöü äöü äöü", "äöü äöü"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := wrap(row.text, row.width); strings.Join(got, "|") != strings.Join(row.want, "|") {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

func TestTimes(t *testing.T) {
	p := Page{Now: now}
	for got, want := range map[string]string{
		p.ago(nil):                   "-",
		p.ago(ago(90 * time.Second)): "90s",
		p.since(ago(time.Hour)):      "for 60m, since 02:00:00 UTC",
		p.since(ago(4 * time.Hour)):  "for 4h, since 2026-02-28 23:00:00 UTC",
		p.due(in(time.Minute)):       "03:01:00 UTC (in 60s)",
		p.due(in(-time.Minute)):      "02:59:00 UTC (now)",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
