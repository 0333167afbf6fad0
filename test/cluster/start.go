package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/podgate/podgate/test/cluster/build"
	"github.com/podgate/podgate/test/cluster/wire"
)

// Start starts a cluster and returns when it is ready: the API server answers,
// the nodes are Ready, Services lead to their pods, Prometheus scrapes. If it
// fails, nothing is left behind but the state directory with the logs, if
// Options.KeepDir is set.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	if err := checkEnvironment(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	c := &Cluster{options: o, log: &lines{to: o.Log}, ended: make(chan struct{})}
	began := time.Now()
	boxd, err := c.programsFor(ctx)
	if err != nil {
		return nil, err
	}
	if c.dir, err = os.MkdirTemp("", "podgate-"); err != nil {
		return nil, err
	}
	c.say("state directory %s", c.dir)
	if err := c.start(ctx, boxd); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	c.say("ready after %s; Services are balanced by %s", time.Since(began).Round(100*time.Millisecond), c.DataPlane())
	return c, nil
}

// programsFor finds or builds every program, and returns boxd's path.
func (c *Cluster) programsFor(ctx context.Context) (boxd string, err error) {
	module, err := moduleDir()
	if err != nil {
		return "", err
	}
	if c.programs, err = build.Resolve(ctx, filepath.Join(module, "cluster"), c.log); err != nil {
		return "", err
	}
	return build.Program(ctx, module, "./cluster/cmd/boxd")
}

// start runs the box and waits for it.
func (c *Cluster) start(ctx context.Context, boxd string) error {
	ways := c.chooseWay(ctx, boxd)
	c.mode = ways.mode
	listeners, err := c.listen()
	if err != nil {
		return err
	}
	defer listeners.close() // the box has its own copies then
	c.prometheus = "http://" + listeners.prometheus.Addr().String()
	err = wire.WriteConfig(wire.Config{
		Dir: c.dir, Mode: c.mode, Boxd: boxd, Programs: c.programs,
		Images: c.options.Images, Nodes: c.options.Nodes, ScrapeInterval: c.options.ScrapeInterval,
		APIAddress: listeners.api.Addr().String(), ProxyEnv: ways.env,
	})
	if err != nil {
		return err
	}
	if err := c.run(ways.command(boxd, c.dir), listeners); err != nil {
		return fmt.Errorf("start the box: %w", err)
	}
	if err := c.waitReady(ctx); err != nil {
		return err
	}
	c.rest, err = clientcmd.BuildConfigFromFlags("", c.Kubeconfig())
	if err != nil {
		return err
	}
	c.rest.QPS, c.rest.Burst = 200, 400 // a test must not wait for its own limiter
	return nil
}

// run starts the box with the listeners, and with a pipe that ends it when we
// end, in whatever way.
func (c *Cluster) run(cmd *exec.Cmd, l *listeners) (err error) {
	cmd.Stdout, cmd.Stderr = c.log, c.log
	if cmd.ExtraFiles, err = l.files(); err != nil {
		return err
	}
	defer func() {
		for _, file := range cmd.ExtraFiles {
			file.Close()
		}
	}()
	if c.lifeline, err = cmd.StdinPipe(); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	c.box = cmd
	go func() {
		_ = cmd.Wait() // how it ended shows in its last lines
		close(c.ended)
	}()
	return nil
}

// waitReady waits until the box says that everything is ready.
func (c *Cluster) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-ctx.Done():
		case <-c.ended:
			cancel(errors.New("the box ended"))
		}
	}()
	_, err := c.request(ctx, wire.Request{Op: wire.WaitReady})
	if err != nil {
		select {
		case <-c.ended:
			return fmt.Errorf("the box ended while starting; its last lines:\n%s", c.log.tail())
		default:
			return fmt.Errorf("start the cluster: %w", err)
		}
	}
	return nil
}

// listeners are made here, outside, and served inside.
type listeners struct {
	control         *net.UnixListener
	api, prometheus *net.TCPListener
}

func (c *Cluster) listen() (*listeners, error) {
	l := &listeners{}
	var err error
	socket := wire.ControlSocket(c.dir)
	if l.control, err = net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"}); err != nil {
		return nil, fmt.Errorf("%w (a path longer than 107 bytes is not possible: set TMPDIR to a shorter one)", err)
	}
	l.control.SetUnlinkOnClose(false) // closing our copy must not take it from the box
	loopback := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}
	if l.api, err = net.ListenTCP("tcp", loopback); err != nil {
		l.close()
		return nil, err
	}
	if l.prometheus, err = net.ListenTCP("tcp", loopback); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// files are the listeners in the order of wire's file descriptors.
func (l *listeners) files() ([]*os.File, error) {
	var all []*os.File
	for _, listener := range []interface{ File() (*os.File, error) }{l.control, l.api, l.prometheus} {
		file, err := listener.File()
		if err != nil {
			return all, err
		}
		all = append(all, file)
	}
	return all, nil
}

func (l *listeners) close() {
	l.control.Close()
	if l.api != nil {
		l.api.Close()
	}
	if l.prometheus != nil {
		l.prometheus.Close()
	}
}
