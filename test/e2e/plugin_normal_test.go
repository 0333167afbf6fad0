package e2e

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// normal takes out of what the plugin prints what is another each time: names of
// pods, times, ages, and numbers that are measured.
func normal(text string) string {
	for _, r := range varying {
		text = r.what.ReplaceAllString(text, r.by)
	}
	pods := map[string]string{}
	text = podName.ReplaceAllStringFunc(text, func(name string) string {
		if pods[name] == "" {
			pods[name] = fmt.Sprintf("pod-%d", len(pods)+1)
		}
		return pods[name]
	})
	var out []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "  waiting: ") || strings.Contains(line, "DryRunLabelled") {
			continue // how far a rollout is when somebody looks, and who labels first, is chance
		}
		indented := len(line) - len(strings.TrimLeft(line, " "))
		out = append(out, line[:indented]+strings.TrimRight(spaces.ReplaceAllString(line[indented:], "  "), " "))
	}
	return strings.Join(out, "")
}

var (
	podName = regexp.MustCompile(`\bapp-[0-9a-z]{6,10}-[0-9a-z]{5}\b`)
	spaces  = regexp.MustCompile(` {2,}`)
	varying = []struct {
		what *regexp.Regexp
		by   string
	}{
		{regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:]+Z`), "TIME"},
		{regexp.MustCompile(`(\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d UTC`), "TIME"},
		{regexp.MustCompile(`errors: [^:]* events were bad, .* nats`), "errors: EVIDENCE"},
		{regexp.MustCompile(`[0-9.]+ of [0-9.]+ nats`), "N of N nats"},
		{regexp.MustCompile(`this pod .*`), "this pod NUMBER beside its peers'"},
		{regexp.MustCompile(`the fleet is at [0-9.]+ %`), "the fleet is at N %"},
		{regexp.MustCompile(`\d of \d pods known`), "N of N pods known"},
		{regexp.MustCompile(`([ (])(\d+[dhm])*\d+(\.\d+)?(ms|[dhms])\b`), "${1}AGE"},
		{regexp.MustCompile(`\(now\)`), "(in AGE)"},
	}
)

func TestNormal(t *testing.T) {
	for text, want := range map[string]string{
		"app-66b7665c5d-qn57g  gated for 4m12s, since 17:50:33 UTC, 1 relapse\n":                                 "pod-1  gated for AGE, since TIME, 1 relapse\n",
		"app-7f988f98cb-aaaaa      serving  2d2h\napp-7f988f98cb-bbbbb serving 94s\napp-7f988f98cb-aaaaa\n":      "pod-1  serving  AGE\npod-2 serving AGE\npod-1\n",
		"  why   errors: 32.1 % of 93 events were bad, peers 0.0923 % (348 times); evidence 15.0 of 13.2 nats\n": "  why  errors: EVIDENCE\n",
		"  took     100ms until it had its effect\n":                                                             "  took  AGE until it had its effect\n",
		"until 2026-11-23T17:53:14Z (in 120m)":                                                                   "until TIME (in AGE)",
		"    waiting\n  waiting: 2 of 4\n":                                                                       "    waiting\n",
		"increase(x[10s])":                                                                                       "increase(x[10s])",
		"5 of 5 may be out (limits.maxGated 20%)":                                                                "5 of 5 may be out (limits.maxGated 20%)",
	} {
		if got := normal(text); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}

// syncBuffer is written by one goroutine while another reads it.
type syncBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
