package faults

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/test/stage"
)

// kills are crashes: kill -9, and a new start some seconds later.
func kills() []Fault {
	crash := Fault{Rounds: 3, Earliest: -3 * time.Second, Latest: 16 * time.Second}
	of := func(name, what string, play func(context.Context, *Arena, *Round) error) Fault {
		f := crash
		f.Name, f.What, f.Play = name, what, play
		return f
	}
	controller := of("kill-controller", "kill -9 of the controller; the node restarts it", killController)
	controller.Rounds = 5
	prometheus := of("kill-prometheus", "kill -9 of Prometheus, back 8 to 12 s later", component("prometheus", 8, 12))
	prometheus.Says = v1alpha1.ReasonMetricsUnavailable
	proxy := of("kill-kube-proxy", "kill -9 of kube-proxy, back 3 to 8 s later", component("kube-proxy", 3, 8))
	proxy.NeedsProxy = true
	return []Fault{
		controller,
		of("kill-apiserver", "kill -9 of kube-apiserver, back 3 to 8 s later", component("kube-apiserver", 3, 8)),
		of("kill-etcd", "kill -9 of etcd, back 3 to 8 s later", component("etcd", 3, 8)),
		prometheus, proxy,
		of("kill-all", "kill -9 of all of them, in random order within 15 s, each back 3 to 8 s later", killAll),
	}
}

// component kills a component, and starts it after some seconds.
func component(name string, from, to float64) func(context.Context, *Arena, *Round) error {
	return func(ctx context.Context, a *Arena, r *Round) error {
		c := a.Component(name)
		away := r.seconds(from, to)
		a.say("kill -9 %s, for %s", name, away)
		started := a.logs.starts(name)
		if err := c.Kill(ctx); err != nil {
			return err
		}
		waited := stage.Pause(ctx, away)
		// An API server whose etcd stays away gives up, and is started again.
		if err := a.until(ctx, 2*time.Minute, func() error { return c.Start(ctx) }); err != nil {
			return err
		}
		started()
		return waited
	}
}

// killController kills the one controller there is.
func killController(ctx context.Context, a *Arena, _ *Round) error {
	a.say("kill -9 of the controller")
	pod, err := a.onlyController(ctx)
	if err != nil {
		return err
	}
	return a.killPod(ctx, pod)
}

// onlyController is the name of the one controller that there is.
func (a *Arena) onlyController(ctx context.Context) (string, error) {
	pods, err := a.controllers(ctx)
	if err != nil {
		return "", err
	}
	if len(pods) != 1 {
		return "", fmt.Errorf("%d controllers, not 1", len(pods))
	}
	return pods[0].Name, nil
}

// killPod kills a controller's process. One that has ended because it lost its
// lease is killed when it is there again, for which the node needs the API server.
func (a *Arena) killPod(ctx context.Context, name string) error {
	return a.until(ctx, 2*time.Minute, func() error {
		return a.SignalPod(ctx, stage.SystemNamespace, name, syscall.SIGKILL)
	})
}

// killAll kills everything there is, at moments of their own.
func killAll(ctx context.Context, a *Arena, r *Round) error {
	controller, err := a.onlyController(ctx) // while the API server is there to ask
	if err != nil {
		return err
	}
	victims := []func(context.Context, *Arena, *Round) error{
		component("kube-apiserver", 3, 8), component("etcd", 3, 8), component("prometheus", 3, 8),
		func(ctx context.Context, a *Arena, _ *Round) error {
			a.say("kill -9 of the controller")
			return a.killPod(ctx, controller)
		},
	}
	if a.HasProxy() {
		victims = append(victims, component("kube-proxy", 3, 8))
	}
	failures := make(chan error, len(victims))
	for _, kill := range victims {
		after, its := r.seconds(0, 15), r.fork()
		go func() {
			if err := stage.Pause(ctx, after); err != nil {
				failures <- err
				return
			}
			failures <- kill(ctx, a, its)
		}()
	}
	for range victims {
		if failure := <-failures; failure != nil {
			err = failure
		}
	}
	return err
}
