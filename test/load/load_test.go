package load

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

var t0 = time.Unix(1_700_000_000, 0)

func at(second int) time.Time { return t0.Add(time.Duration(second) * time.Second) }

func filled(limit int, outcomes ...Outcome) *Log {
	l := newLog(limit)
	for _, o := range outcomes {
		l.add(o)
	}
	return l
}

func TestViewCountsWhatTheClientSaw(t *testing.T) {
	l := filled(100,
		Outcome{Start: at(0), Status: 200, Pod: "a", Latency: 10 * time.Millisecond},
		Outcome{Start: at(1), Status: 500, Pod: "b", Latency: 20 * time.Millisecond},
		Outcome{Start: at(2), Error: TimedOut, Latency: 2 * time.Second},
		Outcome{Start: at(3), Status: 200, Error: Broken, Pod: "b", Latency: 30 * time.Millisecond},
		Outcome{Start: at(4), Status: 404, Pod: "a", Latency: 40 * time.Millisecond},
		Outcome{Start: at(5), Status: 200, Pod: "a"},
	)
	v := l.View(at(0), at(5)) // the end is not in it
	if v.Count != 5 || v.Failures != 3 || v.ErrorShare() != 0.6 {
		t.Errorf("got %d requests, %d failed, share %v; want 5, 3, 0.6", v.Count, v.Failures, v.ErrorShare())
	}
	if v.P50 != 30*time.Millisecond || v.P99 != 2*time.Second {
		t.Errorf("quantiles are %s and %s, want 30ms and 2s", v.P50, v.P99)
	}
	if !v.LastFailure.Equal(at(3)) || !v.ByPod["b"].LastAnswer.Equal(at(3)) {
		t.Errorf("last failure %s, last answer of b %s; want both %s", v.LastFailure, v.ByPod["b"].LastAnswer, at(3))
	}
	if v.ByPod["a"].Count != 2 || v.ByPod["b"].Failures != 2 || v.ByPod[""].Count != 1 {
		t.Errorf("by pod: %+v", v.ByPod)
	}
	if got := l.LastAnswer("a"); !got.Equal(at(5)) {
		t.Errorf("a last answered the request of %s, want %s", got, at(5))
	}
	if !l.LastAnswer("nobody").IsZero() {
		t.Error("a pod nobody knows has answered")
	}
}

func TestViewOfNothing(t *testing.T) {
	v := newLog(1).View(at(0), at(1))
	if v.Count != 0 || v.ErrorShare() != 0 || v.P99 != 0 {
		t.Errorf("got %+v", v)
	}
}

func TestLogForgetsTheOldest(t *testing.T) {
	l := newLog(3)
	for i := range 5 {
		l.add(Outcome{Start: at(i), Status: 200, Pod: fmt.Sprint(i)})
	}
	got := l.Outcomes(at(0), at(9))
	if len(got) != 3 || got[0].Pod != "2" || got[2].Pod != "4" {
		t.Errorf("got %+v, want the outcomes of 2 to 4", got)
	}
}

func TestErrorKinds(t *testing.T) {
	for want, err := range map[ErrorKind]error{
		NoError:    nil,
		TimedOut:   fmt.Errorf("get: %w", &timeout{}),
		Refused:    errors.New("dial tcp 10.96.0.7:80: connect: connection refused"), // from inside a box: text
		Broken:     fmt.Errorf("get: %w", io.EOF),
		OtherError: errors.New("no such host"),
	} {
		if got := kindOf(err); got != want {
			t.Errorf("%v is %q, want %q", err, got, want)
		}
	}
	if got := kindOf(syscall.ECONNRESET); got != Broken {
		t.Errorf("a reset is %q", got)
	}
}

type timeout struct{}

func (*timeout) Error() string   { return "too late" }
func (*timeout) Timeout() bool   { return true }
func (*timeout) Temporary() bool { return true }

func TestGeneratorKeepsItsRateAndWaits(t *testing.T) {
	var open, most atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		most.Store(max(most.Load(), open.Add(1)))
		defer open.Add(-1)
		time.Sleep(50 * time.Millisecond) // longer than the time between two requests
		w.Header().Set("X-Pod", "only")
	}))
	defer server.Close()
	began := time.Now()
	g := Start(Options{URL: server.URL, Rate: 100, Timeout: 30 * time.Second})
	time.Sleep(time.Second)
	for g.View(began, time.Now()).Count < 80 && time.Since(began) < time.Minute { // a busy machine falls behind
		time.Sleep(10 * time.Millisecond)
	}
	g.Stop()
	limit := 100*time.Since(began).Seconds() + 2
	if n := open.Load(); n != 0 {
		t.Errorf("%d requests are still under way after Stop", n)
	}
	v := g.View(began.Add(-time.Second), time.Now())
	if v.Count < 80 || float64(v.Count) > limit || v.Failures != 0 || v.ByPod["only"].Count != v.Count {
		t.Errorf("at 100/s: %s, not more than %.0f", v, limit)
	}
	if most.Load() < 2 {
		t.Error("requests wait for one another: that is not an open loop")
	}
}
