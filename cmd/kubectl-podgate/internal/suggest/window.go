package suggest

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/replay"
	"github.com/podgate/podgate/controller/measure"
	"github.com/podgate/podgate/controller/source"
)

// Window is what is proposed for spec.window.
type Window struct {
	Proposed, Was time.Duration
	// Scrape is how often the pods' metrics are scraped; 0 if that could not be told.
	Scrape  time.Duration
	Reasons []string
}

const (
	// scrapes is how many a window should hold: with fewer an increase is guessed from
	// one or two steps, and a scrape that fails leaves nothing.
	scrapes = 4
	// quietEvents is how many events a window should hold, in nine of ten hours. With
	// fewer an outlier is found all the same, but one look says next to nothing.
	quietEvents = 5
	longest     = 10 * time.Minute
)

// windows are the lengths that are proposed.
var windows = []time.Duration{15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 3 * time.Minute, 4 * time.Minute, 5 * time.Minute, longest}

// window proposes the least window that holds enough scrapes and events, and is no
// shorter than the interval.
func (s *search) window() (w Window, err error) {
	spec := s.Gate.Spec
	w.Was = spec.Window.Std()
	if w.Scrape, err = s.scrape(); err != nil {
		return w, err
	}
	quiet, err := s.quiet(max(w.Was, scrapes*w.Scrape)) // a shorter one may show nothing
	if err != nil {
		return w, err
	}
	need := spec.Interval.Std()
	back := lookBack(s.Gate)
	if back > 0 {
		need = max(need, back)
		w.Reasons = append(w.Reasons, fmt.Sprintf("the queries look back %s whatever it is, and what is longer ago must not be taken for new; only $__window follows it", short(back)))
	}
	w.Reasons = append(w.Reasons, fmt.Sprintf("no shorter than the interval, %s, or some of what happens is never looked at", need))
	if w.Scrape > 0 {
		need = max(need, scrapes*w.Scrape)
		w.Reasons = append(w.Reasons, fmt.Sprintf("the pods are scraped every %s, and a window should hold %d scrapes: %s", w.Scrape, scrapes, scrapes*w.Scrape))
	} else {
		need = max(need, w.Was)
		w.Reasons = append(w.Reasons, fmt.Sprintf("how often the pods are scraped cannot be told from the queries, so it is no shorter than it was, %s", w.Was))
	}
	if !math.IsNaN(quiet) {
		five := time.Duration(math.Min(quietEvents/quiet, longest.Seconds()) * float64(time.Second))
		need = max(need, five)
		w.Reasons = append(w.Reasons, fmt.Sprintf("in nine of ten hours a pod has %.3g events a second or more, and a window should hold %d: %s", quiet, quietEvents, atMost(five)))
	}
	w.Proposed = windows[len(windows)-1]
	if i := slices.IndexFunc(windows, func(d time.Duration) bool { return d >= need }); i >= 0 {
		w.Proposed = windows[i]
	}
	w.Proposed = max(w.Proposed, spec.Interval.Std(), back)
	return w, nil
}

func atMost(d time.Duration) string {
	if d >= longest {
		return longest.String() + " or more, which is the longest that is proposed: a longer one sees a fault late"
	}
	return max(d.Round(time.Second), time.Second).String()
}

// hour of one pod.
type hour struct {
	pod string
	at  time.Time
}

// mean of the events in its windows.
type mean struct{ sum, n float64 }

// quiet is how many events a second a pod has, in nine of ten hours of a pod at
// least; of the signal with the fewest. NaN if no signal counts any.
func (s *search) quiet(window time.Duration) (float64, error) {
	gate := s.Gate.DeepCopy()
	widen(gate, window)
	policy, err := measure.Policy(gate.Spec)
	if err != nil {
		return 0, err
	}
	hours := make([]map[hour]mean, len(gate.Spec.Signals))
	_, err = s.run(gate, func(step *replay.Step) {
		for _, p := range step.Pods {
			if !p.Judged(gate.Name, policy, step.At, step.At) {
				continue
			}
			for k, a := range step.Answers {
				if n, ok := events(gate.Spec.Signals[k], a.ByPod[p.Name]); ok {
					if hours[k] == nil {
						hours[k] = map[hour]mean{}
					}
					at := hour{p.UID, step.At.Truncate(time.Hour)}
					m := hours[k][at]
					hours[k][at] = mean{m.sum + n, m.n + 1}
				}
			}
		}
	})
	least := math.NaN()
	for _, of := range hours {
		var means []float64
		for _, m := range of {
			means = append(means, m.sum/m.n/window.Seconds())
		}
		slices.Sort(means)
		if len(means) > 0 && !(least <= means[len(means)/10]) {
			least = means[len(means)/10]
		}
	}
	return least, err
}

