package cluster

import (
	"context"

	"github.com/podgate/podgate/test/cluster/wire"
)

// Component is a program of the cluster that can be stopped and started, so
// that a test sees what its absence does.
type Component struct {
	cluster *Cluster
	name    string
}

// Component is the component of the given name: etcd, kube-apiserver,
// kube-controller-manager, kube-proxy or prometheus. Whether there is one shows
// when it is used: without namespaces there is no kube-proxy.
func (c *Cluster) Component(name string) *Component { return &Component{cluster: c, name: name} }

// Start starts the component again, with its data, and waits until it is ready.
func (c *Component) Start(ctx context.Context) error { return c.do(ctx, wire.Start) }

// Stop ends the component in good order: SIGTERM, after ten seconds SIGKILL.
func (c *Component) Stop(ctx context.Context) error { return c.do(ctx, wire.Stop) }

// Kill ends the component at once, as a crash does.
func (c *Component) Kill(ctx context.Context) error { return c.do(ctx, wire.Kill) }

// Pause makes the component hang: connections to it are accepted, but nobody
// answers.
func (c *Component) Pause(ctx context.Context) error { return c.do(ctx, wire.Pause) }

// Continue ends a pause.
func (c *Component) Continue(ctx context.Context) error { return c.do(ctx, wire.Continue) }

// Log is the path of the file with the component's output.
func (c *Component) Log() string { return wire.ComponentLog(c.cluster.dir, c.name) }

func (c *Component) do(ctx context.Context, op wire.Op) error {
	_, err := c.cluster.request(ctx, wire.Request{Op: op, Component: c.name})
	return err
}
