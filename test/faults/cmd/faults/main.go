// Command faults plays every fault on a real cluster in a box, and writes what
// came of it as Markdown. It exits with 1 if anything was not as it must be.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/podgate/podgate/test/faults"
)

func main() {
	var o options
	flag.Uint64Var(&o.seed, "seed", 1, "decides which pod fails when, and when the fault comes")
	flag.StringVar(&o.out, "out", "", "the file to write; without it, it is printed")
	flag.StringVar(&o.only, "only", "", "only faults with this in their names; several by commas")
	flag.IntVar(&o.rounds, "rounds", 0, "rounds of each fault; 0: as many as are published")
	flag.BoolVar(&o.keep, "keep", false, "keep the cluster's logs")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ok, err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

type options struct {
	seed      uint64
	out, only string
	rounds    int
	keep      bool
}

func run(ctx context.Context, o options) (ok bool, err error) {
	began := time.Now()
	say := func(line string) { fmt.Fprintf(os.Stderr, "%5d s  %s\n", int(time.Since(began).Seconds()), line) }
	arena, err := faults.New(ctx, faults.Options{Seed: o.seed, Log: os.Stderr, Say: say, KeepDir: o.keep})
	if err != nil {
		return false, err
	}
	defer func() {
		if stopErr := arena.Stop(); err == nil {
			err = stopErr
		}
	}()
	report := faults.Report{Seed: o.seed, DataPlane: arena.DataPlane(), Command: strings.Join(append([]string{"go run ./faults/cmd/faults"}, os.Args[1:]...), " ")}
	for _, f := range faults.All() {
		if !o.wants(f.Name) || f.NeedsProxy && !arena.HasProxy() {
			continue
		}
		rounds := f.Rounds
		if o.rounds > 0 {
			rounds = o.rounds
		}
		for n := range rounds {
			r, err := arena.Play(ctx, f, n+1)
			for _, c := range r.Checks {
				if !c.OK {
					say("NOT AS IT MUST BE: " + c.What + ": " + c.Seen)
				}
			}
			report.Add(f, r)
			if err != nil {
				say(err.Error())
			}
			if ctx.Err() != nil {
				return false, ctx.Err()
			}
		}
	}
	report.Took, report.Lists = time.Since(began), arena.Lists()
	text := report.Markdown()
	if o.out == "" {
		fmt.Print(text)
		return report.OK(), nil
	}
	return report.OK(), os.WriteFile(o.out, []byte(text), 0o644)
}

func (o options) wants(name string) bool {
	for _, part := range strings.Split(o.only, ",") {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}
