package convert_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/convert"
)

var update = flag.Bool("update", false, "write the golden files anew")

// goldens are the names in testdata.
var goldens = []string{"demo", "several", "older", "example"}

// TestGolden: every schema and every detector, as the golden files hold it. Text
// itself holds that the API server would take it.
func TestGolden(t *testing.T) {
	for _, name := range goldens {
		text, err := os.ReadFile(filepath.Join("testdata", name+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		got, wrong := convert.Text(text)
		if len(wrong) > 0 {
			t.Errorf("%s: %v", name, wrong)
		}
		golden := filepath.Join("testdata", name+".golden.yaml")
		if *update {
			if err := os.WriteFile(golden, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil || string(got) != string(want) {
			t.Errorf("%s: %v\n%s\nwant:\n%s", name, err, got, want)
		}
	}
}

// TestDocs: the page shows an example as it is.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../../../../docs/kubervisor.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"example.yaml", "example.golden.yaml"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(page), "\n```yaml\n"+string(text)+"```\n") {
			t.Errorf("docs/kubervisor.md does not show testdata/%s as it is", name)
		}
	}
}

// TestModes: what becomes of a pod, by the activator's mode.
func TestModes(t *testing.T) {
	for mode, want := range map[string]string{
		"mode: periodic, period: 15":                          "after: 30s|maxAfter: 30s|then: Retry",
		"period: 40":                                          "after: 40s|maxAfter: 40s|then: Retry",
		"mode: retryAndKill, period: 40":                      "after: 40s|maxAfter: 2m|retries: 3|then: Evict",
		"mode: retryAndPause, period: 60, maxRetryCount: 10":  "after: 1m|maxAfter: 10m|retries: 10|then: Hold",
		"mode: retryAndKill, period: 40, maxRetryCount: 0":    "after: 40s|maxAfter: 40s|retries: 0|then: Evict",
		"mode: retryAndKill, period: 1e9, maxRetryCount: 200": "after: 24h|maxAfter: 168h|retries: 100|then: Evict",
	} {
		got, wrong := convert.Text([]byte(`{apiVersion: kubervisor.k8s.io/v1alpha1, kind: KubervisorService, metadata: {name: a}, spec: {service: a, defaultActivator: {` + mode +
			`}, breakers: [{name: b, continuousValueDeviation: {promQL: "rate(x[30s])", podNamekey: pod}}]}}`))
		if len(wrong) > 0 {
			t.Errorf("%s: %v", mode, wrong)
		}
		_, recovery, _ := strings.Cut(string(got), "  recovery:\n")
		var lines []string
		for line := range strings.Lines(recovery) {
			if line = strings.TrimSpace(line); !strings.HasPrefix(line, "#") {
				lines = append(lines, line)
			}
		}
		if got := strings.Join(lines, "|"); got != want {
			t.Errorf("%s: %s, want %s", mode, got, want)
		}
	}
}

// FuzzText: whatever comes in, what comes out is a gate or an error.
func FuzzText(f *testing.F) {
	for _, name := range goldens {
		text, err := os.ReadFile(filepath.Join("testdata", name+".yaml"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if out, wrong := convert.Text(text); len(out) == 0 && len(wrong) == 0 {
			t.Error("neither a gate nor an error")
		}
	})
}
