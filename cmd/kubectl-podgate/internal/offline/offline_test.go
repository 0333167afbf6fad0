package offline_test

import (
	"compress/gzip"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/offline"
	"github.com/podgate/podgate/controller/source"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// recorded is a text of two pods that count up by 10 and by 20 every 15 seconds,
// for so many minutes.
func recorded(minutes int) string {
	var b strings.Builder
	b.WriteString("# TYPE requests counter\n")
	for i, pod := range []string{"a", "b"} {
		for k := range 4*minutes + 1 {
			fmt.Fprintf(&b, "requests_total{namespace=\"shop\",pod=%q} %d %d\n", pod, 10*(i+1)*k, noon.Unix()+int64(15*k))
		}
	}
	b.WriteString("# EOF\n")
	return b.String()
}

func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "recorded.om")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// asked is what a query answers at some minute.
func asked(t *testing.T, d *offline.Data, query string, minute int) map[string]float64 {
	t.Helper()
	at := noon.Add(time.Duration(minute) * time.Minute)
	m, err := source.From(d.API, time.Minute).History(t.Context(), []source.Question{{Value: query, PodLabel: "pod", Namespace: "shop"}}, at, at, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for pod, s := range m[0].Answers[0].ByPod {
		out[pod] = s.Value
	}
	return out
}

// TestAFileIsAskedLikeAServer: counters, windows and gaps are evaluated as
// Prometheus does, and nothing is left behind.
func TestAFileIsAskedLikeAServer(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	d, err := offline.OpenOpenMetrics(t.Context(), file(t, recorded(600)))
	if err != nil {
		t.Fatal(err)
	}
	if !d.From.Equal(noon) || !d.To.Equal(noon.Add(10*time.Hour)) {
		t.Errorf("from %s to %s", d.From, d.To)
	}
	for minute, want := range map[int]map[string]float64{-1: {}, 1: {"a": 40, "b": 80}, 599: {"a": 40, "b": 80}, 610: {}} {
		if got := asked(t, d, "sum by (pod) (increase(requests_total[1m]))", minute); !maps.Equal(got, want) {
			t.Errorf("minute %d: %v, want %v", minute, got, want)
		}
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestPackedFiles(t *testing.T) {
	name := filepath.Join(t.TempDir(), "recorded.om.gz")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	w := gzip.NewWriter(f)
	fmt.Fprint(w, recorded(5))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f.Close()
	d, err := offline.OpenOpenMetrics(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if got := asked(t, d, "requests_total", 5); !maps.Equal(got, map[string]float64{"a": 200, "b": 400}) {
		t.Errorf("answer %v", got)
	}
}

// TestADatabase: the directory that a file is loaded into is one that Prometheus
// could run on, and can be read as one.
func TestADatabase(t *testing.T) {
	dir := t.TempDir()
	if err := offline.Load(t.Context(), []byte(recorded(30)), dir); err != nil {
		t.Fatal(err)
	}
	before := entries(t, dir)
	d, err := offline.OpenTSDB(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := asked(t, d, "requests_total", 30); !maps.Equal(got, map[string]float64{"a": 1200, "b": 2400}) || !d.To.Equal(noon.Add(30*time.Minute)) {
		t.Errorf("answer %v, data until %s", got, d.To)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if after := entries(t, dir); !slices.Equal(before, after) {
		t.Errorf("the directory held %v, and %v after", before, after)
	}
}

func entries(t *testing.T, dir string) (out []string) {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		out = append(out, e.Name())
	}
	return out
}

func TestWrongQueries(t *testing.T) {
	d, err := offline.OpenOpenMetrics(t.Context(), file(t, recorded(5)))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for name, row := range map[string]struct{ query, want string }{
		"syntax":    {"sum(", "Prometheus rejects the query: bad_data: 1:5: parse error: unclosed left parenthesis"},
		"ambiguous": {`label_replace(requests_total, "pod", "x", "", "")`, "vector cannot contain metrics with the same labelset"},
		"no pod":    {"sum(requests_total)", `no series of the answer has a label "pod"`},
	} {
		_, err := source.From(d.API, time.Minute).History(t.Context(), []source.Question{{Value: row.query, PodLabel: "pod"}}, noon, noon.Add(time.Minute), time.Minute)
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %s", name, err, row.want)
		}
	}
}

func TestWrongFiles(t *testing.T) {
	empty := t.TempDir()
	for name, row := range map[string]struct {
		err  func() error
		want string
	}{
		"no such file":   {openMetrics("/nowhere/x.om"), "--openmetrics /nowhere/x.om: it cannot be read: no such file or directory: name a file in the OpenMetrics text format"},
		"a directory":    {openMetrics(empty), "it cannot be read: is a directory"},
		"nothing":        {openMetrics(file(t, "")), "line 1 is not in the OpenMetrics text format"},
		"no samples":     {openMetrics(file(t, "# TYPE x counter\n# EOF\n")), "there are no samples in it"},
		"no end":         {openMetrics(file(t, "x 1 1772323200\n")), "the last line must be # EOF"},
		"something else": {openMetrics(file(t, "<html>\n")), "line 1 is not in the OpenMetrics text format"},
		"a broken line": {openMetrics(file(t, "# HELP x Some\\nlines.\n# TYPE x counter\nx_total 1 1772323200 # {trace_id=\"a\"} 1\nx_created 1 1772323200\n{x_total=\n# EOF\n")),
			"line 5 is not in the OpenMetrics text format: "},
		"an empty line": {openMetrics(file(t, "x 1 1772323200\n\nx 1 1772323201\n# EOF\n")), "line 2 is not in the OpenMetrics text format"},
		"milliseconds": {openMetrics(file(t, "# TYPE x gauge\nx 1 1772323200000\n# EOF\n")),
			"line 2: sample x is of the year 58132: its timestamps look like milliseconds, and OpenMetrics has seconds: divide them by 1000"},
		"no timestamp":       {openMetrics(file(t, "x{pod=\"a\"} 1\n# EOF\n")), `line 1: sample x{pod="a"} has no timestamp: history needs one on every sample`},
		"back in time":       {openMetrics(file(t, "x 1 1772323200\nx 2 1772323100\n# EOF\n")), "line 2: sample x at 2026-02-28T23:58:20Z does not come after the one at 2026-03-01T00:00:00Z"},
		"twice":              {openMetrics(file(t, "x 1 1772323200\nx 2 1772323200\n# EOF\n")), "sample x at 2026-03-01T00:00:00Z does not come after the one at 2026-03-01T00:00:00Z"},
		"no such directory":  {tsdb("/nowhere"), "--tsdb /nowhere: stat /nowhere: no such file or directory: name a Prometheus data directory"},
		"a file":             {tsdb(file(t, "x")), "is no directory: name a Prometheus data directory"},
		"an empty directory": {tsdb(empty), "cannot be opened: there is no data in it: name a Prometheus data directory"},
	} {
		if err := row.err(); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %s", name, err, row.want)
		}
	}
}

func openMetrics(name string) func() error {
	return func() error { _, err := offline.OpenOpenMetrics(context.Background(), name); return err }
}

func tsdb(dir string) func() error {
	return func() error { _, err := offline.OpenTSDB(dir); return err }
}
