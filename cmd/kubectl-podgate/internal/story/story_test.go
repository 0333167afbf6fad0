package story

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/podgate/podgate/anomaly"
	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/overview"
	"github.com/podgate/podgate/controller/decide"
	"github.com/podgate/podgate/controller/source"
)

var now = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)

func decimal(text string) *v1alpha1.Decimal { return new(v1alpha1.Decimal(text)) }

// world is a gate with ten pods that have served for a day.
func world(edit func(*v1alpha1.TrafficGate)) *overview.World {
	gate := &v1alpha1.TrafficGate{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "g"},
		Spec: v1alpha1.TrafficGateSpec{ServiceRef: v1alpha1.ServiceReference{Name: "web"}, Mode: v1alpha1.ModeEnforce, TrafficLabel: v1alpha1.LabelTraffic,
			Interval: v1alpha1.DurationOf(15 * time.Second), Window: v1alpha1.DurationOf(time.Minute), PodLabel: "pod",
			FalseAlarms: v1alpha1.FalseAlarms{PodDays: 30},
			Limits:      v1alpha1.Limits{MaxGated: new(intstr.FromString("20%"))},
			Signals: []v1alpha1.Signal{
				{Name: "errors", Ratio: &v1alpha1.RatioQuery{Bad: `bad{ns="$namespace"}[$__window]`, Total: `all{svc="$service"}[$__window]`}, Outlier: &v1alpha1.Outlier{}},
				{Name: "load", Value: new("load"), Threshold: &v1alpha1.Threshold{Above: decimal("5"), For: new(v1alpha1.DurationOf(time.Minute))}},
			}},
	}
	if edit != nil {
		edit(gate)
	}
	w := &overview.World{Gate: gate, Policy: decide.Policy{Interval: 15 * time.Second, Window: time.Minute, MinServing: 2,
		MaxGated: decide.Limit{Max: 20, Percent: true}, PerDomain: decide.Limit{Max: 50, Percent: true}, After: time.Minute, MaxAfter: time.Hour}}
	for i := range 10 {
		name := fmt.Sprintf("web-%d", i)
		w.Pods = append(w.Pods, decide.Pod{Name: name, UID: name, Ready: true, Labelled: true, Traffic: "yes", ReadySince: now.Add(-24 * time.Hour)})
	}
	return w
}

