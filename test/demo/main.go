// Command demo tells Podgate's story live, on a real Kubernetes control plane,
// a real Prometheus and real traffic, and ends with a table of what was seen
// against what was expected. It exits with 1 if they differ.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/podgate/podgate/test/stage"
	"github.com/podgate/podgate/test/story"
)

func main() {
	keep := flag.Bool("keep", false, "leave everything running at the end, until Ctrl-C")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ok, err := run(ctx, *keep)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

func run(ctx context.Context, keep bool) (ok bool, err error) {
	fmt.Println("Setting the stage. The first time this builds Kubernetes and Prometheus from source, which takes minutes.")
	began := time.Now()
	s, err := stage.New(ctx, stage.Options{Log: os.Stdout})
	if err != nil {
		return false, err
	}
	defer func() {
		if stopErr := s.Stop(); err == nil {
			err = stopErr
		}
	}()
	fmt.Println("\n$ kubectl apply -k config/default")
	if err := s.Install(ctx); err != nil {
		return false, err
	}
	fmt.Println("$ kubectl apply -k config/samples")
	if err := s.Apply(ctx); err != nil {
		return false, err
	}
	fmt.Printf("The stage is set after %s. Data plane: %s.\n", time.Since(began).Round(time.Second), s.DataPlane())

	t := story.NewTeller(s, func(since time.Duration, line string) {
		fmt.Printf("  %3d s  %s\n", int(since.Seconds()), line)
	})
	for i, scene := range story.Scenes {
		fmt.Printf("\n%d. %s\n", i+1, scene.Title)
		if err = t.Play(ctx, scene); err != nil {
			break
		}
	}
	table(os.Stdout, t)
	if keep {
		lookAround(ctx, s)
	}
	return t.OK(), err
}
