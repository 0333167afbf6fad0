// Command sample-server is the sample server of tests and the demo. It tells
// $POD_NAME in the header X-Pod. At SIGTERM it goes on serving for a while, so
// that the news that its endpoint is gone comes first, and then ends when the
// requests under way have ended.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/podgate/podgate/test/sample/server"
)

func main() {
	listen := flag.String("listen", ":8080", "address to serve on")
	drain := flag.Duration("drain", 3*time.Second, "how long to go on serving after SIGTERM")
	dials := server.Healthy
	flag.TextVar(&dials.RequestCPU, "request-cpu", dials.RequestCPU, "CPU time that a request takes, at start")
	flag.Parse()
	if err := run(*listen, *drain, dials); err != nil {
		fmt.Fprintln(os.Stderr, "sample-server:", err)
		os.Exit(1)
	}
}

func run(listen string, drain time.Duration, dials server.Dials) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	sample := server.New(os.Getenv("POD_NAME"), dials)
	go sample.Burn(ctx)
	web := &http.Server{Addr: listen, Handler: sample, ReadHeaderTimeout: time.Minute}
	failed := make(chan error, 1)
	go func() { failed <- web.ListenAndServe() }()
	fmt.Println("serving on", listen)
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	fmt.Println("draining for", drain)
	time.Sleep(drain)
	limited, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := web.Shutdown(limited); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}
