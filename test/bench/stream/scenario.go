// Package stream makes the streams of metrics that detectors are compared on:
// fleets with uneven load, noise, incidents and missing scrapes, in which some
// pods are at fault for half an hour, all from a seed.
package stream

import (
	"time"

	"github.com/podgate/podgate/anomaly"
)

// Step is the resolution of a stream; every method's tick is a multiple.
const Step = 5 * time.Second

// Scenario is one kind of fleet and fault.
type Scenario struct {
	Name, Class string
	// Says is the scenario in a sentence.
	Says  string
	Kind  anomaly.Kind
	Hours float64
	Pods  int

	// Rate is the mean requests a second and pod, Uneven the standard deviation of
	// its log between pods.
	Rate, Uneven float64
	// Errors is the share of bad requests, ErrorSD the standard deviation of its
	// log over time, PodSD between pods, Bursts of 5 to 15 bad requests come so
	// often a pod-hour, Incidents of the whole fleet so often an hour.
	Errors, ErrorSD, PodSD, Bursts, Incidents float64
	// Missing is the share of scrapes that fail.
	Missing float64
	// Tail and GC are the shares of requests in the Pareto tail, and of steps in a
	// collection.
	Tail, GC float64
	// Types are the factors of latency or value that pods differ by in turn.
	Types []float64
	// Noise and AR describe a gauge, Spikes come so often a pod-hour; Quantised
	// rounds it to whole numbers.
	Noise, AR, Spikes float64
	Quantised         bool

	// Faulty pods are at fault: that share of requests fails, or their latency or
	// value is multiplied by Effect (or Add added), or SlowShare of requests takes
	// 300 ms more.
	Faulty      int
	Effect, Add float64
	SlowShare   float64
	Flapping    bool
	// Dependency makes all pods bad at once, for half an hour; Deploy replaces
	// them one by one, with cold starts; Canary is a share of pods slower by
	// CanaryEffect from the middle on.
	Dependency, Deploy   bool
	Canary, CanaryEffect float64
	// MustNotAct says that any gating is wrong.
	MustNotAct bool
}

func base(class, name, says string, kind anomaly.Kind) Scenario {
	return Scenario{
		Name: name, Class: class, Says: says, Kind: kind, Hours: 4, Pods: 20,
		Rate: 10, Uneven: 0.4, Errors: 0.002, ErrorSD: 0.3, Bursts: 0.1, Incidents: 0.25, Missing: 0.01,
		Tail: 0.005, GC: 0.01, Noise: 0.12, AR: 0.9, Spikes: 0.3,
	}
}

