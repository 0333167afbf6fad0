package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
	"sigs.k8s.io/yaml"

	"github.com/podgate/podgate/controller/telemetry"
)

// foreign are the metrics that are used and not Podgate's own.
var foreign = map[string]bool{"process_resident_memory_bytes": true}

// TestTheFilesAreWhatIsGenerated: the checked-in files are the golden ones.
func TestTheFilesAreWhatIsGenerated(t *testing.T) {
	rules, err := os.ReadFile("../prometheus/rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	files, err := generate(rules)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("..", name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("config/%s is out of date: run make generate (%v)", name, err)
		}
	}
}

// TestDashboardsKeepTheRules: what Grafana does not check and a person trips over.
func TestDashboardsKeepTheRules(t *testing.T) {
	for file, d := range dashboards() {
		ids, refs := map[int]string{}, 0
		taken := [400][24]string{}
		for _, p := range d.Panels {
			if before, twice := ids[p.ID]; twice {
				t.Errorf("%s: %q and %q have the id %d", file, before, p.Title, p.ID)
			}
			ids[p.ID] = p.Title
			for y := p.Grid.Y; y < p.Grid.Y+p.Grid.H; y++ {
				for x := p.Grid.X; x < p.Grid.X+p.Grid.W; x++ {
					if x >= 24 || taken[y][x] != "" {
						t.Fatalf("%s: %q does not fit at %v, %q is there", file, p.Title, p.Grid, taken[y][min(x, 23)])
					}
					taken[y][x] = p.Title
				}
			}
			if p.Type == "row" {
				continue
			}
			refs += len(p.Targets)
			if !slices.Contains([]string{"stat", "timeseries", "table", "bargauge", "state-timeline"}, p.Type) {
				t.Errorf("%s: %q is a %s, no plain core panel", file, p.Title, p.Type)
			}
			if p.Description == "" || p.FieldConfig.Defaults.Unit == "" || p.Datasource == nil || *p.Datasource != templated || len(p.Targets) == 0 {
				t.Errorf("%s: %q lacks a description, a unit, the templated data source or a query", file, p.Title)
			}
			for i, q := range p.Targets {
				if q.Datasource != templated || q.RefID != string(rune('A'+i)) || q.Instant == q.Range {
					t.Errorf("%s: %q, query %s: data source %v, instant %t, range %t", file, p.Title, q.RefID, q.Datasource, q.Instant, q.Range)
				}
				if strings.Contains(q.Expr, "podgate_") && !strings.Contains(q.Expr, chosen(file == "podgate-service.json")) && !ofAll(q.Expr) {
					t.Errorf("%s: %q does not select the chosen gates: %s", file, p.Title, q.Expr)
				}
				checkQuery(t, fmt.Sprintf("%s: %q", file, p.Title), q.Expr)
			}
		}
		if refs < 20 {
			t.Errorf("%s has %d queries only", file, refs)
		}
		for _, a := range d.Annotations.List {
			checkQuery(t, file+": annotation", a.(annotation).Target.Expr)
		}
		for _, v := range d.Templating.List {
			if query := v.(variable).Definition; query != "" {
				selector, _, _ := strings.Cut(strings.TrimPrefix(query, "label_values("), ", ")
				if i := strings.LastIndex(query, ", "); i > 0 {
					selector = strings.TrimPrefix(query[:i], "label_values(")
				}
				checkQuery(t, file+": variable "+v.(variable).Name, selector)
			}
		}
	}
}

// TestPanelsCanBeRead: what only shows once Grafana has drawn them.
func TestPanelsCanBeRead(t *testing.T) {
	filtered := regexp.MustCompile(`> 0\)?$`)
	for file, d := range dashboards() {
		for _, p := range d.Panels {
			if p.Type == "row" {
				continue
			}
			if p.Type == "state-timeline" && p.Options["mergeValues"] == true && p.FieldConfig.Defaults.Color["mode"] == "thresholds" {
				t.Errorf("%s: %q merges values by threshold: Grafana shows thresholds in place of the mappings then", file, p.Title)
			}
			mayBeEmpty := p.Type != "timeseries" || !slices.ContainsFunc(p.Targets, func(q target) bool { return !filtered.MatchString(q.Expr) })
			if mayBeEmpty && p.FieldConfig.Defaults.NoValue == "" {
				t.Errorf("%s: %q may be empty, and does not say what that means", file, p.Title)
			}
			if p.Type == "stat" && p.FieldConfig.Defaults.Thresholds["steps"].([]any)[0].(map[string]any)["color"] == "green" {
				t.Errorf("%s: %q is green when there is nothing to say", file, p.Title)
			}
		}
	}
}

