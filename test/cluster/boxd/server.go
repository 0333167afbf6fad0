package boxd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/podgate/podgate/test/cluster/wire"
)

// inherited are the listeners made by the test process. A socket stays in the
// network namespace it was made in, so that those listeners are reached from
// the host while we accept on them inside.
type inherited struct{ control, api, prometheus net.Listener }

func inherit() (inherited, error) {
	var got [3]net.Listener
	for i := range got {
		file := os.NewFile(uintptr(wire.ControlFD+i), "listener")
		listener, err := net.FileListener(file)
		file.Close()
		if err != nil {
			return inherited{}, fmt.Errorf("inherited listener %d: %w (boxd is started by the package cluster, not by hand)", wire.ControlFD+i, err)
		}
		got[i] = listener
	}
	return inherited{control: got[0], api: got[1], prometheus: got[2]}, nil
}

// dialTimeout is how long a connection inside may take; a busy machine takes seconds.
const dialTimeout = time.Minute

// acceptAll hands every connection over until the listener is closed. A machine
// that is out of file descriptors for a moment is no reason to stop.
func acceptAll(listener net.Listener, handle func(net.Conn)) {
	for {
		conn, err := listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return // the box ends
		case err != nil:
			fmt.Fprintf(os.Stderr, "boxd: %v\n", err)
			time.Sleep(50 * time.Millisecond)
		default:
			go handle(conn)
		}
	}
}

// forward leads every connection of the listener to an address inside.
func (b *Box) forward(listener net.Listener, address string) {
	acceptAll(listener, func(outer net.Conn) {
		inner, err := net.DialTimeout("tcp", address, dialTimeout)
		if err != nil {
			outer.Close()
			return
		}
		wire.Pipe(outer, inner)
	})
}

// serveControl answers requests, each on a connection of its own.
func (b *Box) serveControl(ctx context.Context, listener net.Listener) {
	acceptAll(listener, func(conn net.Conn) { b.answer(ctx, conn) })
}

func (b *Box) answer(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	var request wire.Request
	if err := wire.Read(conn, &request); err != nil {
		return // the client went away, or is not one of ours
	}
	if request.Op == wire.Dial {
		b.dial(ctx, conn, request)
		return
	}
	response := wire.Response{}
	if request.Op == wire.Memory {
		response.Memory = b.memory()
	} else if err := b.do(ctx, request); err != nil {
		response.Error = err.Error()
	}
	_ = wire.Write(conn, response) // the client may have given up waiting
}

func (b *Box) do(ctx context.Context, request wire.Request) error {
	switch request.Op {
	case wire.WaitReady:
		<-b.started
		return b.failure
	case wire.SignalPod:
		if err := b.isStarted(); err != nil {
			return err
		}
		return b.agent.Signal(request.Namespace, request.Name, syscall.Signal(request.Signal))
	}
	c := b.components[request.Component]
	if c == nil {
		return fmt.Errorf("there is no component %q here", request.Component)
	}
	return c.do(ctx, request.Op)
}

// isStarted guards what exists only once the start has succeeded.
func (b *Box) isStarted() error {
	select {
	case <-b.started:
		return b.failure
	default:
		return fmt.Errorf("the cluster is still starting")
	}
}

// dial connects to an address inside and turns conn into that connection.
func (b *Box) dial(ctx context.Context, conn net.Conn, request wire.Request) {
	inner, err := b.connectTo(ctx, request.Network, request.Address)
	if err != nil {
		_ = wire.Write(conn, wire.Response{Error: err.Error()})
		return
	}
	if err := wire.Write(conn, wire.Response{}); err != nil {
		inner.Close()
		return
	}
	wire.Pipe(conn, inner)
}

func (b *Box) connectTo(ctx context.Context, network, address string) (net.Conn, error) {
	if b.config.Mode == wire.Loopback {
		if err := b.isStarted(); err != nil {
			return nil, err
		}
		var err error
		if address, err = b.services.resolve(address); err != nil {
			return nil, err
		}
	}
	dialer := net.Dialer{Timeout: dialTimeout}
	return dialer.DialContext(ctx, network, address)
}