// Scenarios are all of them.
func Scenarios() []Scenario {
	var all []Scenario
	add := func(s Scenario, change func(*Scenario)) {
		change(&s)
		all = append(all, s)
	}
	e := func(name, says string, change func(*Scenario)) {
		add(base("errors", name, says, anomaly.Ratio), change)
	}
	l := func(name, says string, change func(*Scenario)) {
		add(base("latency", name, says, anomaly.Histogram), change)
	}
	v := func(name, says string, change func(*Scenario)) {
		add(base("gauges", name, says, anomaly.Value), change)
	}

	e("errors-20", "one of 20 pods fails 20 % of requests", func(s *Scenario) { s.Faulty, s.Effect = 1, 0.2 })
	e("errors-gray", "one of 20 pods fails 2 %", func(s *Scenario) { s.Faulty, s.Effect = 1, 0.02 })
	low := func(s *Scenario) { s.Pods, s.Rate, s.Uneven, s.Errors = 10, 0.2, 0.8, 0.005 }
	e("errors-low-traffic", "0.2 requests a second; one of 10 pods fails 30 %", func(s *Scenario) {
		low(s)
		s.Faulty, s.Effect = 1, 0.3
	})
	e("errors-low-healthy", "the same fleet, healthy", low)
	e("errors-3-pods", "one of 3 pods fails 10 %", func(s *Scenario) { s.Pods, s.Faulty, s.Effect = 3, 1, 0.1 })
	e("errors-300-pods", "three of 300 pods fail 5 %", func(s *Scenario) { s.Pods, s.Faulty, s.Effect = 300, 3, 0.05 })
	e("errors-zone", "a zone, 10 of 30 pods, fails 10 %", func(s *Scenario) { s.Pods, s.Faulty, s.Effect = 30, 10, 0.1 })
	e("errors-majority", "12 of 20 pods fail 20 %: must not act", func(s *Scenario) { s.Faulty, s.Effect, s.MustNotAct = 12, 0.2, true })
	e("errors-dependency", "all pods fail 5 to 30 %: must not act", func(s *Scenario) { s.Dependency, s.MustNotAct = true, true })
	e("errors-flapping", "one pod fails 20 %, a minute on and a minute off", func(s *Scenario) { s.Faulty, s.Effect, s.Flapping = 1, 0.2, true })
	e("errors-noisy", "a very noisy fleet; one pod fails 10 %", func(s *Scenario) {
		s.ErrorSD, s.Bursts, s.Incidents, s.Faulty, s.Effect = 0.6, 1, 1, 1, 0.1
	})
	e("errors-missing", "15 % of scrapes are missing; one pod fails 10 %", func(s *Scenario) { s.Missing, s.Faulty, s.Effect = 0.15, 1, 0.1 })
	e("errors-deploy", "a rolling deployment with cold starts: must not act", func(s *Scenario) { s.Deploy, s.MustNotAct = true, true })
	e("errors-healthy", "eight healthy hours", func(s *Scenario) { s.Hours = 8 })

	l("latency-3x", "one of 20 pods is 3 times slower", func(s *Scenario) { s.Faulty, s.Effect = 1, 3 })
	l("latency-1.7x", "one of 20 pods is 1.7 times slower", func(s *Scenario) { s.Faulty, s.Effect = 1, 1.7 })
	l("latency-healthy", "eight healthy hours with a heavy tail and collections", func(s *Scenario) { s.Hours, s.Tail, s.GC = 8, 0.01, 0.03 })
	l("latency-node-types", "nodes 1 and 1.3 times as slow; one pod is 3 times slower", func(s *Scenario) {
		s.Types, s.Faulty, s.Effect = []float64{1, 1.3}, 1, 3
	})
	l("latency-canary", "a canary of 20 % is 1.3 times slower: must not act", func(s *Scenario) {
		s.Canary, s.CanaryEffect, s.MustNotAct = 0.2, 1.3, true
	})
	l("latency-low-traffic", "0.2 requests a second; one of 10 pods is 4 times slower", func(s *Scenario) {
		s.Pods, s.Rate, s.Uneven, s.Faulty, s.Effect = 10, 0.2, 0.8, 1, 4
	})
	l("latency-3-pods", "one of 3 pods is 3 times slower", func(s *Scenario) { s.Pods, s.Faulty, s.Effect = 3, 1, 3 })
	l("latency-majority", "12 of 20 pods are 3 times slower: must not act", func(s *Scenario) { s.Faulty, s.Effect, s.MustNotAct = 12, 3, true })
	l("latency-deploy", "a rolling deployment with cold starts: must not act", func(s *Scenario) { s.Deploy, s.MustNotAct = true, true })
	l("latency-gray", "15 % of one pod's requests take 300 ms more", func(s *Scenario) { s.Faulty, s.Effect, s.SlowShare = 1, 1, 0.15 })

	v("gauge-2.5x", "one of 20 pods uses 2.5 times as much", func(s *Scenario) { s.Faulty, s.Effect = 1, 2.5 })
	v("gauge-node-types", "eight healthy hours, nodes 1 and 1.3, slow noise", func(s *Scenario) { s.Hours, s.Types, s.AR = 8, []float64{1, 1.3}, 0.97 })
	v("gauge-quantised", "whole numbers, most of them equal; one pod has 4 more", func(s *Scenario) {
		s.Quantised, s.Faulty, s.Effect, s.Add = true, 1, 1, 4
	})
	v("gauge-5-pods", "one of 5 pods uses twice as much", func(s *Scenario) { s.Pods, s.Faulty, s.Effect = 5, 1, 2 })
	v("gauge-majority", "12 of 20 pods use 2.5 times as much: must not act", func(s *Scenario) { s.Faulty, s.Effect, s.MustNotAct = 12, 2.5, true })
	return all
}