// ofAll reports whether a query is about metrics that are of no gate.
func ofAll(expr string) bool {
	for _, m := range telemetry.Table() {
		if slices.Contains(m.Labels, "gate") && regexp.MustCompile(`\b`+m.Name+`\b`).MatchString(expr) {
			return false
		}
	}
	return true
}

// filled is a query as Grafana sends it.
func filled(expr string) string {
	return strings.NewReplacer("$__rate_interval", "1m", "$namespace", "shop", "$gate", "checkout", "$pod", ".*", "$signal", "errors").Replace(expr)
}

// checkQuery parses a query, and holds each selector against the metrics' table:
// the metric is there, and has the labels that it is selected by.
func checkQuery(t *testing.T, where, expr string) {
	t.Helper()
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(filled(expr))
	if err != nil {
		t.Errorf("%s: %v: %s", where, err, expr)
		return
	}
	for _, window := range regexp.MustCompile(`\[([^\]]+)\]`).FindAllStringSubmatch(expr, -1) {
		if long, err := model.ParseDuration(window[1]); window[1] != "$__rate_interval" && (err != nil || time.Duration(long) < time.Hour) {
			t.Errorf("%s: the window %s is neither $__rate_interval nor hours", where, window[1])
		}
	}
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		if s, ok := node.(*parser.VectorSelector); ok {
			checkSelector(t, where, s)
		}
		return nil
	})
}

func checkSelector(t *testing.T, where string, s *parser.VectorSelector) {
	t.Helper()
	name := ""
	for _, m := range s.LabelMatchers {
		if m.Name == model.MetricNameLabel {
			name = m.Value
		}
	}
	known := []string{model.MetricNameLabel, "job", "instance", "pod"}
	if !foreign[name] && !recorded[name] {
		i := slices.IndexFunc(telemetry.Table(), func(m telemetry.Metric) bool {
			return m.Name == name || m.Type == "histogram" && m.Name+"_bucket" == name
		})
		if i < 0 {
			t.Errorf("%s: there is no metric %s", where, name)
			return
		}
		known = append(known, telemetry.Table()[i].Labels...)
	}
	for _, m := range s.LabelMatchers {
		if !slices.Contains(known, m.Name) {
			t.Errorf("%s: %s has no label %s", where, name, m.Name)
		}
	}
}

// recorded are the names that the recording rules make.
var recorded = map[string]bool{}

type ruleFile struct {
	Groups []struct {
		Rules []struct {
			Record, Alert, Expr string
			Labels, Annotations map[string]string
		}
	}
}

// TestAlertsKeepTheRules: each has a severity, a runbook that is there, a test,
// and speaks of metrics that are there.
func TestAlertsKeepTheRules(t *testing.T) {
	text, err := os.ReadFile("../prometheus/rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	tests, err := os.ReadFile("../prometheus/rules_test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file ruleFile
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	pages := map[string]bool{}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			recorded[r.Record] = true
		}
	}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			for _, selector := range regexp.MustCompile(`podgate_[a-z_]+\{[^}]*\}`).FindAllString(r.Expr, -1) {
				if !strings.Contains(selector, `{job="podgate"`) {
					t.Errorf("%s%s: %s does not select the job", r.Record, r.Alert, selector)
				}
			}
			expr := regexp.MustCompile(`\[(2m|5m|15m)\]`).ReplaceAllString(r.Expr, "[1h]") // a rule knows no $__rate_interval
			checkQuery(t, r.Record+r.Alert, expr)
			if r.Alert == "" {
				continue
			}
			pages[r.Alert+".md"] = true
			page := "../../docs/runbooks/" + r.Alert + ".md"
			if _, err := os.Stat(page); err != nil || r.Annotations["runbook_url"] != runbooks+r.Alert+".md" {
				t.Errorf("%s: its runbook %s: %v", r.Alert, r.Annotations["runbook_url"], err)
			}
			if r.Labels["severity"] == "" || r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
				t.Errorf("%s lacks a severity, a summary or a description", r.Alert)
			}
			if !strings.Contains(string(tests), "alertname: "+r.Alert) {
				t.Errorf("%s has no test in rules_test.yaml", r.Alert)
			}
		}
	}
	found, err := filepath.Glob("../../docs/runbooks/Podgate*.md")
	if err != nil || len(found) != len(pages) {
		t.Errorf("%d runbooks for %d alerts: %v", len(found), len(pages), err)
	}
}
