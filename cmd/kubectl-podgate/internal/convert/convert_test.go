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

// TestGolden: every schema and every detector, as the golden files hold it. Text
// itself holds that the API server would take it.
func TestGolden(t *testing.T) {
	for _, name := range []string{"demo", "several"} {
		text, err := os.ReadFile(filepath.Join("testdata", name+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := convert.Text(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
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

// TestModes: what becomes of a pod, by the activator's mode.
func TestModes(t *testing.T) {
	for mode, want := range map[string]string{
		"mode: periodic, period: 15":                         "after: 30s|maxAfter: 30s|then: Retry",
		"period: 40":                                         "after: 40s|maxAfter: 40s|then: Retry",
		"mode: retryAndKill, period: 40":                     "after: 40s|maxAfter: 2m|retries: 3|then: Evict",
		"mode: retryAndPause, period: 60, maxRetryCount: 10": "after: 1m|maxAfter: 10m|retries: 10|then: Hold",
		"mode: retryAndKill, period: 40, maxRetryCount: 0":   "after: 40s|maxAfter: 40s|retries: 0|then: Evict",
	} {
		got, err := convert.Text([]byte(`{apiVersion: kubervisor.k8s.io/v1alpha1, kind: KubervisorService, metadata: {name: a}, spec: {service: a, defaultActivator: {` + mode +
			`}, breakers: [{name: b, continuousValueDeviation: {promQL: "rate(x[30s])", podNamekey: pod}}]}}`))
		if err != nil {
			t.Errorf("%s: %v", mode, err)
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

func TestWrongInput(t *testing.T) {
	of := func(spec string) string {
		return "{apiVersion: kubervisor.k8s.io/v1alpha1, kind: KubervisorService, metadata: {name: a}, spec: {" + spec + "}}"
	}
	for name, row := range map[string]struct{ text, want string }{
		"nothing":             {"", "there is nothing in it: it must hold a KubervisorService, as kubectl get"},
		"no YAML":             {"a: [", "it is not a Kubernetes object in YAML"},
		"something else":      {"apiVersion: v1\nkind: Service\n", "there is no KubervisorService (kubervisor.k8s.io) or BreakerConfig (breaker.kubervisor.io) in it, only: v1 Service"},
		"another's":           {"apiVersion: example.com/v1\nkind: KubervisorService\n", "only: example.com/v1 KubervisorService"},
		"no service":          {of("breakers: [{customService: a}]"), "KubervisorService a: spec.service is empty: name the Service in it"},
		"no breaker":          {of("service: a"), "it has no breaker: there is nothing to convert"},
		"no detector":         {of("service: a, breakers: [{name: b}]"), "breaker b has 0 detectors where it needs one of"},
		"two detectors":       {of("service: a, breakers: [{name: b, customService: a, continuousValueDeviation: {promQL: x}}]"), "breaker b has 2 detectors"},
		"good and bad values": {of("service: a, breakers: [{name: b, discreteValueOutOfList: {promQL: x, key: k, goodValues: [a], badValues: [b]}}]"), "breaker b: discreteValueOutOfList has exactly one of goodValues and badValues: correct it"},
		"no PromQL":           {of("service: a, breakers: [{name: b, continuousValueDeviation: {promQL: 'sum('}}]"), `breaker b: the promQL "sum(" cannot be parsed`},
		"too many breakers":   {of("service: a, breakers: [" + strings.Repeat("{customService: a},", 9) + "]"), "the API server would refuse this TrafficGate"},
	} {
		out, err := convert.Text([]byte(row.text))
		if err == nil || len(out) > 0 || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %s %v, want %s", name, out, err, row.want)
		}
	}
}

// FuzzText: whatever comes in, what comes out is a gate or an error.
func FuzzText(f *testing.F) {
	for _, name := range []string{"demo", "several"} {
		text, err := os.ReadFile(filepath.Join("testdata", name+".yaml"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if out, err := convert.Text(text); (len(out) == 0) == (err == nil) {
			t.Errorf("%s and %v", out, err)
		}
	})
}
