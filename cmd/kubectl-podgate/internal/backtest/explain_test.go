package backtest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

// TestWhyThereIsNoData: what is told is what the data shows, and of the right gate.
func TestWhyThereIsNoData(t *testing.T) {
	t.Chdir(t.TempDir())
	recorded(t, "recorded.om")
	put(t, "gate.yaml", policy)
	put(t, "narrow.yaml", strings.Replace(policy, "  signals:", "  interval: 10s\n  window: 10s\n  signals:", 1))
	put(t, "fixed.yaml", strings.ReplaceAll(policy, "[$__window]", "[12s]"))
	put(t, "elsewhere.yaml", strings.ReplaceAll(policy, `job="$service"`, `job="cart"`))
	const (
		narrow = "recorded.om has no data for the queries of narrow.yaml from 2026-03-01T00:00:00Z to 2026-03-01T06:00:00Z: spec.signals[errors].ratio.bad: " +
			"spec.window is 10s and the samples come every 15s, so it holds fewer than two scrapes and nothing increases in it: set spec.window to 1m, which is four scrapes\n" +
			"  spec.signals[errors].ratio.bad: sum by (pod) (increase(http_requests_total{namespace=\"shop\",job=\"checkout\",code=~\"5..\"}[10s]))\n"
		elsewhere = "are those of the data; the data begins at 2026-03-01T00:00:00Z and ends at 2026-03-01T06:00:00Z. What was asked:\n  spec.signals[errors].ratio.bad: sum by"
	)
	for args, want := range map[string]string{
		"-f narrow.yaml":                        narrow,
		"-f gate.yaml --compare narrow.yaml":    narrow,
		"-f fixed.yaml":                         "it looks back 12s and the samples come every 15s, so it holds fewer than two scrapes and nothing increases in it: make that 1m",
		"-f elsewhere.yaml":                     elsewhere,
		"-f gate.yaml --compare elsewhere.yaml": "recorded.om has no data for the queries of elsewhere.yaml ",
		"-f elsewhere.yaml --compare gate.yaml": "recorded.om has no data for the queries of elsewhere.yaml ",
		"-f elsewhere.yaml --from -1h":          "are those of the data, and --from; the data begins at",
		"-f gate.yaml --pods cart-.*":           `--pods "cart-.*" leaves none of the pods that there are, checkout-0, checkout-1, checkout-2, checkout-3, checkout-4 and 3 others: correct it`,
		"-f elsewhere.yaml --pods checkout-.*":  elsewhere,
	} {
		if out, err := cli(t, append([]string{"backtest", "--openmetrics", "recorded.om"}, strings.Fields(args)...)...); err == nil || out != "" || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q %v\nwant %s", args, out, err, want)
		}
	}
}

// TestLabelsThatAreNotThere: without the pods' names, it is told what there is instead.
func TestLabelsThatAreNotThere(t *testing.T) {
	t.Chdir(t.TempDir())
	recorded(t, "recorded.om")
	put(t, "instance.yaml", strings.Replace(policy, "  signals:", "  podLabel: instance\n  signals:", 1))
	put(t, "none.yaml", strings.ReplaceAll(policy, "sum by (pod) (", "sum ("))
	put(t, "twice.yaml", strings.ReplaceAll(policy, "sum by (pod) (", "sum by (pod, code) ("))
	for name, want := range map[string]string{
		"instance.yaml": `instance.yaml: spec.signals[errors].ratio.total: no series of the answer has the label "instance" (spec.podLabel), they have pod: keep it in the query, as in sum by (instance) (...), or make spec.podLabel the one`,
		"none.yaml":     `none.yaml: spec.signals[errors].ratio.total: no series of the answer has the label "pod" (spec.podLabel), they have none at all: keep it in the query`,
		"twice.yaml":    "twice.yaml: spec.signals[errors].ratio.total: the query answers with several series for pod checkout-",
	} {
		if _, err := cli(t, "backtest", "-f", name, "--openmetrics", "recorded.om"); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v\nwant %s", name, err, want)
		}
	}
}

// TestAServerThatCannot: what it says of a query is told with the gate's field.
func TestAServerThatCannot(t *testing.T) {
	t.Chdir(t.TempDir())
	put(t, "gate.yaml", policy)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = w.Write([]byte(`{"status":"error","errorType":"execution","error":"query processing would load too many samples into memory"}`))
	}))
	defer server.Close()
	want := "gate.yaml: spec.signals[errors].ratio.total: " + server.URL + " cannot answer the query: execution: query processing would load too many samples into memory: ask for a shorter range or a larger interval"
	if _, err := cli(t, "backtest", "-f", "gate.yaml", "--prometheus", server.URL); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v\nwant %s", err, want)
	}
}

