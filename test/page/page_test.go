package page

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/podgate/podgate/test/browser"
	"github.com/podgate/podgate/test/cluster/build"
)

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
  - name: latency
    histogram: sum by (pod, le) (increase(http_request_duration_seconds_bucket{namespace="$namespace",job="$service"}[$__window]))
    outlier: {minDifference: "0.005", minRatio: "1.4"}
  - name: memory
    value: sum by (pod) (container_memory_working_set_bytes{namespace="$namespace"})
    outlier: {minRatio: "1.5"}
`

// The recorded fleet: at what part of the time who is bad, how.
const (
	pods     = 12
	hours    = 8
	failing  = 3
	slow     = 7
	everyone = 0.85
)

// record writes eight hours of twelve pods to a file. One of them fails a tenth of
// its requests for a while, one becomes three times as slow, and later all of them
// fail at once.
func record(t *testing.T, name string) {
	t.Helper()
	const step = 15
	begin := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).Unix()
	random := rand.New(rand.NewPCG(1, 2))
	bounds := []float64{0.025, 0.05, 0.1, 0.25, 0.5, 1}
	var requests, durations, memory bytes.Buffer
	for i := range pods {
		labels := fmt.Sprintf(`namespace="shop",job="checkout",pod="checkout-66b7665c5d-%s"`, string([]byte{"bcdfghjklmnp"[i], 'x', '2', 'q', 'w'}))
		var good, bad, series strings.Builder
		buckets := make([]strings.Builder, len(bounds)+1)
		var ok, failed int
		counts := make([]int, len(bounds)+1)
		for at := 0; at <= hours*3600; at += step {
			part := float64(at) / (hours * 3600)
			share, median := 0.002, 0.06
			switch {
			case part > everyone && part < everyone+0.02:
				share = 0.1
			case i == failing && part > 0.4 && part < 0.46:
				share = 0.1
			case i == slow && part > 0.6 && part < 0.65:
				median = 0.18
			}
			for range int(8 * step * (1 + 0.4*math.Sin(6*part))) {
				took := median * math.Exp(0.7*random.NormFloat64())
				for k, bound := range append(bounds, math.Inf(1)) {
					if took <= bound {
						counts[k]++
					}
				}
				if random.Float64() < share {
					failed++
				} else {
					ok++
				}
			}
			when := begin + int64(at)
			fmt.Fprintf(&good, "http_requests_total{%s,code=\"200\"} %d %d\n", labels, ok, when)
			fmt.Fprintf(&bad, "http_requests_total{%s,code=\"500\"} %d %d\n", labels, failed, when)
			for k, n := range counts {
				le := "+Inf"
				if k < len(bounds) {
					le = fmt.Sprint(bounds[k])
				}
				fmt.Fprintf(&buckets[k], "http_request_duration_seconds_bucket{%s,le=%q} %d %d\n", labels, le, n, when)
			}
			fmt.Fprintf(&series, "container_memory_working_set_bytes{%s} %.0f %d\n", labels, 2e8*(1+0.05*math.Sin(9*part+float64(i))+0.01*random.NormFloat64()), when)
		}
		requests.WriteString(good.String() + bad.String())
		for k := range buckets {
			durations.WriteString(buckets[k].String())
		}
		memory.WriteString(series.String())
	}
	put(t, name, "# TYPE http_requests counter\n"+requests.String()+"# TYPE http_request_duration_seconds histogram\n"+durations.String()+
		"# TYPE container_memory_working_set_bytes gauge\n"+memory.String()+"# EOF\n")
}

func put(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// pages makes the page of one policy and the page of two.
func pages(t *testing.T) (one, two string) {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	plugin, err := build.Program(t.Context(), root, "./cmd/kubectl-podgate")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	record(t, filepath.Join(dir, "recorded.om"))
	put(t, filepath.Join(dir, "gate.yaml"), policy)
	put(t, filepath.Join(dir, "patient.yaml"), strings.Replace(policy, "  signals:", "  recovery: {after: 10m, then: Retry}\n  signals:", 1))
	for _, args := range [][]string{{"--html", "one.html"}, {"--html", "two.html", "--compare", "patient.yaml"}} {
		cmd := exec.CommandContext(t.Context(), plugin, append([]string{"backtest", "-f", "gate.yaml", "--openmetrics", "recorded.om"}, args...)...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	return filepath.Join(dir, "one.html"), filepath.Join(dir, "two.html")
}

// TestPage opens the page of a backtest. go test -artifacts keeps screenshots.
func TestPage(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a browser")
	}
	one, two := pages(t)
	b := open(t)
	for name, file := range map[string]string{"one policy": one, "two policies": two} {
		t.Run(name, func(t *testing.T) {
			do(t, b, chromedp.Navigate("file://"+file), chromedp.WaitVisible(chromedp.CSS("footer")))
			plots(t, b)
			interaction(t, b)
			quiet(t, b, file)
			shot := result(t, b, chromedp.FullScreenshot(100))
			put(t, filepath.Join(t.ArtifactDir(), strings.ReplaceAll(name, " ", "-")+".png"), string(shot))
		})
	}
}

// quiet holds that the page asked for nothing but itself, and that nothing went
// wrong in it.
func quiet(t *testing.T, b *browser.Browser, file string) {
	t.Helper()
	complaints, fetched := b.Heard()
	if len(complaints) > 0 {
		t.Errorf("the browser complains: %q", complaints)
	}
	for _, url := range fetched {
		if !strings.HasPrefix(url, "file://") && !strings.HasPrefix(url, "data:") {
			t.Errorf("the page asks for %s", url)
		}
	}
	if !slices.Contains(fetched, "file://"+file) {
		t.Errorf("requests are not seen: %q", fetched)
	}
	if n := evaluate[int](t, b, `performance.getEntriesByType('resource').filter((r) => !r.name.startsWith('data:')).length`); n > 0 {
		t.Errorf("%d resources", n)
	}
}

// plots holds that everything is drawn that there is to draw, with some extent on
// the screen.
func plots(t *testing.T, b *browser.Browser) {
	t.Helper()
	policies := evaluate[int](t, b, `document.querySelectorAll('article').length`)
	for what, row := range map[string]struct {
		selector string
		least    int
	}{
		"plots of the signals and of how many are out": {"figure.plot:not(.small) svg", 4 * policies},
		"gatings, look by look":                        {"figure.small svg", 2 * policies},
		"medians":                                      {"path.middle", 5 * policies},
		"bands":                                        {"path.band", 5 * policies},
		"pods":                                         {"path.pod", 2 * policies},
		"times out of traffic":                         {"rect.span", 2 * policies},
		"lanes":                                        {"rect.out", 2 * policies},
		"evidence":                                     {"rect.evidence", 2 * policies},
		"limits":                                       {"path.limit", policies},
		"numbers out":                                  {"path.count", policies},
		"common causes":                                {"rect.cause", policies},
		"labels":                                       {"text.tick", 40 * policies},
	} {
		n := evaluate[int](t, b, `[...document.querySelectorAll('`+row.selector+`')].filter((e) => { const r = e.getBoundingClientRect(); return r.width >= 1 || r.height >= 1 }).length`)
		if n < row.least {
			t.Errorf("%s: %d are drawn, want at least %d", what, n, row.least)
		}
	}
	if n := evaluate[int](t, b, `[...document.querySelectorAll('svg *')].filter((e) => [...e.attributes].some((a) => /NaN|Inf|undefined/.test(a.value))).length`); n > 0 {
		t.Errorf("%d parts of drawings have no place", n)
	}
	if wide := evaluate[bool](t, b, `document.documentElement.scrollWidth > innerWidth`); wide {
		t.Error("the page is wider than its window")
	}
	coloured(t, b)
}

// coloured holds that the pod that failed shows in its own colour on the screen.
func coloured(t *testing.T, b *browser.Browser) {
	t.Helper()
	colour := evaluate[[]int](t, b, `getComputedStyle(document.querySelector('path.pod.p0')).stroke.match(/\d+/g).map(Number)`)
	shot := result(t, b, chromedp.Screenshot(chromedp.CSS("figure.plot:has(path.pod.p0) svg"), chromedp.NodeVisible))
	picture, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		t.Fatal(err)
	}
	if n := count(picture, colour); n < 300 {
		t.Errorf("%d pixels of the pod's colour %v in a plot of %v", n, colour, picture.Bounds())
	}
}

// count is how many pixels have a colour, by and large: edges are smoothed.
func count(picture image.Image, colour []int) (n int) {
	for y := picture.Bounds().Min.Y; y < picture.Bounds().Max.Y; y++ {
		for x := picture.Bounds().Min.X; x < picture.Bounds().Max.X; x++ {
			r, g, b, _ := picture.At(x, y).RGBA()
			far := 0
			for i, c := range []uint32{r, g, b} {
				far = max(far, int(math.Abs(float64(int(c>>8)-colour[i]))))
			}
			if far < 40 {
				n++
			}
		}
	}
	return n
}

// interaction holds what the page's few lines of JavaScript do.
func interaction(t *testing.T, b *browser.Browser) {
	t.Helper()
	at := evaluate[[]float64](t, b, `(() => { const e = document.querySelector('figure.plot:has(path.pod.p0) svg'); e.scrollIntoView({behavior: 'instant', block: 'center'});
		const r = e.getBoundingClientRect(); return [r.left + r.width / 2, r.top + r.height / 2] })()`)
	do(t, b, chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, at[0], at[1]))
	tip := evaluate[string](t, b, `document.getElementById('tip').hidden ? '' : document.getElementById('tip').innerText`)
	if !strings.Contains(tip, "peers, median") || !strings.Contains(tip, "UTC") || !strings.Contains(tip, "checkout-66b7665c5d-") {
		t.Errorf("under the pointer: %q", tip)
	}
	do(t, b, chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, 2, 2))
	if hidden := evaluate[bool](t, b, `document.getElementById('tip').hidden`); !hidden {
		t.Error("what is under the pointer stays when it leaves")
	}
	const shown = `[...document.querySelector('.decisions').querySelectorAll('tbody tr')].filter((r) => !r.hidden).length`
	all := evaluate[int](t, b, shown)
	do(t, b, chromedp.SendKeys(chromedp.CSS(".filter input"), "Gate latency"))
	some := evaluate[int](t, b, shown)
	if some == 0 || some >= all {
		t.Errorf("%d of %d decisions stay when they are filtered", some, all)
	}
	do(t, b, chromedp.SendKeys(chromedp.CSS(".filter input"), strings.Repeat(kb.Backspace, len("Gate latency"))))
	do(t, b, chromedp.Click(chromedp.CSS(".chip")))
	if n := evaluate[int](t, b, `document.querySelectorAll('figure.picked .pod.on').length`); n != 1 {
		t.Errorf("%d lines stand out after one pod was picked", n)
	}
	do(t, b, chromedp.Click(chromedp.CSS(".chip")))
	before := evaluate[string](t, b, `getComputedStyle(document.body).backgroundColor`)
	do(t, b, chromedp.Click(chromedp.CSS("#theme")))
	if after := evaluate[string](t, b, `getComputedStyle(document.body).backgroundColor`); after == before {
		t.Errorf("light and dark are both %s", after)
	}
	do(t, b, chromedp.Click(chromedp.CSS("#theme")))
}
