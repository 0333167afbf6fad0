package page

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/podgate/podgate/anomaly"
	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/source"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestTimesOfAnAxisAreRound(t *testing.T) {
	for length, want := range map[time.Duration]string{
		4 * time.Second:    "12:00:00 12:00:01 12:00:02 12:00:03 12:00:04",
		time.Hour:          "12:00 12:15 12:30 12:45 13:00",
		16 * time.Hour:     "12:00 18:00 Mar 2",
		7 * 24 * time.Hour: "Mar 2 Mar 4 Mar 6 Mar 8",
	} {
		var got []string
		for _, tick := range (timeScale{noon, noon.Add(length), 0, 100}).ticks(4) {
			got = append(got, tick.label)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", length, got, want)
		}
	}
}

func TestNumbersOfAnAxisAreRound(t *testing.T) {
	for want, of := range map[string]struct {
		to float64
		u  unit
	}{
		"0 % 0.5 % 1 % 1.5 % 2 %":         {0.0213, shares},
		"0 s 500 ms 1 s 1.5 s":            {1.6, seconds},
		"0 B 100 MiB 200 MiB 300 MiB":     {315 << 20, bytes},
		"0 20 40 60 80":                   {83, numbers},
		"0 1e-07 2e-07 3e-07 4e-07 5e-07": {5e-7, numbers},
		"0 1e+09 2e+09 3e+09 4e+09":       {4.2e9, numbers},
	} {
		var got []string
		for _, tick := range (scale{0, of.to, 0, 100}).ticks(5, of.u) {
			got = append(got, tick.label)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("to %g: %v, want %s", of.to, got, want)
		}
	}
}

func TestRatioWithoutEvents(t *testing.T) {
	if got := level(anomaly.Ratio, source.Sample{}); !math.IsNaN(got) {
		t.Errorf("a ratio without events: %g", got)
	}
}

func TestUnits(t *testing.T) {
	for query, want := range map[string]string{
		"sum by (pod, le) (increase(http_request_duration_seconds_bucket[1m]))": "250 ms",
		"container_memory_working_set_bytes":                                    "0.25 B",
		"up":                                                                    "0.25",
		"rate(read_bytes_total[1m]) / rate(read_seconds_total[1m])": "0.25",
	} {
		if got := unitOf(v1alpha1.Signal{Value: &query}).format(0.25); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	for x, want := range map[float64]string{math.NaN(): "none", 0: "0", 1234.4: "1234", 12.345: "12.3", 0.0012345: "0.00123", 1.2e-9: "1.2e-09"} {
		if got := numbers.format(x); got != want {
			t.Errorf("%g: %s, want %s", x, got, want)
		}
	}
}

func TestCurvesHaveGaps(t *testing.T) {
	none := math.NaN()
	xs, ys := []float64{0, 1, 2, 3, 4}, []float64{5, 6, none, 7, none}
	if got, want := path(xs, ys), "M0.0 5.0L1.0 6.0M3.0 7.0h1"; got != want {
		t.Errorf("a curve: %s, want %s", got, want)
	}
	if got, want := stairs(xs, ys, 5, none), "M0.0 5.0V5.0H1.0V6.0H2.0M3.0 7.0V7.0H4.0"; got != want {
		t.Errorf("stairs: %s, want %s", got, want)
	}
	if got, want := stairs(xs[:2], ys[:2], 2, 9), "M0.0 5.0V5.0H1.0V6.0H2.0V9.0H0.0Z"; got != want {
		t.Errorf("what is below them: %s, want %s", got, want)
	}
	f := newFigure(10, "a < b")
	f.area("band", xs, ys, []float64{8, 8, 8, 8, 8})
	svg := string(f.close())
	if want := `<path class="band" d="M0.0 8.0L1.0 8.0L1.0 6.0L0.0 5.0ZM3.0 8.0L3.0 7.0Z"/>`; !strings.Contains(svg, want) || !strings.Contains(svg, "a &lt; b") {
		t.Errorf("an area: %s, want %s", svg, want)
	}
}

func TestBands(t *testing.T) {
	levels := []float64{1, 2, 3, 4, 100}
	told := func(low, middle, high float64) string { return fmt.Sprint(low, middle, high) }
	if got := told(band(levels)); got != "1 3 100" {
		t.Errorf("of all: %s", got)
	}
	if got := told(bandWithout(levels, 100)); got != "1 2.5 4" {
		t.Errorf("without one of them: %s", got)
	}
	if got := told(bandWithout(levels, 50)); got != "1 3 100" {
		t.Errorf("without one that is not in it: %s", got)
	}
	if got := told(bandWithout(levels[:1], 1)); got != "NaN NaN NaN" {
		t.Errorf("of nobody: %s", got)
	}
}

func TestDiff(t *testing.T) {
	var got []string
	for _, l := range diff("a\nb\nc\nd\n", "a\nx\nc\nd\ne\n") {
		got = append(got, l.Side+l.Text)
	}
	if want := []string{" a", "-b", "+x", " c", " d", "+e"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
