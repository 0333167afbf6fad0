package server

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"
)

func ask(s *Server, method, path, body string) *httptest.ResponseRecorder {
	recorder := httptest.NewRecorder()
	s.ServeHTTP(recorder, httptest.NewRequest(method, path, strings.NewReader(body)))
	return recorder
}

func TestDialsMakeItSickButNotItsHealthCheck(t *testing.T) {
	s := New("web-1", Healthy)
	if got := ask(s, "POST", "/dials", `{"errorShare": 1, "latency": "1ms"}`); got.Code != http.StatusOK {
		t.Fatalf("setting the dials answers %d: %s", got.Code, got.Body)
	}
	if got := ask(s, "GET", "/dials", "").Body.String(); !strings.Contains(got, `"errorShare":1,"latency":"1ms","latencyFactor":1`) {
		t.Errorf("the dials are %s", got)
	}
	if got := ask(s, "GET", "/", ""); got.Code != http.StatusInternalServerError || got.Header().Get("X-Pod") != "web-1" {
		t.Errorf("a request is answered with %d by %q", got.Code, got.Header().Get("X-Pod"))
	}
	if got := ask(s, "GET", "/healthz", ""); got.Code != http.StatusOK {
		t.Errorf("the health check answers %d", got.Code)
	}
	metrics := ask(s, "GET", "/metrics", "").Body.String()
	for _, want := range []string{
		`http_requests_total{code="500",method="get"} 1`,
		`http_requests_total{code="200",method="get"} 0`, // there from the first
		"http_request_duration_seconds_count 1",
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
}

func TestARequestTakesItsCPUTime(t *testing.T) {
	dials := Healthy
	dials.RequestCPU = Duration(20 * time.Millisecond)
	s := New("web-1", dials)
	process := func() time.Duration {
		var used syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
			t.Fatal(err)
		}
		return time.Duration(used.Utime.Nano() + used.Stime.Nano())
	}
	before := process()
	for range 5 {
		ask(s, "GET", "/", "")
	}
	// The kernel may share out up to a tick otherwise between threads.
	if took := process() - before; took < 90*time.Millisecond {
		t.Errorf("five requests took %s of CPU time, not 100ms", took)
	}
}

func TestHangLastsUntilTheClientLeaves(t *testing.T) {
	s := New("web-1", Healthy)
	ask(s, "POST", "/dials", `{"hang": true}`)
	web := httptest.NewServer(s)
	defer web.Close()
	client := http.Client{Timeout: 100 * time.Millisecond}
	if _, err := client.Get(web.URL); err == nil {
		t.Error("a server that hangs answers")
	}
}

func TestDialsAreChecked(t *testing.T) {
	for _, body := range []string{`{"errorShare": 2}`, `{"latency": "long"}`, `{"unknown": 1}`, `{"cpu": -1}`, `{"requestCPU": "-1s"}`, `{`} {
		s := New("web-1", Healthy)
		if got := ask(s, "POST", "/dials", body); got.Code != http.StatusBadRequest {
			t.Errorf("%s is answered with %d", body, got.Code)
		}
		if *s.dials.Load() != Healthy {
			t.Errorf("%s changes the dials", body)
		}
	}
}
