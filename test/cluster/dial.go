package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/podgate/podgate/test/cluster/wire"
)

// DialContext connects to an address inside the cluster: a Service's ClusterIP
// or name (web.shop.svc:80), or a pod's address. What is refused inside is an
// error here. It fits http.Transport.
func (c *Cluster) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, _, err := c.ask(ctx, wire.Request{Op: wire.Dial, Network: network, Address: address})
	return conn, err
}

// request does one request that is not a Dial.
func (c *Cluster) request(ctx context.Context, request wire.Request) (wire.Response, error) {
	conn, response, err := c.ask(ctx, request)
	if err != nil {
		return response, err
	}
	return response, conn.Close()
}

// ask sends a request on a new connection and waits for the answer. The caller
// closes the connection if there is no error.
func (c *Cluster) ask(ctx context.Context, request wire.Request) (net.Conn, wire.Response, error) {
	var response wire.Response
	conn, err := c.connect(ctx)
	if err != nil {
		return nil, response, fmt.Errorf("the box does not answer: %w", err)
	}
	// The end of ctx interrupts the exchange, and must not touch conn later.
	release := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	err = exchange(conn, request, &response)
	if !release() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		return nil, response, errors.Join(ctx.Err(), err)
	}
	return conn, response, nil
}

// connect reaches the control socket. It tries again while more wait for the box
// than it can note.
func (c *Cluster) connect(ctx context.Context) (net.Conn, error) {
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", wire.ControlSocket(c.dir))
		if !errors.Is(err, syscall.EAGAIN) || ctx.Err() != nil {
			return conn, err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func exchange(conn net.Conn, request wire.Request, response *wire.Response) error {
	if err := wire.Write(conn, request); err != nil {
		return fmt.Errorf("ask the box: %w", err)
	}
	if err := wire.Read(conn, response); err != nil {
		return fmt.Errorf("the box's answer to %s: %w", request.Op, err)
	}
	return response.Err()
}
