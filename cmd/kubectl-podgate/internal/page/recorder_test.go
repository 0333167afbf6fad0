package page

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podgate/podgate/anomaly"
	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/replay"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/report"
	"github.com/podgate/podgate/controller/decide"
	"github.com/podgate/podgate/controller/source"
)

const interval = 15 * time.Second

func gate() *v1alpha1.TrafficGate {
	query := "x"
	return &v1alpha1.TrafficGate{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"},
		Spec: v1alpha1.TrafficGateSpec{
			Interval: v1alpha1.DurationOf(interval),
			Recovery: v1alpha1.Recovery{Retries: new(int32(3))},
			Signals:  []v1alpha1.Signal{{Name: "queue <length>", Value: &query, Outlier: &v1alpha1.Outlier{}}},
		},
	}
}

// step is the k-th look at five pods, whose values are given.
func step(k int, values ...float64) *replay.Step {
	s := &replay.Step{At: noon.Add(time.Duration(k) * interval), Looked: true, Answers: []source.Answer{{ByPod: map[string]source.Sample{}}}}
	signal := decide.Signal{Name: "queue <length>", Kind: anomaly.Value}
	for i, v := range values {
		name := fmt.Sprintf("web-%d", i)
		s.Pods = append(s.Pods, decide.Pod{Name: name, UID: name, Traffic: v1alpha1.TrafficYes, Ready: true})
		s.Answers[0].ByPod[name] = source.Sample{Value: v}
		signal.Result.Verdicts = append(signal.Result.Verdicts, anomaly.Verdict{Pod: name, Class: anomaly.Normal, Bar: 12})
	}
	s.Signals = []decide.Signal{signal}
	s.Plan.Counts = decide.Counts{Total: len(values), Limit: 1}
	return s
}

func gating(s *replay.Step, pod int) *replay.Step {
	s.Plan.Decisions = append(s.Plan.Decisions, decide.Decision{Action: decide.Gate, Reason: decide.ReasonOutlier, Pod: s.Pods[pod].Name, UID: s.Pods[pod].UID,
		Message: "because <u>", Finding: decide.Finding{Signal: "queue <length>"}})
	s.Plan.Counts.Gated++
	return s
}

// TestAPointShowsTheWorstOfItsLooks also holds that memory does not grow with time.
func TestAPointShowsTheWorstOfItsLooks(t *testing.T) {
	const looks = 10 * maxBins
	r := NewRecorder(gate(), noon, noon.Add((looks-1)*interval))
	for k := range looks {
		s := step(k, 1, 2, 3, 4, 5)
		if k == 25 {
			s = gating(step(k, 1, 2, 3, 4, 50), 4)
		}
		if err := r.Watch(s); err != nil {
			t.Fatal(err)
		}
	}
	if r.bins != maxBins || r.bin != 10*interval || len(r.signals[0].pods["web-4"].levels) != maxBins {
		t.Errorf("%d bins of %s, %d points", r.bins, r.bin, len(r.signals[0].pods["web-4"].levels))
	}
	if worst := r.signals[0].pods["web-4"].whole(r.bins); worst[1] != 5 || worst[2] != 50 || worst[3] != 5 {
		t.Errorf("points %v", worst[:4])
	}
	if r.out[1] != 0 || r.out[2] != 1 || r.limit[2] != 1 {
		t.Errorf("out %v, limit %v", r.out[:4], r.limit[:4])
	}
	up := r.closeUps.all
	if len(up) != 1 || len(up[0].points) != 26+closeAfter || up[0].points[25].level != 50 || len(r.closeUps.past) != closeBefore {
		t.Errorf("%d close-ups, %d looks kept", len(up), len(r.closeUps.past))
	}
}

func TestALowSignalShowsTheLowest(t *testing.T) {
	g := gate()
	g.Spec.Signals[0].Outlier.Direction = v1alpha1.Direction(anomaly.Low)
	r := NewRecorder(g, noon, noon.Add(2*maxBins*interval))
	for k, v := range []float64{9, 2, 7} {
		if err := r.Watch(step(k, v, 10)); err != nil {
			t.Fatal(err)
		}
	}
	if got := r.signals[0].pods["web-0"].whole(r.bins); got[0] != 2 || !math.IsNaN(got[1]) {
		t.Errorf("points %v, want the lowest of the three", got[:2])
	}
}

// TestPage: everything that comes from elsewhere is escaped, and a page without a
// single gating is one too.
func TestPage(t *testing.T) {
	for name, gated := range map[string]bool{"with a gating": true, "without": false} {
		ledger, r := report.NewLedger("<file>", gate()), NewRecorder(gate(), noon, noon.Add(99*interval))
		for k := range 100 {
			s := step(k, 1, 2, 3, 4, 5)
			if gated && k == 50 {
				s = gating(s, 4)
			}
			if err := ledger.Watch(s); err != nil {
				t.Fatal(err)
			}
			if err := r.Watch(s); err != nil {
				t.Fatal(err)
			}
		}
		p := Policy{Summary: ledger.Close(), Recorder: r, YAML: "spec: <x>\n"}
		var one, two strings.Builder
		if err := Write(&one, Page{Source: "<source>", Made: noon, Policies: []Policy{p}}); err != nil {
			t.Fatal(err)
		}
		if err := Write(&two, Page{Source: "<source>", Made: noon, Policies: []Policy{p, p}}); err != nil {
			t.Fatal(err)
		}
		for _, unescaped := range []string{"<file>", "<source>", "<length>", "<u>", "<x>"} {
			if strings.Contains(two.String(), ">"+unescaped) || strings.Contains(two.String(), " "+unescaped) {
				t.Errorf("%s: %s is not escaped", name, unescaped)
			}
		}
		if strings.Contains(one.String(), "Each gating, look by look") != gated || strings.Contains(one.String(), "two policies") || !strings.Contains(two.String(), "two policies") {
			t.Errorf("%s: parts of the page", name)
		}
	}
}
