package render

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/podgate/podgate/test/browser"
)

// dashboard has a panel of each kind, one of a type that nobody knows, and one
// whose query is wrong.
const dashboard = `{"title": "Test", "links": [], "annotations": {"list": [{"name": "m", "enable": true, "iconColor": "red", "titleFormat": "{{pod}}", "useValueForTime": true,
  "target": {"expr": "since", "interval": "15s"}}]},
 "templating": {"list": [{"name": "pod", "label": "Pod", "type": "query", "query": {"query": "label_values(up, pod)"}, "multi": true, "includeAll": true}]},
 "panels": [
  {"id": 1, "type": "stat", "title": "A stat", "gridPos": {"x": 0, "y": 0, "w": 12, "h": 4}, "targets": [{"refId": "A", "expr": "one", "instant": true}],
   "options": {"colorMode": "background", "graphMode": "none", "textMode": "auto", "reduceOptions": {"calcs": ["lastNotNull"]}},
   "fieldConfig": {"defaults": {"unit": "percentunit"}, "overrides": []}},
  {"id": 2, "type": "bargauge", "title": "Bars", "gridPos": {"x": 12, "y": 0, "w": 12, "h": 4}, "targets": [{"refId": "A", "expr": "two", "legendFormat": "bar of {{pod}}", "instant": true}],
   "options": {"orientation": "horizontal", "displayMode": "basic", "reduceOptions": {"calcs": ["lastNotNull"]}}, "fieldConfig": {"defaults": {}, "overrides": []}},
  {"id": 3, "type": "table", "title": "Rows", "gridPos": {"x": 0, "y": 4, "w": 12, "h": 6}, "targets": [{"refId": "A", "expr": "two", "format": "table", "instant": true}],
   "options": {"showHeader": true}, "transformations": [{"id": "organize", "options": {"excludeByName": {"Time": true}, "renameByName": {"pod": "who"}}}],
   "fieldConfig": {"defaults": {}, "overrides": [{"matcher": {"id": "byName", "options": "who"},
     "properties": [{"id": "mappings", "value": [{"type": "value", "options": {"web-1": {"text": "the first", "index": 0}}}]}]}]}},
  {"id": 4, "type": "timeseries", "title": "Graph of $pod", "repeat": "pod", "maxPerRow": 2, "gridPos": {"x": 0, "y": 10, "w": 24, "h": 6},
   "targets": [{"refId": "A", "expr": "two{pod=\"$pod\"}", "legendFormat": "{{pod}}", "range": true}],
   "options": {"legend": {"displayMode": "list", "placement": "bottom", "showLegend": true}}, "fieldConfig": {"defaults": {"unit": "s"}, "overrides": []}},
  {"id": 5, "type": "state-timeline", "title": "States", "gridPos": {"x": 12, "y": 4, "w": 12, "h": 6}, "targets": [{"refId": "A", "expr": "two", "legendFormat": "{{pod}}", "range": true}],
   "options": {"mergeValues": true, "rowHeight": 0.8, "showValue": "auto"}, "fieldConfig": {"defaults": {"color": {"mode": "fixed"}}, "overrides": []}},
  {"id": 6, "type": "timeseries", "title": "Nothing", "gridPos": {"x": 0, "y": 16, "w": 8, "h": 6}, "targets": [{"refId": "A", "expr": "nothing", "range": true}],
   "options": {}, "fieldConfig": {"defaults": {"noValue": "nothing is well"}, "overrides": []}},
  {"id": 7, "type": "heatmap", "title": "Unknown", "gridPos": {"x": 8, "y": 16, "w": 8, "h": 6}, "targets": [], "fieldConfig": {"defaults": {}, "overrides": []}},
  {"id": 8, "type": "timeseries", "title": "Wrong", "gridPos": {"x": 16, "y": 16, "w": 8, "h": 6}, "targets": [{"refId": "A", "expr": "wrong(", "range": true}],
   "options": {}, "fieldConfig": {"defaults": {}, "overrides": []}}]}`

var end = time.Unix(1_700_000_000, 0)

