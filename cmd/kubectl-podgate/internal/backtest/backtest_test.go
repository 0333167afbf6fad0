package backtest

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// here is the directory of this package.
var here, _ = filepath.Abs(".")

var sampleGate = filepath.Join(here, "../../../../config/samples/gate.yaml")

var update = flag.Bool("update", false, "write the golden files anew")

// golden holds a text against a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	name = filepath.Join(here, "testdata", name)
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s:\n%s\nwant:\n%s", name, got, want)
	}
}

// cli runs a command of this package as the plugin does, and returns what it
// prints on its standard output.
func cli(t *testing.T, args ...string) (string, error) {
	t.Helper()
	out, _, err := said(t, args...)
	return out, err
}

// said is what a command prints on its standard output, and beside it.
func said(t *testing.T, args ...string) (string, string, error) {
	t.Helper()
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	t.Setenv(envPrometheusURL, "")
	streams, in, out, beside := genericiooptions.NewTestIOStreams()
	in.WriteString("")
	flags := genericclioptions.NewConfigFlags(true)
	root := &cobra.Command{SilenceUsage: true, SilenceErrors: true}
	flags.AddFlags(root.PersistentFlags())
	root.AddCommand(NewCommand(flags, streams), NewSuggestCommand(flags, streams))
	root.SetArgs(args)
	root.SetOut(&bytes.Buffer{})
	root.SetErr(&bytes.Buffer{})
	err := root.ExecuteContext(t.Context())
	return out.String(), beside.String(), err
}

