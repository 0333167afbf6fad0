// Package score puts every method through the same actuator and counts what it
// did right and wrong.
package score

import (
	"math"
	"slices"
	"time"

	"github.com/podgate/podgate/test/bench/rival"
	"github.com/podgate/podgate/test/bench/stream"
)

const (
	// Hold is how long a pod stays out after its last flag.
	Hold = 2 * time.Minute
	// grace is how long after a fault a pod may still be out, or be gated for it.
	grace = Hold + 3*time.Minute
	// minority is the most of the fresh pods that may be out.
	minority = 0.34
)

// Outcome is what one method did on one run, or on several together.
type Outcome struct {
	// Episodes are contiguous times out of traffic, Right those that touch a
	// fault of that pod or start soon after it.
	Episodes, Right int
	// Faults is how many there were, Hits how many were found, after Times
	// seconds.
	Faults, Hits int
	Times        []float64
	// WrongMinutes are healthy pod-minutes out, in PodHours of stream.
	WrongMinutes, PodHours float64
	// Runs that must not act, and those that did.
	MustNot, Violated int
}

// Add sums up outcomes.
func (o *Outcome) Add(x Outcome) {
	o.Episodes, o.Right = o.Episodes+x.Episodes, o.Right+x.Right
	o.Faults, o.Hits = o.Faults+x.Faults, o.Hits+x.Hits
	o.Times = append(o.Times, x.Times...)
	o.WrongMinutes, o.PodHours = o.WrongMinutes+x.WrongMinutes, o.PodHours+x.PodHours
	o.MustNot, o.Violated = o.MustNot+x.MustNot, o.Violated+x.Violated
}

// False are the episodes that were wrong.
func (o Outcome) False() int { return o.Episodes - o.Right }

// Precision is the share of episodes that were right; without any, one if
// there was nothing to find either.
func (o Outcome) Precision() float64 {
	if o.Episodes == 0 {
		if o.Faults == 0 {
			return 1
		}
		return 0
	}
	return float64(o.Right) / float64(o.Episodes)
}

// Recall is the share of faults that were found.
func (o Outcome) Recall() float64 {
	if o.Faults == 0 {
		return 1
	}
	return float64(o.Hits) / float64(o.Faults)
}

// F1 is the harmonic mean of both.
func (o Outcome) F1() float64 {
	p, r := o.Precision(), o.Recall()
	if p+r == 0 {
		return 0
	}
	return 2 * p * r / (p + r)
}

// WrongRate is wrong minutes per 1,000 pod-hours.
func (o Outcome) WrongRate() float64 {
	if o.PodHours == 0 {
		return 0
	}
	return 1000 * o.WrongMinutes / o.PodHours
}

// Quantile of the times to detect, in seconds; NaN when nothing was found.
func (o Outcome) Quantile(q float64) float64 {
	if len(o.Times) == 0 {
		return math.NaN()
	}
	t := slices.Clone(o.Times)
	slices.Sort(t)
	at := q * float64(len(t)-1)
	i := int(at)
	if i == len(t)-1 {
		return t[i]
	}
	return t[i] + (at-float64(i))*(t[i+1]-t[i])
}

// Play runs a method over a stream.
func Play(r *stream.Run, e rival.Entry) Outcome {
	out := Outcome{Faults: len(r.Faults)}
	if r.Scenario.MustNotAct {
		out.MustNot = 1
	}
	for i := range r.Pods {
		out.PodHours += float64(r.Pods[i].To-r.Pods[i].From) * stream.Step.Hours()
	}
	if e.Sees != nil && !e.Sees[r.Scenario.Kind] {
		return out
	}
	a := actuator{run: r, until: make([]int, len(r.Pods)), out: make([]bool, len(r.Pods)), since: make([]int, len(r.Pods))}
	m := e.New(r)
	every := stream.Steps(e.Every)
	for step := every; step <= r.Steps; step += every {
		flags, hold := m.Tick(r, step)
		a.apply(step, flags, hold)
		out.WrongMinutes += float64(a.wrong(step)) * e.Every.Minutes()
	}
	for i := range a.out {
		if a.out[i] {
			a.episodes = append(a.episodes, stream.Fault{Pod: i, From: a.since[i], To: r.Steps})
		}
	}
	a.count(&out)
	return out
}

// actuator is traffic: who is out, and until when.
type actuator struct {
	run      *stream.Run
	out      []bool
	since    []int
	until    []int
	episodes []stream.Fault
}

func (a *actuator) apply(step int, flags []rival.Flag, hold bool) {
	fresh, gone := 0, 0
	for i := range a.out {
		if a.out[i] && (step > a.run.Pods[i].To) {
			a.release(i, step)
		}
		if a.run.Known(i, step) && a.run.Judged(i, step) {
			fresh++
		}
	}
	for _, f := range flags {
		if a.out[f.Pod] {
			a.until[f.Pod] = step + stream.Steps(Hold)
		}
	}
	for i := range a.out {
		if a.out[i] && step >= a.until[i] {
			a.release(i, step)
		}
		if a.out[i] {
			gone++
		}
	}
	if hold {
		return
	}
	slices.SortFunc(flags, func(x, y rival.Flag) int {
		switch {
		case x.Score > y.Score:
			return -1
		case x.Score < y.Score:
			return 1
		}
		return x.Pod - y.Pod
	})
	limit := max(int(minority*float64(fresh)), 1)
	for _, f := range flags {
		if a.out[f.Pod] || !a.run.Judged(f.Pod, step) || gone >= limit {
			continue
		}
		a.out[f.Pod], a.since[f.Pod], a.until[f.Pod] = true, step, step+stream.Steps(Hold)
		gone++
	}
}

func (a *actuator) release(i, step int) {
	a.out[i] = false
	a.episodes = append(a.episodes, stream.Fault{Pod: i, From: a.since[i], To: step})
}

// wrong is how many healthy pods are out now.
func (a *actuator) wrong(step int) (n int) {
	for i, out := range a.out {
		if !out {
			continue
		}
		ill := false
		for _, f := range a.run.Faults {
			ill = ill || f.Pod == i && step >= f.From && step <= f.To+stream.Steps(grace)
		}
		if !ill {
			n++
		}
	}
	return n
}

func (a *actuator) count(o *Outcome) {
	for _, e := range a.episodes {
		o.Episodes++
		for _, f := range a.run.Faults {
			if f.Pod == e.Pod && e.To >= f.From && e.From <= f.To+stream.Steps(grace) {
				o.Right++
				break
			}
		}
	}
	for _, f := range a.run.Faults {
		first := -1
		for _, e := range a.episodes {
			if e.Pod == f.Pod && e.To > f.From && e.From <= f.To && (first < 0 || e.From < first) {
				first = e.From
			}
		}
		if first >= 0 {
			o.Hits++
			o.Times = append(o.Times, max(float64(first-f.From), 0)*stream.Step.Seconds())
		}
	}
	if a.run.Scenario.MustNotAct && o.Episodes > 0 {
		o.Violated = 1
	}
}
