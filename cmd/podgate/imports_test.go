package main

import (
	"bufio"
	"bytes"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const (
	module = "github.com/podgate/podgate/"
	// plugin is where the parts of the kubectl plugin are.
	plugin = "cmd/kubectl-podgate/internal/"
)

// mayImport is the direction of imports: each package of the product may import
// the packages named here and those outside that its rule allows. A package
// that is missing here is refused, so that its place is thought about.
var mayImport = map[string]struct {
	ours    []string
	outside func(pkg string) bool
}{
	"api/v1alpha1":         {nil, oneOf("k8s.io/apimachinery/")},
	"anomaly":              {nil, oneOf("gonum.org/v1/gonum/")},
	"controller/decide":    {[]string{"anomaly", "api/v1alpha1"}, oneOf()},
	"controller/source":    {[]string{"controller/tracing"}, oneOf("github.com/prometheus/", "go.opentelemetry.io/otel/attribute")},
	"controller/fleet":     {[]string{"api/v1alpha1", "controller/decide"}, oneOf("k8s.io/api/", "k8s.io/apimachinery/", "sigs.k8s.io/structured-merge-diff/")},
	"controller/measure":   {[]string{"anomaly", "api/v1alpha1", "controller/decide", "controller/source"}, oneOf("k8s.io/apimachinery/")},
	"controller/telemetry": {[]string{"anomaly", "api/v1alpha1", "controller/decide"}, oneOf("github.com/prometheus/client_golang/", "k8s.io/apimachinery/")},
	"controller/tracing":   {nil, oneOf("go.opentelemetry.io/")},
	"controller":           {[]string{"anomaly", "api/v1alpha1", "controller/decide", "controller/fleet", "controller/measure", "controller/source", "controller/telemetry", "controller/tracing"}, anything},
	"config/crd":           {nil, oneOf()},
	plugin + "gatefile":    {[]string{"api/v1alpha1", "config/crd"}, oneOf("k8s.io/", "sigs.k8s.io/yaml")},
	plugin + "prometheus":  {[]string{"controller/source"}, oneOf("github.com/prometheus/")},
	plugin + "offline":     {nil, oneOf("github.com/prometheus/")},
	plugin + "replay":      {[]string{"api/v1alpha1", "controller/decide", "controller/measure", "controller/source"}, oneOf()},
	plugin + "report":      {[]string{"anomaly", "api/v1alpha1", plugin + "replay", "controller/decide", "controller/source"}, oneOf()},
	plugin + "convert":     {[]string{plugin + "gatefile"}, oneOf("github.com/prometheus/prometheus/", "k8s.io/apimachinery/", "sigs.k8s.io/yaml")},
	plugin + "page":        {[]string{"anomaly", "api/v1alpha1", plugin + "replay", plugin + "report", "controller/decide", "controller/source"}, oneOf()},
	plugin + "backtest": {[]string{"api/v1alpha1", plugin + "gatefile", plugin + "offline", plugin + "page", plugin + "prometheus", plugin + "replay", plugin + "report",
		plugin + "suggest", "controller/decide", "controller/fleet", "controller/measure", "controller/source"}, anything},
	plugin + "suggest":    {[]string{"anomaly", "api/v1alpha1", plugin + "replay", "controller/decide", "controller/measure", "controller/source"}, oneOf("github.com/prometheus/prometheus/promql/parser")},
	"config/grafana":      {nil, oneOf("sigs.k8s.io/yaml")},
	"config/krew":         {nil, oneOf()},
	plugin + "overview":   {[]string{"api/v1alpha1", "controller/decide", "controller/fleet", "controller/measure"}, anything},
	plugin + "story":      {[]string{"anomaly", "api/v1alpha1", plugin + "overview", "controller/decide", "controller/measure", "controller/source"}, anything},
	plugin + "enroll":     {[]string{"api/v1alpha1", plugin + "overview", "controller/fleet"}, anything},
	plugin + "render":     {[]string{"api/v1alpha1", plugin + "enroll", plugin + "overview", plugin + "story", "controller/decide"}, oneOf("k8s.io/apimachinery/")},
	plugin + "command":    {[]string{"api/v1alpha1", plugin + "backtest", plugin + "convert", plugin + "enroll", plugin + "gatefile", plugin + "overview", plugin + "prometheus", plugin + "render", plugin + "story", "controller/decide", "controller/fleet", "controller/source"}, anything},
	plugin + "docgen":     {[]string{plugin + "command"}, oneOf("github.com/spf13/cobra/doc", "k8s.io/cli-runtime/")},
	"cmd/kubectl-podgate": {[]string{plugin + "command"}, anything},
	"cmd/podgate":         {[]string{"api/v1alpha1", "controller", "controller/source", "controller/tracing"}, anything},
}

func oneOf(prefixes ...string) func(string) bool {
	return func(pkg string) bool {
		for _, p := range prefixes {
			if strings.HasPrefix(pkg, p) {
				return true
			}
		}
		return !strings.Contains(strings.SplitN(pkg, "/", 2)[0], ".") // the standard library
	}
}

func anything(string) bool { return true }

// TestImportsPointOneWay holds cmd → controller → decide → anomaly, and that
// statistics and decisions know of no client, clock or logger.
func TestImportsPointOneWay(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}}: {{join .Imports " "}}`, module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	seen := 0
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); seen++ {
		pkg, imports, _ := strings.Cut(lines.Text(), ": ")
		pkg = strings.TrimPrefix(pkg, module)
		rule, known := mayImport[pkg]
		if !known {
			t.Errorf("package %s has no rule: say in mayImport what it may import", pkg)
			continue
		}
		for _, imported := range strings.Fields(imports) {
			if ours, ok := strings.CutPrefix(imported, module); ok {
				if !slices.Contains(rule.ours, ours) {
					t.Errorf("%s may not import %s", pkg, ours)
				}
			} else if !rule.outside(imported) {
				t.Errorf("%s may not import %s", pkg, imported)
			}
		}
	}
	if seen < len(mayImport) {
		t.Errorf("go list names %d packages where %d are known", seen, len(mayImport))
	}
}

// TestDecisionsKnowNoClock: deciding takes the time as an argument.
func TestDecisionsKnowNoClock(t *testing.T) {
	for _, dir := range []string{"../../anomaly", "../../controller/decide"} {
		out, err := exec.Command("grep", "-rnE", `time\.(Now|Since|Until|After|Sleep|NewTimer|Tick)\(|rand\.(Int|Float)`, "--include=*.go", "--exclude=*_test.go", dir).CombinedOutput()
		if err == nil || len(bytes.TrimSpace(out)) > 0 {
			t.Errorf("a clock or chance in pure code:\n%s", out)
		}
	}
}

// TestTheControllerStaysSmall: what only the plugin needs is not linked into the
// controller.
func TestTheControllerStaysSmall(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", module+"cmd/podgate").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	deps := strings.Fields(string(out))
	if !slices.Contains(deps, module+"controller") {
		t.Fatal("the list does not name the controller")
	}
	for _, dep := range deps {
		for _, big := range []string{"github.com/prometheus/prometheus/", "github.com/aws/", "github.com/Azure/", "k8s.io/cli-runtime/", module + "cmd/kubectl-podgate"} {
			if strings.HasPrefix(dep, big) {
				t.Errorf("the controller imports %s", dep)
			}
		}
	}
}
