package backtest

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/gatefile"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/page"
	"github.com/podgate/podgate/controller/source"
)

// twoSignals is a gate with the two signals that most have.
const twoSignals = `apiVersion: podgate.dev/v1alpha1
kind: TrafficGate
metadata: {name: checkout, namespace: shop}
spec:
  serviceRef: {name: checkout}
  signals:
  - {name: errors, ratio: {bad: bad, total: total}, outlier: {minDifference: "0.01", minRatio: "2"}}
  - {name: latency, histogram: buckets, outlier: {minDifference: "0.005", minRatio: "1.4"}}
`

// healthyHour is an hour of answers for some pods, again and again: it costs next
// to nothing, so that what is measured is everything beside the queries.
type healthyHour struct {
	looks [240][]source.Answer
}

func newHealthyHour(pods int) *healthyHour {
	bounds := []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, math.Inf(1)}
	random := rand.New(rand.NewPCG(3, 4))
	h := &healthyHour{}
	for k := range h.looks {
		errors, latency := source.Answer{ByPod: map[string]source.Sample{}}, source.Answer{ByPod: map[string]source.Sample{}}
		for i := range pods {
			pod := fmt.Sprintf("checkout-66b7665c5d-%05d", i)
			s := source.Sample{Total: 600, Bounds: bounds, Counts: make([]float64, len(bounds))}
			for range 600 {
				if random.Float64() < 0.002 {
					s.Bad++
				}
				took := 0.06 * math.Exp(0.7*random.NormFloat64())
				for b, bound := range bounds {
					if took <= bound {
						s.Counts[b]++
					}
				}
			}
			errors.ByPod[pod], latency.ByPod[pod] = source.Sample{Bad: s.Bad, Total: s.Total}, source.Sample{Bounds: bounds, Counts: s.Counts}
		}
		h.looks[k] = []source.Answer{errors, latency, {}}
	}
	return h
}

func (h *healthyHour) History(_ context.Context, _ []source.Question, from, to time.Time, step time.Duration) (out []source.Moment, err error) {
	for at := from; !at.After(to); at = at.Add(step) {
		out = append(out, source.Moment{At: at, Answers: h.looks[int(at.Unix()/15)%len(h.looks)]})
	}
	return out, nil
}

// BenchmarkSevenDays is a backtest of seven days, 20 pods and two signals at 15 s,
// with the page, beside its queries. MB-peak is the most memory that the process
// held since it began.
func BenchmarkSevenDays(b *testing.B) {
	gate, err := gatefile.Parse([]byte(twoSignals))
	if err != nil {
		b.Fatal(err)
	}
	begin := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	h := &history{Source: newHealthyHour(20), name: "memory", from: begin, to: begin.Add(7 * 24 * time.Hour)}
	o := &options{IOStreams: genericiooptions.NewTestIOStreamsDiscard(), html: "page"}
	looks := 0
	for b.Loop() {
		policy, err := o.replay(b.Context(), subject{gate: gate}, h, "")
		if err != nil {
			b.Fatal(err)
		}
		if err := page.Write(io.Discard, page.Page{Made: begin, Policies: []page.Policy{policy}}); err != nil {
			b.Fatal(err)
		}
		looks = policy.Summary.Looks
	}
	b.ReportMetric(float64(looks), "looks")
	b.ReportMetric(peak(b), "MB-peak")
}

// peak is the most memory that this process held, in MB.
func peak(b *testing.B) float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Skip("needs Linux' /proc")
	}
	for line := range strings.Lines(string(status)) {
		if text, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, _ := strconv.ParseFloat(strings.Fields(text)[0], 64)
			return kb / 1000
		}
	}
	return math.NaN()
}