// prometheus answers as one would: two pods with a value each.
func prometheus(t *testing.T) string {
	t.Helper()
	series := func(r *http.Request, pods ...string) string {
		var all []string
		for i, pod := range pods {
			answer := fmt.Sprintf(`"value": [%d, "%d.25"]`, end.Unix(), i)
			if r.URL.Path == "/api/v1/query_range" {
				answer = fmt.Sprintf(`"values": [[%d, "NaN"], [%d, "%d.25"], [%d, "%d.25"]]`, end.Unix()-45, end.Unix()-30, i, end.Unix()-15, i)
			}
			all = append(all, fmt.Sprintf(`{"metric": {"pod": %q}, %s}`, pod, answer))
		}
		return `{"result": [` + strings.Join(all, ",") + `]}`
	}
	answer := func(w http.ResponseWriter, r *http.Request) {
		data := ""
		switch r.FormValue("query") {
		case "wrong(":
			http.Error(w, `{"status": "error", "error": "no such query"}`, http.StatusBadRequest)
			return
		case "one", "since", `two{pod="web-1"}`:
			data = series(r, "web-1")
		case "two":
			data = series(r, "web-1", "web-2")
		case `two{pod="web-2"}`:
			data = series(r, "web-2")
		default:
			data = series(r)
		}
		fmt.Fprintf(w, `{"status": "success", "data": %s}`, data)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/api/v1/query", answer)
	mux.HandleFunc("/api/v1/query_range", answer)
	mux.HandleFunc("/api/v1/label/pod/values", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"status": "success", "data": ["web-1", "web-2"]}`)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// TestAPictureSaysWhatIsInIt: what a panel shows, and why another one could not be
// drawn. go test -artifacts keeps the picture.
func TestAPictureSaysWhatIsInIt(t *testing.T) {
	if testing.Short() {
		t.Skip("fetches Grafana's packages from npm, and needs a browser: not with -short")
	}
	p, err := Dashboard(t.Context(), Options{JSON: []byte(dashboard), PrometheusURL: prometheus(t), From: end.Add(-time.Minute), To: end, Log: t.Output()})
	if errors.Is(err, ErrNoNPM) || errors.Is(err, browser.ErrNone) {
		t.Skip("NO DASHBOARD WAS DRAWN: " + err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(t.ArtifactDir(), "test.png"), p.PNG, 0o600); err != nil {
		t.Fatal(err)
	}
	if len(p.PNG) < 10_000 || len(p.Foreign) > 0 {
		t.Errorf("%d bytes; the page asks for %q", len(p.PNG), p.Foreign)
	}
	if len(p.Complaints) != 1 || !strings.Contains(p.Complaints[0], "400") {
		t.Errorf("the browser complains %q, want: of the wrong query only", p.Complaints)
	}
	drawn := map[string]Panel{}
	for _, panel := range p.Panels {
		drawn[panel.Title] = panel
	}
	for title, want := range map[string]Panel{
		"A stat":         {Rows: 1, Text: "25%"},
		"Bars":           {Rows: 2, Text: "bar of web-2"},
		"Rows":           {Rows: 2, Text: "who\nValue\nthe first"},
		"Graph of web-1": {Rows: 2, Text: "web-1", Ink: 500},
		"Graph of web-2": {Rows: 2, Text: "web-2", Ink: 500},
		"States":         {Rows: 4, Text: "web-1: 0.250\nweb-2: 1.25", Ink: 5000},
		"Nothing":        {Text: "nothing is well"},
		"Unknown":        {Error: "no panel of the type heatmap is known"},
		"Wrong":          {Error: "no such query"},
	} {
		got, there := drawn[title]
		if !there || got.Rows != want.Rows || !strings.Contains(got.Text, want.Text) || got.Ink < want.Ink || !strings.Contains(got.Error, want.Error) || (want.Error == "") != (got.Error == "") {
			t.Errorf("%s: %+v, want %+v", title, got, want)
		}
	}
	if len(drawn) != 9 {
		t.Errorf("%d panels", len(drawn))
	}
}
