package wire

import (
	"io"
	"net"
)

// Pipe copies between a and b in both directions until both have ended, and
// closes them. The end of one direction is passed on by itself, so that a
// client may finish its request and still read the answer.
func Pipe(a, b net.Conn) {
	defer a.Close()
	defer b.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		oneWay(a, b)
	}()
	oneWay(b, a)
	<-done
}

func oneWay(to, from net.Conn) {
	_, err := io.Copy(to, from)
	if half, ok := to.(interface{ CloseWrite() error }); ok && err == nil {
		_ = half.CloseWrite()
		return
	}
	// A broken direction breaks the other too: the peers must see it.
	to.Close()
	from.Close()
}
