// Command programs builds and installs, with progress, what takes minutes the first
// time: what the cluster in a box consists of, promtool, the page that draws the
// dashboards, and Chromium. The tests would do the same, but go test shows nothing
// of it until they end.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/podgate/podgate/test/browser"
	"github.com/podgate/podgate/test/cluster/build"
	"github.com/podgate/podgate/test/render"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := get(ctx, "cluster"); err != nil {
		stop()
		fmt.Fprintln(os.Stderr, "programs:", err)
		os.Exit(1)
	}
}

// get gets everything; modules is the folder that holds the nested modules.
func get(ctx context.Context, modules string) error {
	modules, err := filepath.Abs(modules)
	if err != nil {
		return err
	}
	if _, err := build.Resolve(ctx, modules, os.Stdout); err != nil {
		return err
	}
	if _, err := build.Promtool.Get(ctx, modules, os.Stdout); err != nil {
		return err
	}
	err = render.Prepare(ctx, os.Stdout)
	if errors.Is(err, render.ErrNoNPM) || errors.Is(err, browser.ErrNone) {
		fmt.Println("the dashboards will not be drawn:", err)
		return nil
	}
	return err
}
