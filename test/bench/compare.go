package main

import (
	"strings"
	"sync"
	"time"

	"github.com/podgate/podgate/test/bench/rival"
	"github.com/podgate/podgate/test/bench/score"
	"github.com/podgate/podgate/test/bench/stream"
)

type options struct {
	seeds          int
	first          uint64
	match, methods string
	workers        int
	tick           time.Duration
}

// row is one method on one scenario.
type row struct {
	Method, Scenario, Class string
	score.Outcome
}

// compare plays every method on every stream.
func compare(o options) []row {
	var entries []rival.Entry
	for _, e := range rival.All(o.tick) {
		if strings.Contains(e.Name, o.methods) {
			entries = append(entries, e)
		}
	}
	return play(o, scenarios(o), entries)
}

func scenarios(o options) (out []stream.Scenario) {
	for _, s := range stream.Scenarios() {
		if strings.Contains(s.Name, o.match) {
			out = append(out, s)
		}
	}
	return out
}

func play(o options, scenarios []stream.Scenario, entries []rival.Entry) []row {
	rows := make([]row, len(scenarios)*len(entries))
	runs := make([][]score.Outcome, len(scenarios)*o.seeds)
	jobs := make(chan int)
	var wait sync.WaitGroup
	for range o.workers {
		wait.Go(func() {
			for j := range jobs {
				run := stream.Generate(scenarios[j/o.seeds], o.first+uint64(j%o.seeds))
				for _, e := range entries {
					runs[j] = append(runs[j], score.Play(run, e))
				}
			}
		})
	}
	for j := range runs {
		jobs <- j
	}
	close(jobs)
	wait.Wait()
	for i, s := range scenarios {
		for k, e := range entries {
			at := &rows[i*len(entries)+k]
			at.Method, at.Scenario, at.Class = e.Name, s.Name, s.Class
			for n := range o.seeds {
				at.Add(runs[i*o.seeds+n][k])
			}
		}
	}
	return rows
}
