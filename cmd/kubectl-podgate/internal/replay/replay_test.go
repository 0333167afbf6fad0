package replay_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/gatefile"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/replay"
	"github.com/podgate/podgate/controller/decide"
	"github.com/podgate/podgate/controller/source"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// gate is a gate with every default, looking at one threshold; lines replace the
// spec's other parts.
func gate(t *testing.T, lines ...string) *v1alpha1.TrafficGate {
	t.Helper()
	g, err := gatefile.Parse([]byte(`
apiVersion: podgate.dev/v1alpha1
kind: TrafficGate
metadata: {name: web, namespace: shop}
spec:
  serviceRef: {name: web}
  signals:
  - {name: fds, value: fds, threshold: {above: "0.9"}}
  ` + strings.Join(lines, "\n  ")))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// past is history that a function makes up: the value of a pod at an instant, or
// nothing.
type past struct {
	pods  []string
	value func(pod string, at time.Time) (float64, bool)
	// ready is what kube-state-metrics says; nil where there is none.
	ready func(pod string, at time.Time) (float64, bool)
	// longest is the longest chunk asked for, asked how many there were.
	longest, asked int
}

func (p *past) History(_ context.Context, questions []source.Question, from, to time.Time, step time.Duration) (out []source.Moment, err error) {
	p.asked++
	for at := from; !at.After(to); at = at.Add(step) {
		m := source.Moment{At: at, Answers: make([]source.Answer, len(questions))}
		for i, q := range questions {
			m.Answers[i].ByPod = map[string]source.Sample{}
			of := p.value
			if strings.Contains(q.Value, "kube_pod_status_ready") {
				of = p.ready
			}
			for _, pod := range p.pods {
				if of == nil {
					continue
				}
				if v, ok := of(pod, at); ok {
					m.Answers[i].ByPod[pod] = source.Sample{Value: v}
				}
			}
		}
		out = append(out, m)
	}
	p.longest = max(p.longest, len(out))
	return out, nil
}

func names(n int) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprintf("web-%02d", i))
	}
	return out
}

