package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/podgate/podgate/test/render"
	"github.com/podgate/podgate/test/stage"
	"github.com/podgate/podgate/test/story"
)

func main() {
	out := flag.String("out", "../docs/img", "where the pictures go")
	dashboards := flag.String("dashboards", "../config/grafana", "where the dashboards are")
	keep := flag.String("keep", "", "a directory to leave Prometheus' data and the moments in")
	from := flag.String("from", "", "a directory that -keep left: draws the pictures again, without a cluster")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	d := drawing{dashboards: *dashboards, out: *out}
	err := error(nil)
	if *from != "" {
		err = again(ctx, d, *from)
	} else {
		err = play(ctx, d, *keep)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "pictures:", err)
		os.Exit(1)
	}
}

// play plays the story and draws it.
func play(ctx context.Context, d drawing, keep string) (err error) {
	s, err := stage.New(ctx, stage.Options{Log: os.Stdout, KeepDir: keep != ""})
	if err != nil {
		return err
	}
	told := moments{}
	defer func() {
		err = errors.Join(err, s.Stop())
		if keep != "" {
			err = errors.Join(err, told.keep(keep, filepath.Join(s.Dir(), "prometheus")), os.RemoveAll(s.Dir()))
		}
	}()
	if err := errors.Join(s.Install(ctx), s.Apply(ctx)); err != nil {
		return err
	}
	t := story.NewTeller(s, func(since time.Duration, line string) { fmt.Printf("  %3d s  %s\n", int(since.Seconds()), line) })
	for _, scene := range story.Scenes {
		if err := t.Play(ctx, scene); err != nil {
			return err
		}
	}
	for _, c := range t.Checks {
		if c.Wrong() {
			return fmt.Errorf("%s: %s is %s, expected %s: that is not the story to draw", c.Scene, c.What, c.Seen, c.Expected)
		}
	}
	told = moments{Began: t.Began, Marks: t.Marks}
	return d.draw(ctx, told, s.PrometheusURL())
}

// drawing is what to draw, and where to.
type drawing struct{ dashboards, out string }

// fold is how much of a dashboard is seen at once.
const fold = 1000

// draw draws the dashboard of the Service at each moment, above the fold, and both
// dashboards in full while a pod is gated.
func (d drawing) draw(ctx context.Context, told moments, prometheus string) error {
	for _, m := range told.Marks {
		if err := d.one(ctx, "podgate-service.json", "service-"+m.Name, told.Began, m.At, prometheus, fold); err != nil {
			return err
		}
		if m.Name != "gated" {
			continue
		}
		if err := d.one(ctx, "podgate-service.json", "service", told.Began, m.At, prometheus, 0); err != nil {
			return err
		}
		if err := d.one(ctx, "podgate-overview.json", "overview", told.Began, m.At, prometheus, 0); err != nil {
			return err
		}
	}
	return nil
}

const (
	// shown is how much time a picture shows at most.
	shown = 5 * time.Minute
	// coarse is what the data source says of Prometheus, which scrapes each second: so
	// that rates are over more than the five seconds between two looks.
	coarse = 2 * time.Second
)

func (d drawing) one(ctx context.Context, dashboard, name string, began, at time.Time, prometheus string, height int) error {
	text, err := os.ReadFile(filepath.Join(d.dashboards, dashboard))
	if err != nil {
		return err
	}
	start := at.Add(-shown)
	if began.After(start) {
		start = began
	}
	p, err := render.Dashboard(ctx, render.Options{JSON: text, PrometheusURL: prometheus, From: start, To: at, ScrapeInterval: coarse, Height: height, Log: os.Stdout})
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	for _, panel := range p.Panels {
		if panel.Error != "" {
			return fmt.Errorf("%s: the panel %q: %s", name, panel.Title, panel.Error)
		}
	}
	if len(p.Complaints) > 0 || len(p.Foreign) > 0 {
		return fmt.Errorf("%s: the browser complains %q, and asks for %q", name, p.Complaints, p.Foreign)
	}
	file := filepath.Join(d.out, name+".png")
	fmt.Printf("%s: %d panels, %d kB\n", file, len(p.Panels), len(p.PNG)/1000)
	return errors.Join(os.MkdirAll(d.out, 0o755), os.WriteFile(file, p.PNG, 0o644))
}
