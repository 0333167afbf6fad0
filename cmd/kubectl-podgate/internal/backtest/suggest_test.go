package backtest

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/gatefile"
)

// recording is of a healthy fleet of which it is known what has to be tolerated.
type recording struct {
	// share of the requests that fail; one pod has factor times that.
	share, factor float64
	// rate of requests a second and pod.
	rate float64
	// scrape is how often the pods are scraped.
	scrape time.Duration
}

// record writes eight hours of eight pods of the fleet to a file.
func (f recording) record(t *testing.T, name string) {
	t.Helper()
	random := rand.New(rand.NewPCG(5, 6))
	begin := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).Unix()
	var ok, failed bytes.Buffer
	for i := range 8 {
		share, good, bad := f.share, 0.0, 0.0
		if i == 2 {
			share *= f.factor
		}
		for at := int64(0); at <= 8*3600; at += int64(f.scrape.Seconds()) {
			mean := f.rate * f.scrape.Seconds()
			bad += poisson(random, mean*share)
			good += poisson(random, mean*(1-share))
			labels := fmt.Sprintf(`namespace="shop",job="checkout",pod="checkout-%d"`, i)
			fmt.Fprintf(&ok, "http_requests_total{%s,code=\"200\"} %g %d\n", labels, good, begin+at)
			fmt.Fprintf(&failed, "http_requests_total{%s,code=\"500\"} %g %d\n", labels, bad, begin+at)
		}
	}
	put(t, name, "# TYPE http_requests counter\n"+ok.String()+failed.String()+"# EOF\n")
}

// poisson is a number of events, by the times between them.
func poisson(random *rand.Rand, mean float64) (n float64) {
	for at := random.ExpFloat64(); at < mean; at += random.ExpFloat64() {
		n++
	}
	return n
}

// TestSuggest: of a fleet whose pods differ in a known way, the floors that are
// proposed tolerate as much, and not much more; the window holds four scrapes and
// enough events.
func TestSuggest(t *testing.T) {
	for name, row := range map[string]struct {
		recording
		window time.Duration
		// tolerated are the least and the most share that the floors may tolerate.
		least, most float64
	}{
		"all pods alike":                 {recording{0.01, 1, 20, 15 * time.Second}, time.Minute, 0.012, 0.02},
		"one has one and a half as many": {recording{0.04, 1.5, 20, 15 * time.Second}, time.Minute, 0.06, 0.08},
		"one has twice as many":          {recording{0.04, 2, 20, 15 * time.Second}, time.Minute, 0.08, 0.11},
		"one has three times as many":    {recording{0.02, 3, 20, 15 * time.Second}, time.Minute, 0.06, 0.09},
		"they are scraped once a minute": {recording{0.01, 1, 20, time.Minute}, 4 * time.Minute, 0.012, 0.02},
		"they have few requests":         {recording{0.01, 1, 0.04, 15 * time.Second}, 3 * time.Minute, 0.012, 0.025},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			row.record(t, "history.om")
			put(t, "gate.yaml", policy)
			text, err := cli(t, "suggest", "-f", "gate.yaml", "--openmetrics", "history.om", "-o", "yaml")
			if err != nil {
				t.Fatal(err)
			}
			gate, err := gatefile.Parse([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			if got := gate.Spec.Window.Std(); got != row.window {
				t.Errorf("window %s, want %s", got, row.window)
			}
			if got := tolerated(gate, row.share); got < row.least || got > row.most {
				t.Errorf("tolerates %g, want %g to %g", got, row.least, row.most)
			}
			put(t, "proposed.yaml", text)
			after, err := cli(t, "backtest", "-f", "proposed.yaml", "--openmetrics", "history.om")
			if err != nil || !strings.Contains(after, "Would have gated nobody.") {
				t.Errorf("with what is proposed: %s %v", after, err)
			}
		})
	}
}

// tolerated is how many failures a pod may have where its peers have a share.
func tolerated(gate *v1alpha1.TrafficGate, share float64) float64 {
	o := gate.Spec.Signals[0].Outlier
	return math.Max(share*o.MinRatio.Or(math.NaN()), share+o.MinDifference.Or(math.NaN()))
}