// told runs a replay and returns what was decided, with the time after noon.
func told(t *testing.T, src replay.Source, o replay.Options) (out []string) {
	t.Helper()
	err := replay.Run(t.Context(), src, o, func(s *replay.Step) error {
		for _, d := range s.Plan.Decisions {
			out = append(out, fmt.Sprintf("%s %s %s %s", s.At.Sub(noon), d.Action, d.Pod, d.Reason))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func within(from, to time.Duration) func(time.Time) bool {
	return func(at time.Time) bool { return !at.Before(noon.Add(from)) && at.Before(noon.Add(to)) }
}

// TestReplay: the state machine runs as in life, with virtual writes; a pod that
// was bad in truth for longer than its stay relapses, and comes back between two
// looks when its time is over.
func TestReplay(t *testing.T) {
	bad := within(time.Minute, 4*time.Minute)
	src := &past{pods: names(10), value: func(pod string, at time.Time) (float64, bool) {
		if pod == "web-03" && bad(at) {
			return 0.95, true
		}
		return 0.1, true
	}}
	got := told(t, src, replay.Options{Gate: gate(t), From: noon, To: noon.Add(2 * time.Hour)})
	want := []string{
		"1m0s Gate web-03 Outlier",
		"2m0s Release web-03 Trial",
		"2m15s Gate web-03 Outlier",
		"4m13s Release web-03 Trial",
		"34m15s Note web-03 Recovered",
		"1h4m15s Note web-03 Recovered",
	}
	if !slices.Equal(got, want) {
		t.Errorf("decided:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if src.longest > 2000 || src.asked < 3 {
		t.Errorf("history was asked for %d times, %d moments at most", src.asked, src.longest)
	}
}

// TestPodsOfTheData holds who is there, and since when.
func TestPodsOfTheData(t *testing.T) {
	serve := func(string, time.Time) (float64, bool) { return 0.1, true }
	for name, row := range map[string]struct {
		src  past
		at   time.Duration
		want string // judged pods, then those that are there but not judged
	}{
		"pods that are there when the data begins are old":   {past{value: serve}, 0, "web-00 web-01 web-02;"},
		"a pod's first sample is its start":                  {past{value: from("web-01", time.Minute, serve)}, 2 * time.Minute, "web-00 web-02; web-01"},
		"warm-up ends":                                       {past{value: from("web-01", time.Minute, serve)}, 3 * time.Minute, "web-00 web-01 web-02;"},
		"a pod is not there before its first sample":         {past{value: from("web-01", time.Minute, serve)}, 45 * time.Second, "web-00 web-02;"},
		"a short silence is no end":                          {past{value: silent("web-01", time.Minute, 5*time.Minute, serve)}, 3 * time.Minute, "web-00 web-01 web-02;"},
		"a pod ends with its last sample":                    {past{value: silent("web-01", time.Minute, 24*time.Hour, serve)}, time.Minute, "web-00 web-02;"},
		"a long silence is an end":                           {past{value: silent("web-01", time.Minute, 30*time.Minute, serve)}, 2 * time.Minute, "web-00 web-02;"},
		"a name that comes back is another pod":              {past{value: silent("web-01", time.Minute, 30*time.Minute, serve)}, 31 * time.Minute, "web-00 web-02; web-01 (2)"},
		"while nobody is spoken of, nobody ends":             {past{value: outage(time.Minute, 40*time.Minute, serve)}, 20 * time.Minute, "web-00 web-01 web-02;"},
		"when the data ends, nobody ends":                    {past{value: outage(time.Minute, 40*time.Hour, serve)}, 20 * time.Minute, "web-00 web-01 web-02;"},
		"a pod is not Ready when kube-state-metrics says so": {past{value: serve, ready: not("web-02", within(0, time.Minute))}, 30 * time.Second, "web-00 web-01; web-02"},
		"it warms up when it is again":                       {past{value: serve, ready: not("web-02", within(0, time.Minute))}, 2 * time.Minute, "web-00 web-01; web-02"},
		"and is judged then":                                 {past{value: serve, ready: not("web-02", within(0, time.Minute))}, 3 * time.Minute, "web-00 web-01 web-02;"},
	} {
		row.src.pods = names(3)
		g := gate(t)
		seen := ""
		err := replay.Run(t.Context(), &row.src, replay.Options{Gate: g, From: noon, To: noon.Add(time.Hour)}, func(s *replay.Step) error {
			if s.At.Equal(noon.Add(row.at)) {
				seen = who(s, g)
			}
			return nil
		})
		if err != nil || seen != row.want {
			t.Errorf("%s: %q %v, want %q", name, seen, err, row.want)
		}
	}
}

func who(s *replay.Step, g *v1alpha1.TrafficGate) string {
	judged, others := "", ""
	for _, p := range s.Pods {
		if p.Judged(g.Name, decide.Policy{WarmUp: g.Spec.Limits.WarmUp.Std()}, s.At, s.At) {
			judged += " " + p.UID
		} else {
			others += " " + p.UID
		}
	}
	return strings.TrimSpace(judged) + ";" + others
}

type valueOf = func(string, time.Time) (float64, bool)

func from(who string, begin time.Duration, v valueOf) valueOf {
	return silent(who, -24*time.Hour, begin, v)
}

func silent(who string, begin, end time.Duration, v valueOf) valueOf {
	return func(pod string, at time.Time) (float64, bool) {
		if pod == who && within(begin, end)(at) {
			return 0, false
		}
		return v(pod, at)
	}
}

func outage(begin, end time.Duration, v valueOf) valueOf {
	return func(pod string, at time.Time) (float64, bool) {
		if within(begin, end)(at) {
			return 0, false
		}
		return v(pod, at)
	}
}

func not(who string, when func(time.Time) bool) valueOf {
	return func(pod string, at time.Time) (float64, bool) {
		if pod == who && when(at) {
			return 0, true
		}
		return 1, true
	}
}

// TestTicks: the replay looks when the gate did.
func TestTicks(t *testing.T) {
	src := &past{pods: names(3), value: func(string, time.Time) (float64, bool) { return 0, true }}
	for uid, want := range map[string]string{"": "12:00:00.000", "0b1e7a52-9f5c-4f0e-8a8f-2f9a4f7f6e11": "12:00:13.289"} {
		var ticks []string
		o := replay.Options{Gate: gate(t), From: noon, To: noon.Add(time.Minute)}
		o.Gate.UID = types.UID(uid)
		err := replay.Run(t.Context(), src, o, func(s *replay.Step) error {
			ticks = append(ticks, s.At.Format("15:04:05.000"))
			return nil
		})
		if err != nil || ticks[0] != want || len(ticks) < 4 {
			t.Errorf("UID %q: %v %v, want the first at %s", uid, ticks, err, want)
		}
	}
}

// TestKnownPods: what the cluster says of a pod counts from its creation on.
func TestKnownPods(t *testing.T) {
	src := &past{pods: []string{"web-0", "web-1", "web-2"}, value: silent("web-1", 0, 20*time.Minute, func(string, time.Time) (float64, bool) { return 0.1, true })}
	known := map[string]replay.Known{"web-1": {Created: noon.Add(19 * time.Minute), Pod: decide.Pod{Name: "web-1", UID: "the-real-one", Ready: true, ReadySince: noon.Add(20*time.Minute + 30*time.Second), Node: "n1"}}}
	seen := map[string]bool{}
	var judgedAt time.Duration
	g := gate(t)
	err := replay.Run(t.Context(), src, replay.Options{Gate: g, From: noon.Add(-time.Minute), To: noon.Add(time.Hour), Known: known}, func(s *replay.Step) error {
		for _, p := range s.Pods {
			seen[p.UID+p.Node] = true
		}
		if s.Judged == 3 && s.At.After(noon) && judgedAt == 0 {
			judgedAt = s.At.Sub(noon)
		}
		return nil
	})
	if err != nil || !seen["web-1"] || !seen["the-real-onen1"] || judgedAt != 22*time.Minute+30*time.Second {
		t.Errorf("%v: seen %v, judged after %s", err, seen, judgedAt)
	}
}

func TestWrongStretches(t *testing.T) {
	nothing := &past{pods: names(3), value: func(string, time.Time) (float64, bool) { return 0, false }}
	err := replay.Run(t.Context(), nothing, replay.Options{Gate: gate(t), From: noon, To: noon.Add(time.Minute)}, func(*replay.Step) error { return nil })
	if !errors.Is(err, replay.ErrNoData) {
		t.Errorf("no data: %v", err)
	}
	err = replay.Run(t.Context(), nothing, replay.Options{Gate: gate(t), From: noon.Add(time.Second), To: noon.Add(2 * time.Second)}, func(*replay.Step) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "there is no look between 2026-03-01T12:00:01Z and 2026-03-01T12:00:02Z: ask for a stretch that is longer than the interval, 15s") {
		t.Errorf("too short: %v", err)
	}
	boom := errors.New("boom")
	serve := &past{pods: names(3), value: func(string, time.Time) (float64, bool) { return 0, true }}
	if err := replay.Run(t.Context(), serve, replay.Options{Gate: gate(t), From: noon, To: noon.Add(time.Minute)}, func(*replay.Step) error { return boom }); !errors.Is(err, boom) {
		t.Errorf("an error of who watches: %v", err)
	}
}

func TestRevision(t *testing.T) {
	for pod, want := range map[string]string{
		"checkout-66b7665c5d-htckz": "66b7665c5d",
		"web-0":                     "",
		"agent-x7z9q":               "",
		"my-fancy-service-abcde":    "",
	} {
		if got := replay.Revision(pod); got != want {
			t.Errorf("%s: %q, want %q", pod, got, want)
		}
	}
}