// TestWrongInput: each answer says what to do, as testdata/wrong-input.txt holds.
func TestWrongInput(t *testing.T) {
	t.Chdir(t.TempDir())
	sample, err := os.ReadFile(sampleGate)
	if err != nil {
		t.Fatal(err)
	}
	put(t, "gate.yaml", string(sample))
	put(t, "some.om", "x{pod=\"a\",namespace=\"shop\"} 1 1772323200\nx{pod=\"a\",namespace=\"shop\"} 1 1772330400\n# EOF\n")
	put(t, "wrong.om", "x 1\n# EOF\n")
	put(t, "milliseconds.om", "x 1 1772323200000\n# EOF\n")
	put(t, "instant.om", "x 1 1772323200\n# EOF\n")
	put(t, "nameless.yaml", strings.Replace(policy, "name: checkout, namespace", "namespace", 1))
	put(t, "typo.yaml", strings.Replace(policy, "total: sum by (pod) (increase(", "total: sum by (pod) (increas(", 1))
	put(t, "variables.yaml", strings.Replace(strings.Replace(policy, "[$__window]", "[$__interval]", 1), `namespace="$namespace",job`, `namespace="${namespace}",cluster="$cluster",job`, 1))
	put(t, "range.yaml", policy+`  limits: {headroom: {query: 'cpu{namespace="$namespace"}[5m]', max: "0.8"}}`+"\n")
	put(t, "external.yaml", policy[:strings.Index(policy, "  - name: errors")]+"  - {name: detector, external: {url: \"http://detector.shop.svc/bad\"}}\n")
	put(t, "service.yaml", "apiVersion: v1\nkind: Service\n")
	put(t, "wrong.yaml", "apiVersion: podgate.dev/v1alpha1\nkind: TrafficGate\nmetadata: {name: x}\nspec: {serviceRef: {name: x}, interval: 1s, signals: []}\n")
	empty := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"status":"success","data":{"resultType":"matrix","result":[]}}`))
	}))
	defer empty.Close()
	rejects := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
	}))
	defer rejects.Close()
	down := httptest.NewServer(nil)
	down.Close()
	named := strings.NewReplacer(empty.URL, "http://empty:9090", rejects.URL, "http://forbidden:9090", down.URL, "http://down:9090")
	servers := strings.NewReplacer("http://empty:9090", empty.URL, "http://forbidden:9090", rejects.URL, "http://down:9090", down.URL)
	var told strings.Builder
	for _, args := range []string{
		"",
		"checkout -f gate.yaml",
		"-f /nowhere/gate.yaml",
		"-f service.yaml",
		"-f wrong.yaml",
		"checkout --prometheus http://empty:9090",
		"-f gate.yaml",
		"-f gate.yaml --compare service.yaml --openmetrics some.om",
		"-f gate.yaml --openmetrics a --tsdb b",
		"-f gate.yaml --openmetrics /nowhere",
		"-f gate.yaml --openmetrics wrong.om",
		"-f gate.yaml --tsdb /nowhere",
		"-f gate.yaml --openmetrics some.om",
		"-f gate.yaml --prometheus localhost:9090",
		"-f gate.yaml --prometheus http://localhost:9090 --prometheus-http-config /nowhere",
		"-f gate.yaml --prometheus http://localhost:9090 --prometheus-timeout 0s",
		"-f gate.yaml --prometheus http://down:9090",
		"-f gate.yaml --prometheus http://forbidden:9090",
		"-f gate.yaml --prometheus http://empty:9090 --from 2026-03-01 --to 2026-03-02",
		"-f gate.yaml --prometheus http://empty:9090 --from 2026-03-02 --to 2026-03-01",
		"-f gate.yaml --prometheus http://empty:9090 --from yesterday",
		"-f gate.yaml --prometheus http://empty:9090 --from 2026-03-01T00:00:01Z --to 2026-03-01T00:00:02Z",
		"-f gate.yaml --prometheus http://empty:9090 --pods (",
		"-f gate.yaml --openmetrics some.om -o yaml",
		"-f gate.yaml --openmetrics some.om --html /nowhere/page.html",
		"-f gate.yaml --openmetrics some.om --html some.om",
		"-f gate.yaml --openmetrics some.om --html -",
		"gate.yaml --openmetrics some.om",
		"-f nameless.yaml --openmetrics some.om",
		"-f gate.yaml -n other --openmetrics some.om",
		"-f typo.yaml --prometheus http://down:9090",
		"-f gate.yaml --compare variables.yaml --prometheus http://down:9090",
		"-f range.yaml --prometheus http://down:9090",
		"-f external.yaml --prometheus http://down:9090",
		"-f gate.yaml --compare external.yaml --openmetrics some.om",
		"-f gate.yaml --openmetrics some.om --prometheus http://down:9090",
		"-f gate.yaml --openmetrics some.om --prometheus-http-config login.yaml",
		"-f gate.yaml --openmetrics milliseconds.om",
		"-f gate.yaml --openmetrics instant.om",
		"-f gate.yaml --openmetrics some.om --from now",
		"-f gate.yaml --openmetrics some.om --to -2h",
		"-f gate.yaml --openmetrics some.om --to -3h",
		"-f gate.yaml --openmetrics some.om --from 2026-03-02",
		"-f gate.yaml --prometheus http://empty:9090 --to 2026-03-01",
	} {
		out, err := cli(t, append([]string{"backtest"}, strings.Fields(servers.Replace(args))...)...)
		if err == nil || out != "" {
			t.Errorf("%s: printed %q, error %v", args, out, err)
			continue
		}
		text := err.Error()
		if unknown := strings.Index(text, "dial tcp"); unknown >= 0 { // the system's own words
			end := strings.Index(text, "connection refused")
			text = text[:unknown] + text[max(end, unknown):]
		}
		wrong := ""
		if errors.As(err, &UsageError{}) {
			wrong = " (wrong usage)"
		}
		fmt.Fprintf(&told, "$ kubectl podgate backtest %s\nerror%s: %s\n\n", args, wrong, named.Replace(text))
	}
	golden(t, "wrong-input.txt", told.String())
}

// recorded writes six hours of eight pods to a file, 20 requests a second each. One
// of them fails a fifth of its requests for half an hour, and later all of them do.
func recorded(t *testing.T, name string) {
	t.Helper()
	const step = 15
	begin := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	random := rand.New(rand.NewPCG(1, 2))
	var ok, failed bytes.Buffer
	for i := range 8 {
		good, bad := 0, 0
		for at := 0; at <= 6*3600; at += step {
			share := 0.002
			if one := i == 3 && at >= 4*3600 && at < 4*3600+1800; one || (at >= 5*3600+1800 && at < 5*3600+2400) {
				share = 0.2
			}
			for range 20 * step {
				if random.Float64() < share {
					bad++
				} else {
					good++
				}
			}
			labels := fmt.Sprintf(`namespace="shop",job="checkout",pod="checkout-%d"`, i)
			fmt.Fprintf(&ok, "http_requests_total{%s,code=\"200\"} %d %d\n", labels, good, begin.Unix()+int64(at))
			fmt.Fprintf(&failed, "http_requests_total{%s,code=\"500\"} %d %d\n", labels, bad, begin.Unix()+int64(at))
		}
	}
	put(t, name, "# TYPE http_requests counter\n"+ok.String()+failed.String()+"# EOF\n")
}

// put writes a file, in the test's own directory.
func put(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// policy is the gate that the recorded pods are tried with.
const policy = `apiVersion: podgate.dev/v1alpha1
kind: TrafficGate
metadata: {name: checkout, namespace: shop}
spec:
  serviceRef: {name: checkout}
  signals:
  - name: errors
    ratio:
      bad: sum by (pod) (increase(http_requests_total{namespace="$namespace",job="$service",code=~"5.."}[$__window]))
      total: sum by (pod) (increase(http_requests_total{namespace="$namespace",job="$service"}[$__window]))
    outlier: {minDifference: "0.01", minRatio: "2"}