// events are those that a sample counts, if it counts any.
func events(sig v1alpha1.Signal, s source.Sample) (float64, bool) {
	switch n := len(s.Counts); {
	case sig.Ratio != nil:
		return s.Total, true
	case sig.Histogram != nil && n > 0:
		return s.Counts[n-1], true
	}
	return 0, false
}

// scrapePeriod is how long samples are counted to find out how often they come.
const scrapePeriod = 10 * time.Minute

// scrape is how often the metrics of the gate's counting queries are scraped: the
// longest of them, of the typical pod. Selectors are taken out of the queries, and
// their samples counted at a few instants.
func (s *search) scrape() (out time.Duration, err error) {
	for k, q := range measure.Questions(s.Gate) {
		sig := s.Gate.Spec.Signals[k]
		if sig.Ratio == nil && sig.Histogram == nil {
			continue
		}
		for _, selector := range selectors(q.Total + q.Histogram) {
			every, err := s.every(source.Question{PodLabel: q.PodLabel, Namespace: q.Namespace,
				Value: fmt.Sprintf("max by (%s) (count_over_time(%s[%ds]))", q.PodLabel, selector, int(scrapePeriod.Seconds()))})
			if err != nil {
				return 0, err
			}
			out = max(out, every)
		}
	}
	return out, nil
}

// every is how far apart samples are, when their number in scrapePeriod is asked
// for; 0 if nobody answers.
func (s *search) every(q source.Question) (time.Duration, error) {
	from, step := s.From.Add(scrapePeriod), max(s.To.Sub(s.From)/8, time.Minute)
	if from.After(s.To) {
		from = s.To
	}
	moments, err := s.src.History(s.ctx, []source.Question{q}, from, s.To, step)
	if err != nil {
		return 0, err
	}
	var counts []float64
	for _, m := range moments {
		for _, a := range m.Answers[0].ByPod {
			counts = append(counts, a.Value)
		}
	}
	if len(counts) == 0 {
		return 0, nil
	}
	slices.Sort(counts)
	return time.Duration(scrapePeriod.Seconds() / counts[len(counts)/2] * float64(time.Second)).Round(time.Second), nil
}

// lookBack is the longest time that a gate's queries look back, apart from
// $__window.
func lookBack(gate *v1alpha1.TrafficGate) (longest time.Duration) {
	const window = 7*time.Hour + 13*time.Minute + 17*time.Second // nobody writes this
	gate = gate.DeepCopy()
	widen(gate, window)
	for _, q := range measure.Questions(gate) {
		for _, query := range []string{q.Bad, q.Total, q.Histogram, q.Value} {
			expr, err := parser.NewParser(parser.Options{}).ParseExpr(query)
			if err != nil {
				continue
			}
			parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
				switch n := node.(type) {
				case *parser.MatrixSelector:
					longest = max(longest, other(n.Range, window))
				case *parser.SubqueryExpr:
					longest = max(longest, other(n.Range, window))
				}
				return nil
			})
		}
	}
	return longest
}

// other is a time, unless it is the window.
func other(d, window time.Duration) time.Duration {
	if d == window {
		return 0
	}
	return d
}

// selectors are what a query reads; none if it cannot be parsed.
func selectors(query string) (out []string) {
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(query)
	if err != nil {
		return nil
	}
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		if v, ok := node.(*parser.VectorSelector); ok {
			plain := *v
			plain.Offset, plain.OriginalOffset, plain.Timestamp, plain.StartOrEnd = 0, 0, nil, 0
			if text := plain.String(); !slices.Contains(out, text) {
				out = append(out, text)
			}
		}
		return nil
	})
	return out
}
