package load

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// Options are how the load should be. URL and Rate are required.
type Options struct {
	URL     string  // what to get
	Rate    float64 // requests a second, whatever becomes of the earlier ones
	Timeout time.Duration
	// DialContext connects; nil is the usual way. Each request has a connection
	// of its own, so that each is balanced by itself.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
}

// DefaultTimeout is how long a request may take, unless Options say otherwise.
const DefaultTimeout = 2 * time.Second

// Generator sends requests until it is stopped.
type Generator struct {
	*Log
	options Options
	client  *http.Client
	cancel  context.CancelFunc
	group   sync.WaitGroup
}

// Start begins to send requests.
func Start(o Options) *Generator {
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	ctx, cancel := context.WithCancel(context.Background())
	g := &Generator{
		Log: newLog(maxRecords), options: o, cancel: cancel,
		client: &http.Client{
			Timeout:   o.Timeout,
			Transport: &http.Transport{DisableKeepAlives: true, DialContext: o.DialContext},
		},
	}
	g.group.Go(func() { g.run(ctx) })
	return g
}

// Stop ends the load and waits for the requests under way, whose outcomes
// count.
func (g *Generator) Stop() {
	g.cancel()
	g.group.Wait()
}

// run starts each request at its time. If the machine falls behind, the ones
// it missed are sent at once: the rate holds on average.
func (g *Generator) run(ctx context.Context) {
	if g.options.Rate <= 0 {
		return
	}
	began := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for sent := 0; ; sent++ {
		due := began.Add(time.Duration(float64(sent) / g.options.Rate * float64(time.Second)))
		timer.Reset(time.Until(due))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			g.group.Go(g.request)
		}
	}
}

// request does one request. It is not interrupted by Stop: the Timeout ends it.
func (g *Generator) request() {
	outcome := Outcome{Start: time.Now()}
	response, err := g.client.Get(g.options.URL)
	if err == nil {
		outcome.Pod = response.Header.Get("X-Pod")
		outcome.Status = response.StatusCode
		_, err = io.Copy(io.Discard, response.Body)
		response.Body.Close()
	}
	outcome.Latency = time.Since(outcome.Start)
	outcome.Error = kindOf(err)
	g.add(outcome)
}

// kindOf sorts errors into a few kinds.
func kindOf(err error) ErrorKind {
	var network net.Error
	switch {
	case err == nil:
		return NoError
	case errors.As(err, &network) && network.Timeout():
		return TimedOut
	case errors.Is(err, syscall.ECONNREFUSED), contains(err, "connection refused"):
		return Refused
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), contains(err, "EOF"), contains(err, "connection reset"):
		return Broken
	}
	return OtherError
}
