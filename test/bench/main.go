// The bench command compares detectors on seeded streams, and writes what it
// found as Markdown, JSON and pictures.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/podgate/podgate/anomaly"
	"github.com/podgate/podgate/test/bench/rival"
)

func main() {
	var o options
	flag.IntVar(&o.seeds, "seeds", 10, "streams of each scenario")
	flag.Uint64Var(&o.first, "first", 9001, "the first seed; development looked at those below 9000")
	flag.StringVar(&o.match, "match", "", "only scenarios with this in their names")
	flag.StringVar(&o.methods, "methods", "", "only methods with this in their names")
	flag.IntVar(&o.workers, "workers", 2, "streams at the same time")
	flag.DurationVar(&o.tick, "tick", 15*time.Second, "how often Podgate looks")
	out := flag.String("out", "", "the directory to write to; without it, one line a scenario is printed")
	only := flag.Bool("calibrate", false, "only count false alarms in healthy fleets")
	flag.Parse()
	switch {
	case *only:
		for _, c := range calibrate(o) {
			fmt.Println(c)
		}
	case *out == "":
		for _, r := range compare(o) {
			fmt.Println(r)
		}
	default:
		if err := everything(o, *out); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

// everything is the whole benchmark.
func everything(o options, out string) error {
	began := time.Now()
	rep := report{options: o, rows: compare(o)}
	fmt.Fprintln(os.Stderr, "compared after", time.Since(began))
	few := o
	few.seeds = min(o.seeds, 4)
	rep.ablation = play(few, scenarios(o), ablations(o.tick))
	slow := o
	slow.tick = 30 * time.Second
	rep.slow = play(slow, scenarios(o), []rival.Entry{
		rival.Podgate("podgate", slow.tick, 0),
		rival.Tuned("robust z, best tuned", slow.tick),
	})
	fmt.Fprintln(os.Stderr, "ablations and slow ticks after", time.Since(began))
	rep.calibration = calibrate(o)
	rep.took = time.Since(began)
	fmt.Fprintln(os.Stderr, "done after", rep.took)
	return rep.write(out)
}

// ablations are Podgate without one of its parts each.
func ablations(tick time.Duration) []rival.Entry {
	entries := []rival.Entry{rival.Podgate("all of it", tick, 0)}
	for _, a := range []struct {
		name string
		part anomaly.Part
	}{
		{"without the practical floors", anomaly.Floors},
		{"without three looks", anomaly.Looks},
		{"without recovering what is new in a window", anomaly.Overlap},
		{"without leaving suspects out of the baseline", anomaly.Suspicion},
		{"without dispersion", anomaly.Dispersion},
		{"without healthy spread", anomaly.Spread},
		{"without the typical pod", anomaly.Typical},
		{"without the fleet's past", anomaly.Past},
		{"with one alternative only", anomaly.Mixture},
	} {
		entries = append(entries, rival.Podgate(a.name, tick, a.part))
	}
	return append(entries, rival.Budget("with a bar 100 times stricter", tick, 3000))
}
