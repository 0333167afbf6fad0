package load

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// View is what a client saw in a span of time.
type View struct {
	Count    int
	Failures int // no complete answer, or a status of 500 and above
	ByError  map[ErrorKind]int
	ByStatus map[int]int // 0: no answer
	ByPod    map[string]PodView
	// P50 and P99 are quantiles of the latency of all requests, failed ones too;
	// 0 if there were none.
	P50, P99 time.Duration
	// LastFailure is when the last request started that failed; zero if none.
	LastFailure time.Time
}

// PodView is what a client saw of one pod. Requests without an answer are
// nobody's: their pod's name is empty.
type PodView struct {
	Count, Failures int
	LastAnswer      time.Time // when the last request started that it answered
}

// ErrorShare is the share of requests that failed, 0 if there were none.
func (v View) ErrorShare() float64 {
	if v.Count == 0 {
		return 0
	}
	return float64(v.Failures) / float64(v.Count)
}

func newView(outcomes []Outcome) View {
	v := View{Count: len(outcomes), ByError: map[ErrorKind]int{}, ByStatus: map[int]int{}, ByPod: map[string]PodView{}}
	latencies := make([]time.Duration, 0, len(outcomes))
	for _, o := range outcomes {
		latencies = append(latencies, o.Latency)
		v.ByStatus[o.Status]++
		pod := v.ByPod[o.Pod]
		pod.Count++
		if o.Error != NoError {
			v.ByError[o.Error]++
		}
		if o.Failed() {
			v.Failures++
			pod.Failures++
			v.LastFailure = later(v.LastFailure, o.Start)
		}
		if o.Status != 0 {
			pod.LastAnswer = later(pod.LastAnswer, o.Start)
		}
		v.ByPod[o.Pod] = pod
	}
	slices.Sort(latencies)
	v.P50, v.P99 = quantile(latencies, 0.5), quantile(latencies, 0.99)
	return v
}

// quantile is the nearest-rank quantile of sorted values.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max(0, int(math.Ceil(q*float64(len(sorted))))-1)]
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// String is the view in one line.
func (v View) String() string {
	text := strings.Builder{}
	fmt.Fprintf(&text, "%d requests, %d failed (%.2f %%), p50 %s, p99 %s", v.Count, v.Failures, 100*v.ErrorShare(),
		v.P50.Round(10*time.Microsecond), v.P99.Round(10*time.Microsecond))
	for _, kind := range slices.Sorted(maps.Keys(v.ByError)) {
		fmt.Fprintf(&text, ", %d %s", v.ByError[kind], kind)
	}
	for _, pod := range slices.Sorted(maps.Keys(v.ByPod)) {
		fmt.Fprintf(&text, "; %s %d", pod, v.ByPod[pod].Count)
	}
	return text.String()
}
