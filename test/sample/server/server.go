package server

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
)

// spread is the standard deviation of a latency's logarithm.
const spread = 0.25

// Server answers requests as its dials say.
type Server struct {
	name    string
	dials   atomic.Pointer[Dials]
	metrics *metrics
	handler http.Handler
}

// New makes a server that tells its name in the header X-Pod, and starts with
// the given dials.
func New(name string, dials Dials) *Server {
	s := &Server{name: name, metrics: newMetrics()}
	s.dials.Store(&dials)
	mux := http.NewServeMux()
	mux.Handle("/", s.metrics.count(http.HandlerFunc(s.serve)))
	mux.Handle("GET /metrics", s.metrics.handler())
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /dials", s.getDials)
	mux.HandleFunc("POST /dials", s.setDials)
	s.handler = mux
	return s
}

// ServeHTTP is the server.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Pod", s.name)
	s.handler.ServeHTTP(w, r)
}

// serve is what customers see.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	dials := s.dials.Load()
	if dials.Hang {
		<-r.Context().Done()
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	work(time.Duration(dials.RequestCPU))
	middle := float64(dials.Latency) * dials.LatencyFactor
	timer := time.NewTimer(time.Duration(middle * math.Exp(spread*rand.NormFloat64())))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	}
	if rand.Float64() < dials.ErrorShare {
		http.Error(w, "the dials want an error", http.StatusInternalServerError)
		return
	}
	fmt.Fprintf(w, "hello from %s\n", s.name)
}

func (s *Server) getDials(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(s.dials.Load()) // the client is gone
}

func (s *Server) setDials(w http.ResponseWriter, r *http.Request) {
	dials, err := s.dials.Load().with(http.MaxBytesReader(w, r.Body, 1<<16))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.dials.Store(&dials)
	s.getDials(w, r)
}

// work takes so much CPU time, however busy the machine is.
func work(d time.Duration) {
	if d == 0 {
		return
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for began := threadTime(); threadTime()-began < d; {
	}
}

// threadTime is the CPU time that this thread has used.
func threadTime() time.Duration {
	const thread = 1 // RUSAGE_THREAD, which package syscall does not name
	var used syscall.Rusage
	_ = syscall.Getrusage(thread, &used) // fails only for an unknown who
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// burnPeriod is the period of the busy loop.
const burnPeriod = 20 * time.Millisecond

// Burn burns the share of a core that the dials ask for, until ctx ends.
func (s *Server) Burn(ctx context.Context) {
	tick := time.NewTicker(burnPeriod)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			work(time.Duration(s.dials.Load().CPU * float64(burnPeriod)))
		}
	}
}
