// Command relay passes TCP connections on. A controller that reaches the API
// server through it is cut off by stopping it (SIGSTOP): as behind a network
// that drops everything, what was sent before arrives when it goes on.
package main

import (
	"flag"
	"fmt"
	"net"
	"os"

	"github.com/podgate/podgate/test/cluster/wire"
)

func main() {
	listen := flag.String("listen", "", "address to accept connections on")
	to := flag.String("to", "", "address to pass them on to")
	flag.Parse()
	fmt.Fprintln(os.Stderr, "relay:", relay(*listen, *to))
	os.Exit(1)
}

// relay passes connections on until there can be no more.
func relay(listen, to string) error {
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	for {
		outer, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			inner, err := net.Dial("tcp", to)
			if err != nil {
				outer.Close()
				return
			}
			wire.Pipe(outer, inner)
		}()
	}
}