// TestFewPods: a warning beside the output where --pods leaves too few.
func TestFewPods(t *testing.T) {
	t.Chdir(t.TempDir())
	recorded(t, "recorded.om")
	put(t, "gate.yaml", policy)
	for pods, want := range map[string]string{
		"checkout-[34]":  "warning: --pods \"checkout-[34]\" leaves checkout-3, checkout-4 of 8 pods: nobody can be gated of fewer than 3, so leave fewer pods out\n",
		"checkout-[345]": "",
	} {
		for _, command := range []string{"backtest", "suggest"} {
			out, beside, err := said(t, command, "-f", "gate.yaml", "--openmetrics", "recorded.om", "--pods", pods, "--from", "-30m")
			if err != nil || out == "" || beside != want {
				t.Errorf("%s --pods %s: %q %v, want %q", command, pods, beside, err, want)
			}
		}
	}
}

func TestVariablesAndOtherDollars(t *testing.T) {
	for text, want := range map[string]string{
		`x{code=~"^5..$"}`: "",
		`label_replace(x, "pod", "$1-${2}", "instance", "(.*)-(.*)")`:  "",
		`label_replace(x, "pod", "$name", "instance", "(?P<name>.*)")`: "",
		`x{job="$srvice"}`:                  "there is no variable $srvice: a query may use $namespace, $service and $__window",
		`x[$__rate_interval]`:               "there is no variable $__rate_interval",
		`x{a="${service}",b="$a",c="$a"}`:   "there is no variable ${service}, $a: ",
		`sum by (pod) (increas(x[5m]))`:     `1:15: parse error: unknown function with name "increas": correct it, and try it in Prometheus first`,
		`sum(x`:                             "parse error: unclosed left parenthesis",
		`x[5m]`:                             "it answers with a range vector where one number a pod is needed",
		`1`:                                 "it answers with a scalar where one number a pod is needed",
		`sort_by_label(x, "pod")`:           "", // a server may allow what is experimental
		`fill + smoothed + anchored + step`: "",
	} {
		err := checkQuery(text)
		if (err == nil) != (want == "") || (err != nil && !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// TestStretches: which part of the history flags mean.
func TestStretches(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv(envPrometheusURL, "")
	put(t, "some.om", "x 1 1772323200\nx 1 1772330400\n# EOF\n") // two hours
	now := time.Date(2026, 3, 8, 12, 0, 0, 0, time.UTC)
	for args, want := range map[string]string{
		"--openmetrics some.om":                         "2026-03-01T00:00:00Z 2026-03-01T02:00:00Z",
		"--openmetrics some.om --from -1h":              "2026-03-01T01:00:00Z 2026-03-01T02:00:00Z",
		"--openmetrics some.om --from -1h --to now-30m": "2026-03-01T01:00:00Z 2026-03-01T01:30:00Z",
		"--openmetrics some.om --to -30m":               "2026-03-01T00:00:00Z 2026-03-01T01:30:00Z",
		"--openmetrics some.om --from -7d":              "2026-02-22T02:00:00Z 2026-03-01T02:00:00Z",
		"--prometheus http://a":                         "2026-03-01T12:00:00Z 2026-03-08T12:00:00Z",
		"--prometheus http://a --to 2026-03-04":         "2026-02-25T00:00:00Z 2026-03-04T00:00:00Z",
		"--prometheus http://a --from -1h":              "2026-03-08T11:00:00Z 2026-03-08T12:00:00Z",
		"--prometheus http://a --to +1h":                "2026-03-01T12:00:00Z 2026-03-08T12:00:00Z",
		"--prometheus http://a --from 2026-03-09":       "--from 2026-03-09T00:00:00Z is not before the end, 2026-03-08T12:00:00Z: ask for an earlier --from",
		"--openmetrics some.om --to 2026-03-01":         "--to 2026-03-01T00:00:00Z is not after the beginning, 2026-03-01T00:00:00Z: ask for a later --to",
		"--openmetrics some.om --to 2026-02-28":         "--to 2026-02-28T00:00:00Z is before the data of some.om, which begins at 2026-03-01T00:00:00Z and ends at 2026-03-01T02:00:00Z",
		"--openmetrics some.om --from 2026-03-02":       "--from 2026-03-02T00:00:00Z is after the data of some.om, which begins at 2026-03-01T00:00:00Z and ends at 2026-03-01T02:00:00Z",
	} {
		h := &historyFlags{}
		flags := pflag.NewFlagSet("", pflag.ContinueOnError)
		h.bind(flags, 7*24*time.Hour)
		if err := flags.Parse(strings.Fields(args)); err != nil {
			t.Fatal(err)
		}
		got := ""
		out, err := h.open(t.Context(), now)
		if err != nil {
			got = err.Error()
		} else {
			got = clock(out.from) + " " + clock(out.to)
			_ = out.close()
		}
		if got != want {
			t.Errorf("%s: %s, want %s", args, got, want)
		}
	}
}
