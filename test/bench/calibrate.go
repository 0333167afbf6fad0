package main

import (
	"fmt"
	"math"
	"sync"

	"github.com/podgate/podgate/anomaly"
	"github.com/podgate/podgate/test/bench/rival"
	"github.com/podgate/podgate/test/bench/score"
	"github.com/podgate/podgate/test/bench/stream"
)

// calibrated is how many false alarms there were in so many healthy pod-days.
type calibrated struct {
	kind    anomaly.Kind
	what    string
	podDays float64
	false   int
}

// interval is the exact 95 % interval of the rate in 30 pod-days.
func (c calibrated) interval() (low, high float64) {
	k := float64(c.false)
	if c.false > 0 {
		low = solve(func(m float64) float64 { return 1 - poissonUpTo(k-1, m) }, 0.025)
	}
	high = solve(func(m float64) float64 { return 1 - poissonUpTo(k, m) }, 0.975)
	return 30 * low / c.podDays, 30 * high / c.podDays
}

func (c calibrated) String() string {
	low, high := c.interval()
	return fmt.Sprintf("%-10s %-34s %6.0f pod-days, %d false: %.3f in 30 pod-days (%.3f to %.3f)", c.kind, c.what, c.podDays, c.false, 30*float64(c.false)/c.podDays, low, high)
}

func poissonUpTo(k, mean float64) float64 {
	sum, term := 0.0, math.Exp(-mean)
	for i := 0.0; i <= k; i++ {
		sum += term
		term *= mean / (i + 1)
	}
	return sum
}

// solve finds where a rising function reaches y.
func solve(f func(float64) float64, y float64) float64 {
	low, high := 0.0, 1000.0
	for range 100 {
		if m := (low + high) / 2; f(m) < y {
			low = m
		} else {
			high = m
		}
	}
	return low
}

// healthy are fleets without any fault, over everything that fleets differ in.
func healthy() (all []stream.Scenario, what []string) {
	calm := stream.Scenario{Hours: 4, Missing: 0.01, Tail: 0.005, GC: 0.01, Noise: 0.12, AR: 0.9, Errors: 0.002}
	add := func(s stream.Scenario, w string) {
		s.Name = fmt.Sprintf("healthy-%s-%d", s.Kind, len(all))
		all, what = append(all, s), append(what, w)
	}
	for _, pods := range []int{3, 5, 10, 30, 100, 300} {
		for _, rate := range []float64{0.05, 0.5, 5, 50, 500} {
			for _, wild := range []bool{false, true} {
				s := calm
				s.Pods, s.Rate, s.Uneven = pods, rate, 0.4
				w := "independent events"
				if wild {
					w = "clumps, bursts and incidents"
					s.ErrorSD, s.PodSD, s.Bursts, s.Incidents, s.Uneven = 0.6, 0.2, 0.1, 0.5, 0.8
				}
				for _, errors := range []float64{0, 0.002, 0.02, 0.2} {
					s.Kind, s.Errors = anomaly.Ratio, errors
					add(s, w)
				}
				s.Kind = anomaly.Histogram
				add(s, w)
			}
		}
		for _, ar := range []float64{0.5, 0.9, 0.97} {
			for _, noise := range []float64{0.05, 0.12, 0.25} {
				for _, spikes := range []float64{0, 0.3} {
					s := calm
					s.Kind, s.Hours, s.Pods, s.AR, s.Noise, s.Spikes = anomaly.Value, 8, pods, ar, noise, spikes
					w := "without spikes"
					if spikes > 0 {
						w = "with spikes"
					}
					add(s, w)
				}
			}
		}
	}
	return all, what
}

// calibrate counts false alarms in healthy fleets.
func calibrate(o options) []calibrated {
	fleets, what := healthy()
	outcomes := make([]score.Outcome, len(fleets))
	entry := rival.Podgate("podgate", o.tick, 0)
	jobs := make(chan int)
	var wait sync.WaitGroup
	for range o.workers {
		wait.Go(func() {
			for j := range jobs {
				outcomes[j] = score.Play(stream.Generate(fleets[j], o.first+500_000), entry)
			}
		})
	}
	for j := range fleets {
		jobs <- j
	}
	close(jobs)
	wait.Wait()
	var out []calibrated
	for j, f := range fleets {
		at := -1
		for i := range out {
			if out[i].kind == f.Kind && out[i].what == what[j] {
				at = i
			}
		}
		if at < 0 {
			at = len(out)
			out = append(out, calibrated{kind: f.Kind, what: what[j]})
		}
		out[at].podDays += outcomes[j].PodHours / 24
		out[at].false += outcomes[j].False()
	}
	return out
}
