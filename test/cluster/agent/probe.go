package agent

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// probe begins to probe the process of the container's present life, until ctx
// ends. The channel it returns is closed when the process must be restarted.
func (c *container) probe(ctx context.Context) <-chan struct{} {
	unhealthy := make(chan struct{})
	go func() {
		if c.spec.StartupProbe != nil {
			if !c.startUp(ctx) {
				if ctx.Err() == nil {
					close(unhealthy)
				}
				return
			}
			c.set(func(s *core.ContainerStatus) {
				yes := true
				s.Started = &yes
				s.Ready = c.spec.ReadinessProbe == nil
			})
		}
		if c.spec.ReadinessProbe != nil {
			go c.keepReady(ctx)
		}
		if c.spec.LivenessProbe != nil {
			c.watchLive(ctx, unhealthy)
		}
	}()
	return unhealthy
}

// startUp probes until the startup probe has succeeded, or failed for good.
func (c *container) startUp(ctx context.Context) bool {
	started := false
	c.repeat(ctx, c.spec.StartupProbe, false, func(healthy bool) bool {
		started = healthy
		return false
	})
	return started
}

// keepReady keeps the container's readiness at what its probe finds.
func (c *container) keepReady(ctx context.Context) {
	c.repeat(ctx, c.spec.ReadinessProbe, true, func(healthy bool) bool {
		if ctx.Err() == nil {
			c.set(func(s *core.ContainerStatus) { s.Ready = healthy })
		}
		return true
	})
}

func (c *container) watchLive(ctx context.Context, unhealthy chan<- struct{}) {
	c.repeat(ctx, c.spec.LivenessProbe, false, func(healthy bool) bool {
		if !healthy && ctx.Err() == nil {
			close(unhealthy)
		}
		return healthy
	})
}

// repeat probes at the probe's period and tells the outcome each time that it
// is past its threshold, until the answer is false. If hasty, it asks often
// until the first success.
func (c *container) repeat(ctx context.Context, probe *core.Probe, hasty bool, tell func(healthy bool) bool) {
	period := seconds(probe.PeriodSeconds, 10)
	if !pause(ctx, time.Duration(probe.InitialDelaySeconds)*time.Second) {
		return
	}
	counter := counter{success: max(1, probe.SuccessThreshold), failure: max(1, probe.FailureThreshold)}
	for {
		err := c.ask(ctx, probe)
		if ctx.Err() != nil {
			return
		}
		hasty = hasty && err != nil
		if past, healthy := counter.count(err == nil); past && !tell(healthy) {
			return
		}
		wait := period
		if hasty {
			wait = min(period, hastyPeriod)
		}
		if !pause(ctx, wait) {
			return
		}
	}
}

// hastyPeriod is how often a container is asked that was never ready.
const hastyPeriod = 250 * time.Millisecond

// counter counts equal outcomes in a row against a probe's thresholds.
type counter struct {
	success, failure int32 // thresholds
	run              int32
	last             bool
}

// count takes an outcome and tells whether as many in a row are past the
// threshold, and which outcome that is.
func (c *counter) count(healthy bool) (past, outcome bool) {
	if healthy != c.last {
		c.run = 0
	}
	c.last = healthy
	c.run++
	if healthy {
		return c.run >= c.success, true
	}
	return c.run >= c.failure, false
}

// ask does one probe.
func (c *container) ask(ctx context.Context, probe *core.Probe) error {
	ctx, cancel := context.WithTimeout(ctx, seconds(probe.TimeoutSeconds, 1))
	defer cancel()
	if probe.HTTPGet != nil {
		return c.askHTTP(ctx, probe.HTTPGet)
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", c.address(probe.TCPSocket.Host, probe.TCPSocket.Port))
	if err != nil {
		return err
	}
	return conn.Close()
}

// probes does not verify certificates, as a kubelet does not either.
var probes = &http.Client{Transport: &http.Transport{
	DisableKeepAlives: true,
	TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
}}

func (c *container) askHTTP(ctx context.Context, get *core.HTTPGetAction) error {
	scheme := "http"
	if get.Scheme == core.URISchemeHTTPS {
		scheme = "https"
	}
	url := scheme + "://" + c.address(get.Host, get.Port) + "/" + strings.TrimPrefix(get.Path, "/")
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	for _, header := range get.HTTPHeaders {
		request.Header.Add(header.Name, header.Value)
	}
	response, err := probes.Do(request)
	if err != nil {
		return err
	}
	response.Body.Close()
	if response.StatusCode < 200 || response.StatusCode >= 400 {
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	return nil
}

// address is where a probe goes: to the pod, unless it names a host.
func (c *container) address(host string, port intstr.IntOrString) string {
	if host == "" {
		host = c.worker.ip
	}
	number := port.IntValue()
	for _, declared := range c.spec.Ports {
		if port.Type == intstr.String && declared.Name == port.StrVal {
			number = int(declared.ContainerPort)
		}
	}
	return net.JoinHostPort(c.worker.agent.options.Serve(host), strconv.Itoa(number))
}

func seconds(n int32, otherwise int32) time.Duration {
	if n <= 0 {
		n = otherwise
	}
	return time.Duration(n) * time.Second
}

// pause waits, and tells whether ctx is still on.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