`

// TestOutputs: what is printed for the recorded pods, by Prometheus' own engine on
// the file, is what the golden files hold; and there is a page where one is asked
// for, and nothing else.
func TestOutputs(t *testing.T) {
	t.Chdir(t.TempDir())
	recorded(t, "recorded.om")
	put(t, "gate.yaml", policy)
	put(t, "later.yaml", strings.Replace(policy, "  signals:", "  recovery: {after: 10m, then: Retry}\n  signals:", 1))
	for name, args := range map[string][]string{
		"summary.txt":     {},
		"decisions.jsonl": {"-o", "json"},
		"compare.txt":     {"--compare", "later.yaml"},
		"compare.jsonl":   {"--compare", "later.yaml", "-o", "json", "--from", "2026-03-01T04:00:00Z", "--to", "2026-03-01T04:10:00Z"},
		"nobody.txt":      {"--to", "2026-03-01T03:59:00Z"},
	} {
		out, err := cli(t, append([]string{"backtest", "-f", "gate.yaml", "--openmetrics", "recorded.om"}, args...)...)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		golden(t, name, out)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "page.html")
	if _, err := cli(t, "backtest", "-f", "gate.yaml", "--openmetrics", "recorded.om", "--html", file); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil || !strings.HasPrefix(string(text), "<!DOCTYPE html>") || !strings.HasSuffix(string(text), "</html>\n") {
		t.Errorf("a page of %d bytes, %v", len(text), err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

// TestNothingIsLeftOfAPageThatFailed: what was in the file before is still there.
func TestNothingIsLeftOfAPageThatFailed(t *testing.T) {
	t.Chdir(t.TempDir())
	put(t, "page.html", "before")
	put(t, "other.om", "x{pod=\"a\"} 1 1772323200\nx{pod=\"a\"} 1 1772330400\n# EOF\n")
	if _, err := cli(t, "backtest", "-f", sampleGate, "--openmetrics", "other.om", "--html", "page.html"); err == nil {
		t.Error("no error")
	}
	text, err := os.ReadFile("page.html")
	if left, _ := os.ReadDir("."); err != nil || string(text) != "before" || len(left) != 2 {
		t.Errorf("%q %v, beside %v", text, err, left)
	}
}

func TestInstants(t *testing.T) {
	now := time.Date(2026, 3, 8, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"now":                       now,
		"-7d":                       now.Add(-7 * 24 * time.Hour),
		"now-90m":                   now.Add(-90 * time.Minute),
		"-1d12h":                    now.Add(-36 * time.Hour),
		"+1h":                       now.Add(time.Hour),
		"2026-03-01":                time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
		"2026-03-01 12:30":          time.Date(2026, 3, 1, 12, 30, 0, 0, time.UTC),
		"2026-03-01T12:30:05Z":      time.Date(2026, 3, 1, 12, 30, 5, 0, time.UTC),
		"2026-03-01T12:30:05+02:00": time.Date(2026, 3, 1, 10, 30, 5, 0, time.UTC),
		"1772323200":                time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
		"1772323200.5":              time.Date(2026, 3, 1, 0, 0, 0, 500e6, time.UTC),
	} {
		if got, err := instant("--from", text, now); err != nil || !got.Equal(want) {
			t.Errorf("%s: %s %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "7d", "-7", "-d", "tomorrow", "12:30", "7"} {
		if got, err := instant("--from", text, now); err == nil {
			t.Errorf("%q: %s, want an error", text, got)
		}
	}
}

func TestProgress(t *testing.T) {
	b := &bar{label: "backtest"}
	for done, want := range map[float64]string{
		0:   "backtest ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░   0 %",
		0.5: "backtest ███████████████░░░░░░░░░░░░░░░  50 %  30s left",
		2:   "backtest ██████████████████████████████ 100 %  0s left",
	} {
		if got := b.line(done, 30*time.Second); got != want {
			t.Errorf("%g: %q, want %q", done, got, want)
		}
	}
	var out bytes.Buffer
	quiet := newBar(&out, "x") // no terminal
	quiet.set(0.5)
	quiet.clear()
	if out.Len() > 0 {
		t.Errorf("drew %q where there is no terminal", out.String())
	}
}