// TestSuggestFromAnIllFleet: where no floors keep the pods clear it says so.
func TestSuggestFromAnIllFleet(t *testing.T) {
	t.Chdir(t.TempDir())
	recording{0.01, 40, 20, 15 * time.Second}.record(t, "history.om")
	put(t, "gate.yaml", policy)
	said, err := cli(t, "suggest", "-f", "gate.yaml", "--openmetrics", "history.om")
	if err != nil || !strings.Contains(said, "this is no healthy fleet") || !strings.Contains(said, "checkout-2 came to") {
		t.Errorf("%s %v", said, err)
	}
}

// TestSuggestOnlyWhatTheHistoryTells: where it tells nothing of a signal, or less than
// it takes, nothing is proposed, and the gate's own floors stay.
func TestSuggestOnlyWhatTheHistoryTells(t *testing.T) {
	t.Chdir(t.TempDir())
	recording{0.01, 1, 20, 15 * time.Second}.record(t, "history.om")
	memory := policy + `  - {name: memory, value: "sum by (pod) (container_memory_working_set_bytes)", outlier: {minRatio: "1.5"}}` + "\n"
	for name, row := range map[string]struct {
		gate, args, want, kept string
	}{
		"a signal without data": {memory, "", "- memory: no data in this history, so nothing is proposed", `minRatio: "1.5"`},
		"nothing is ever bad": {strings.Replace(policy, `code=~"5.."`, `code=~"6.."`, 1), "",
			"events was bad: the query ratio.bad is wrong, or this history does not say how far apart healthy pods are, so nothing is proposed", `minRatio: "2"`},
		"one pod":            {policy, "--pods checkout-1", "- errors: there were never 3 pods that could be judged at once: ", `minRatio: "2"`},
		"half an hour":       {policy, "--from 2026-03-01T07:30:00Z --to 2026-03-01T08:00:00Z", "- errors: 3 pods or more could be judged for ", `minRatio: "2"`},
		"a range of its own": {strings.ReplaceAll(policy, "[$__window]", "[5m]"), "", "- window: the queries look back 5m whatever it is", "window: 5m0s"},
	} {
		t.Run(name, func(t *testing.T) {
			put(t, "gate.yaml", row.gate)
			args := append([]string{"suggest", "-f", "gate.yaml", "--openmetrics", "history.om"}, strings.Fields(row.args)...)
			said, err := cli(t, args...)
			if err != nil || !strings.Contains(said, row.want) {
				t.Errorf("want %s\n%s %v", row.want, said, err)
			}
			if gate, err := cli(t, append(args, "-o", "yaml")...); err != nil || !strings.Contains(gate, row.kept) {
				t.Errorf("the gate has not %s: %s %v", row.kept, gate, err)
			}
		})
	}
}

// TestSuggestSaysWhy holds what people are told.
func TestSuggestSaysWhy(t *testing.T) {
	t.Chdir(t.TempDir())
	recording{0.04, 2, 5, time.Minute}.record(t, "history.om")
	put(t, "gate.yaml", policy)
	said, err := cli(t, "suggest", "-f", "gate.yaml", "--openmetrics", "history.om")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "suggest.txt", said)
}

func TestSuggestWrongInput(t *testing.T) {
	t.Chdir(t.TempDir())
	put(t, "gate.yaml", policy)
	put(t, "other.om", "x{pod=\"a\"} 1 1772323200\nx{pod=\"a\"} 1 1772330400\n# EOF\n")
	for args, want := range map[string]string{
		"":                                    "no gate: name the file with the TrafficGate",
		"-f gate.yaml":                        "no history: say where it is with --prometheus URL",
		"-f nowhere":                          "nowhere cannot be read: no such file or directory: name a file",
		"-f gate.yaml --openmetrics other.om": "other.om has no data for the queries of gate.yaml",
		"-f gate.yaml --openmetrics other.om -o json": `--output "json": must be one of text, yaml`,
	} {
		if out, err := cli(t, append([]string{"suggest"}, strings.Fields(args)...)...); err == nil || out != "" || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %q %v, want %s", args, out, err, want)
		}
	}
}
