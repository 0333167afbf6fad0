package alerts

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-jsonnet"
	"sigs.k8s.io/yaml"
)

// mixin evaluates the mixin with a configuration, as those do who use it.
func mixin(t *testing.T, config string) (out struct {
	Alerts, Rules struct{ Groups []any }
	Dashboards    map[string]any
}) {
	t.Helper()
	vm := jsonnet.MakeVM()
	text, err := vm.EvaluateAnonymousSnippet("test.jsonnet", fmt.Sprintf(
		`local m = (import '../../config/grafana/mixin/mixin.libsonnet') + { _config+:: %s };
		{ Alerts: m.prometheusAlerts, Rules: m.prometheusRules, Dashboards: m.grafanaDashboards }`, config))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestTheMixinSaysWhatTheFilesSay, unless it is configured otherwise.
func TestTheMixinSaysWhatTheFilesSay(t *testing.T) {
	m := mixin(t, "{}")
	read := func(name string) (v any) {
		t.Helper()
		text, err := os.ReadFile("../../config/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(text, &v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, name := range []string{"podgate-overview.json", "podgate-service.json"} {
		if !reflect.DeepEqual(m.Dashboards[name], read("grafana/"+name)) {
			t.Errorf("the mixin's %s differs from the file", name)
		}
	}
	if got, want := append(m.Rules.Groups, m.Alerts.Groups...), read("prometheus/rules.yaml").(map[string]any)["groups"].([]any); !reflect.DeepEqual(got, want) || len(want) != 2 {
		t.Errorf("the mixin's rules differ from the file's")
	}
}

// TestTheMixinTakesOtherLabels: selectors, tags and the place of the runbooks.
// What selects gates in a dashboard's JSON, and that with the selector of the test.
var (
	ofNamespace = regexp.MustCompile(`namespace=~?\\"\$namespace\\"`)
	ofOurs      = regexp.MustCompile(`cluster=\\"eu\\",` + ofNamespace.String())
)

func TestTheMixinTakesOtherLabels(t *testing.T) {
	m := mixin(t, `{ podgateSelector: 'job="kube/podgate",cluster="eu"', dashboardSelector: 'cluster="eu"', dashboardTags: ['ours'], runbookURL: 'https://wiki/' }`)
	rules, err := json.Marshal([]any{m.Alerts, m.Rules})
	if err != nil {
		t.Fatal(err)
	}
	for text, there := range map[string]bool{`job=\"podgate\"`: false, `job=\"kube/podgate\",cluster=\"eu\"`: true, "github.com": false, "https://wiki/PodgateDown.md": true} {
		if strings.Contains(string(rules), text) != there {
			t.Errorf("rules with %s: %t, want %t", text, !there, there)
		}
	}
	for name, d := range m.Dashboards {
		text, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		all := len(ofNamespace.FindAllString(string(text), -1))
		if ours := len(ofOurs.FindAllString(string(text), -1)); ours != all || all < 10 {
			t.Errorf("%s: %d of %d selectors are ours", name, ours, all)
		}
		if tags := d.(map[string]any)["tags"]; !reflect.DeepEqual(tags, []any{"ours"}) {
			t.Errorf("%s has the tags %v", name, tags)
		}
	}
}