func TestRulesInWords(t *testing.T) {
	for want, s := range map[string]v1alpha1.Signal{
		"outlier: at least 2 times and 0.01 above its peers":                          {Ratio: &v1alpha1.RatioQuery{}, Outlier: &v1alpha1.Outlier{}},
		"outlier: at least 1.5 times below its peers":                                 {Value: new("x"), Outlier: &v1alpha1.Outlier{Floors: v1alpha1.Floors{Direction: "Low"}}},
		"outlier: at least 3 times and 0.5 away from its peers":                       {Value: new("x"), Outlier: &v1alpha1.Outlier{Floors: v1alpha1.Floors{Direction: "Both", MinRatio: decimal("3"), MinDifference: decimal("0.5")}}},
		"robust: at least 1.5 times above its peers, by 4 robust standard deviations": {Value: new("x"), Robust: &v1alpha1.Robust{K: decimal("4")}},
		"threshold: above 0.05 (share of bad events) for 1m0s":                        {Ratio: &v1alpha1.RatioQuery{}, Threshold: &v1alpha1.Threshold{Above: decimal("0.05"), For: new(v1alpha1.DurationOf(time.Minute))}},
		"external detector: named by https://d in two looks in a row and for 30s":     {External: &v1alpha1.External{URL: "https://d", For: new(v1alpha1.DurationOf(30 * time.Second))}},
		"threshold: below 3": {Value: new("x"), Threshold: &v1alpha1.Threshold{Below: decimal("3")}},
		"deviation: more than 30 % from the fleet's median": {Value: new("x"), Deviation: &v1alpha1.Deviation{Percent: "30", From: v1alpha1.CentreMedian}},
	} {
		if got := rule(s); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestQueriesAreFilledIn(t *testing.T) {
	got := signals(world(nil).Gate)
	if want := `((bad{ns="shop"}[1m]) or (all{svc="web"}[1m]) * 0) / (all{svc="web"}[1m])`; got[0].Queries[0].PromQL != want {
		t.Errorf("got  %s\nwant %s", got[0].Queries[0].PromQL, want)
	}
	if q := queries(source.Question{Histogram: "h"})[0]; q.PromQL != "histogram_quantile(0.99, h)" {
		t.Errorf("a histogram is asked for as %s", q.PromQL)
	}
}

// TestAnExternalDetectorIsNotAsked: it is told of as the controller's last look saw
// it, and the other signals are asked.
func TestAnExternalDetectorIsNotAsked(t *testing.T) {
	w := world(func(g *v1alpha1.TrafficGate) {
		g.Spec.Signals = append([]v1alpha1.Signal{{Name: "detector", External: &v1alpha1.External{URL: "https://d/$service"}}}, g.Spec.Signals...)
		g.Status.LastEvaluation = &v1alpha1.Evaluation{Time: metav1.NewTime(now), Signals: []v1alpha1.SignalEvaluation{
			{Name: "detector", Known: 10, Judged: 10, Level: "2 named", Ignored: "not of the fleet: x"}}}
	})
	s := Tell(w, "web-0", now)
	if err := s.Ask(t.Context(), answers{}, w, now); err != nil {
		t.Fatal(err)
	}
	d := s.Signals[0]
	if d.Numbers != nil || len(d.Queries) > 0 || d.Rule != "external detector: named by https://d/web in two looks in a row" ||
		d.Fleet != "2 named, 10 of 10 pods known; ignored: not of the fleet: x" {
		t.Errorf("%+v", d)
	}
	if s.Signals[1].Numbers == nil || s.Signals[1].Numbers.Class != "normal" || !strings.Contains(s.Would, "as far as Prometheus tells") {
		t.Errorf("%+v, would %s", s.Signals[1].Numbers, s.Would)
	}
	if err := s.Ask(t.Context(), answers{err: errors.New("refused")}, w, now); err == nil {
		t.Error("a Prometheus that does not answer is not told of")
	}
}

func TestLevels(t *testing.T) {
	h := source.Sample{Bounds: []float64{0.1, 0.5, math.Inf(1)}, Counts: []float64{90, 100, 100}}
	for name, row := range map[string]struct {
		sample source.Sample
		kind   anomaly.Kind
		want   string
	}{
		"a share":                    {source.Sample{Bad: 1, Total: 4}, anomaly.Ratio, "25 % of 4 events"},
		"many events":                {source.Sample{Bad: 30.1, Total: 93.33}, anomaly.Ratio, "32.3 % of 93 events"},
		"no events":                  {source.Sample{}, anomaly.Ratio, "no events"},
		"a value":                    {source.Sample{Value: 12.5}, anomaly.Value, "12.5"},
		"a histogram":                {h, anomaly.Histogram, "p99 0.46 of 100 events"},
		"one beyond the last bound":  {source.Sample{Bounds: h.Bounds, Counts: []float64{1, 2, 100}}, anomaly.Histogram, "p99 0.5 of 100 events"},
		"a histogram without events": {source.Sample{Bounds: h.Bounds, Counts: []float64{0, 0, 0}}, anomaly.Histogram, "no events"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := levelOf(source.Answer{ByPod: map[string]source.Sample{"a": row.sample}}, "a", row.kind); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
	if got := levelOf(source.Answer{}, "a", anomaly.Value); got != "none" {
		t.Errorf("without an answer: %q", got)
	}
	for want, levels := range map[float64][]float64{2: {3, 1, 2}, 2.5: {1, 4, 2, 3}, 7: {math.NaN(), 7}} {
		if got := median(levels); got != want {
			t.Errorf("the median of %v is %g", levels, got)
		}
	}
	if !math.IsNaN(median(nil)) {
		t.Error("the median of nothing is a number")
	}
}

// held are the guards of a story that hold, and those that are not known.
func held(s Story) string {
	var out []string
	for _, g := range s.Guards {
		if g.Holds != "" {
			out = append(out, "holds "+g.Guard)
		}
		if g.Unknown != "" {
			out = append(out, "unknown "+g.Guard)
		}
	}
	return strings.Join(out, ", ")
}

func TestGuardsWithoutPrometheus(t *testing.T) {
	looked := func(known int32) func(*v1alpha1.TrafficGate) {
		return func(g *v1alpha1.TrafficGate) {
			g.Status.LastEvaluation = &v1alpha1.Evaluation{Time: metav1.NewTime(now), Signals: []v1alpha1.SignalEvaluation{{Name: "errors", Known: known, Judged: 10}}}
		}
	}
	for name, row := range map[string]struct {
		edit func(*v1alpha1.TrafficGate)
		pods func([]decide.Pod)
		want string
	}{
		"all pass":                  {looked(10), nil, ""},
		"before the first look":     {nil, nil, "unknown HeldIncompleteMetrics"},
		"the last look lacked data": {looked(4), nil, "holds HeldIncompleteMetrics"},
		"the gate says a common cause": {func(g *v1alpha1.TrafficGate) {
			looked(10)(g)
			g.Status.Conditions = []metav1.Condition{{Type: "CommonCause", Status: "True", Message: "six of ten"}}
		}, nil, "holds HeldCommonCause"},
		"headroom takes the metrics": {func(g *v1alpha1.TrafficGate) {
			looked(10)(g)
			g.Spec.Limits.Headroom = &v1alpha1.Headroom{Query: "x", Max: "1"}
		}, nil, "unknown HeldHeadroom"},
		"pods out now use up the limit": {looked(10), func(p []decide.Pod) { p[1].Ready, p[2].Ready = false, false }, "holds HeldLimit"},
		"a person keeps it":             {looked(10), func(p []decide.Pod) { p[0].Override = "yes" }, "holds HeldOverride"},
	} {
		t.Run(name, func(t *testing.T) {
			w := world(row.edit)
			if row.pods != nil {
				row.pods(w.Pods)
			}
			if got := held(Tell(w, "web-0", now)); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

// answers stands for a Prometheus; the end-to-end tests ask a real one.
type answers struct {
	share map[string]float64 // of bad events; 0.001 for the others
	load  map[string]float64 // 1 for the others
	err   error
}

func (a answers) Ask(_ context.Context, questions []source.Question, _ time.Time) []source.Answer {
	out := make([]source.Answer, len(questions))
	for i, q := range questions {
		out[i] = source.Answer{ByPod: map[string]source.Sample{}, Err: a.err}
		for k := range 10 {
			pod := fmt.Sprintf("web-%d", k)
			share, load := a.share[pod], a.load[pod]
			if share == 0 {
				share = 0.001
			}
			if load == 0 {
				load = 1
			}
			if q.Total != "" {
				out[i].ByPod[pod] = source.Sample{Bad: share * 1000, Total: 1000}
			} else {
				out[i].ByPod[pod] = source.Sample{Value: load}
			}
		}
	}
	return out
}

func (a answers) History(ctx context.Context, questions []source.Question, from, to time.Time, step time.Duration) (out []source.Moment, err error) {
	for at := from; !at.After(to); at = at.Add(step) {
		out = append(out, source.Moment{At: at, Answers: a.Ask(ctx, questions, at)})
	}
	return out, nil
}

func TestAsked(t *testing.T) {
	for name, row := range map[string]struct {
		source answers
		pods   func([]decide.Pod)
		want   string
	}{
		"a healthy pod": {answers{}, nil, "errors normal 0.1 % of 1000 events, median of 9 0.1 %; load normal 1, median of 9 1; would leave it in traffic"},
		"an outlier": {answers{share: map[string]float64{"web-0": 0.2}}, nil,
			"errors outlier 20 % of 1000 events, median of 9 0.1 %; load normal 1, median of 9 1; would take it out of traffic (Outlier): errors: 20 %"},
		"one that a guard holds": {answers{share: map[string]float64{"web-0": 0.2}}, func(p []decide.Pod) { p[1].Ready, p[2].Ready = false, false },
			"holds HeldLimit; errors outlier 20 % of 1000 events, median of 7 0.1 %; load normal 1, median of 7 1; would leave it in traffic (HeldLimit): errors: 20 %"},
		"one beyond a fixed limit": {answers{load: map[string]float64{"web-0": 9}}, nil,
			"errors normal 0.1 % of 1000 events, median of 9 0.1 %; load outlier 9, median of 9 1; would take it out of traffic (Outlier): load: 9"},
		"one that is warming up": {answers{}, func(p []decide.Pod) { p[0].ReadySince = now },
			"errors unknown 0.1 % of 1000 events, median of 9 0.1 %; load unknown 1, median of 9 1; would leave it in traffic"},
	} {
		t.Run(name, func(t *testing.T) {
			w := world(nil)
			w.Policy.WarmUp = time.Minute
			if row.pods != nil {
				row.pods(w.Pods)
			}
			s := Tell(w, "web-0", now)
			if err := s.Ask(t.Context(), row.source, w, now); err != nil {
				t.Fatal(err)
			}
			got := held(s)
			if got != "" {
				got += "; "
			}
			for _, signal := range s.Signals {
				n := signal.Numbers
				got += fmt.Sprintf("%s %s %s, median of %d %s; ", signal.Name, n.Class, n.Pod, n.Peers, n.Median)
			}
			if got += "would " + s.Would; !strings.HasPrefix(got, row.want) {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
		})
	}
}

// TestPeakIsToldOfAPodThatIsOut: the evidence for which it went is found again in
// the history.
func TestPeakIsToldOfAPodThatIsOut(t *testing.T) {
	w := world(nil)
	gatedAt := now.Add(-10 * time.Minute)
	w.Pods[0].Traffic = "no"
	w.Pods[0].Memory = decide.Memory{Gate: "web", GatedAt: gatedAt, GatedUntil: now.Add(time.Hour)}
	s := Tell(w, "web-0", now)
	if err := s.Ask(t.Context(), answers{share: map[string]float64{"web-0": 0.2}}, w, now); err != nil {
		t.Fatal(err)
	}
	n := s.Signals[0].Numbers
	if n.Class != "unknown" || n.Peak == nil || n.Peak.Evidence < n.Peak.Bar || n.Peak.At.After(gatedAt.Add(time.Second)) {
		t.Errorf("%+v, peak %+v", n, n.Peak)
	}
}

func TestNoAnswerAtAllIsAnError(t *testing.T) {
	w := world(nil)
	s := Tell(w, "web-0", now)
	if err := s.Ask(t.Context(), answers{err: errors.New("refused")}, w, now); err == nil || s.Would != "" || len(s.Guards) == 0 {
		t.Errorf("error %v, would %q, %d guards", err, s.Would, len(s.Guards))
	}
}

func TestPast(t *testing.T) {
	event := func(minute int, reason, note string) corev1.Event {
		return corev1.Event{InvolvedObject: corev1.ObjectReference{UID: "u"}, ReportingController: "podgate", Reason: reason, Message: note,
			EventTime: metav1.NewMicroTime(now.Add(time.Duration(minute) * time.Minute))}
	}
	series := event(1, "HeldBack", "again")
	series.Series = &corev1.EventSeries{Count: 4, LastObservedTime: metav1.NewMicroTime(now.Add(9 * time.Minute))}
	foreign := event(2, "Pulled", "image")
	foreign.ReportingController = "kubelet"
	former := event(2, "Gated", "of an earlier pod of this name")
	former.InvolvedObject.UID = "other"
	got := ""
	for _, e := range past([]corev1.Event{series, event(5, "Released", "back"), foreign, former, event(3, "Gated", "bad")},
		[]corev1.Event{event(4, "DryRunGated", "dry run, nothing is written: pod web-0: bad"), event(4, "DryRunGated", "dry run: pod web-1: bad"),
			event(6, "CommonCause", "six of ten"), event(7, "Gated", "pod web-0: bad")}, "web-0", "u") {
		got += fmt.Sprintf("%s %d; ", e.Reason, e.Count)
	}
	if want := "Gated 0; DryRunGated 0; Released 0; CommonCause 0; HeldBack 4; "; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
