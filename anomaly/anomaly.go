package anomaly

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Sample is what is known of one pod and one signal at one tick.
type Sample struct {
	// Pod identifies the pod from tick to tick: its UID, or any key that no
	// later pod can have.
	Pod string
	// Judged says that the pod is served traffic and past its warm-up: it may be
	// called an outlier, and it stands as a peer for the others. A sample that
	// is not judged gets the verdict Unknown.
	Judged bool
	// Known says that the metrics had an answer for this pod. Missing data is
	// never evidence against a pod.
	Known bool
	// Stratum groups pods that may rightly differ from the rest, such as those of
	// one revision or node type; empty puts all in one.
	Stratum string

	// Bad and Total count the events of a ratio signal in the query's window:
	// 0 ≤ Bad ≤ Total; they need not be whole numbers.
	Bad, Total float64
	// Value is the answer of a value signal, in the user's own unit.
	Value float64
	// Bounds and Counts are the answer of a histogram signal: the upper bounds of
	// the buckets, ascending and ending in +Inf, and the cumulative counts of
	// events in the window at or below each.
	Bounds, Counts []float64
}

// Level is the sample as one number: the share of bad events of a ratio
// (between 0 and 1, NaN without events), or the value.
func (s Sample) level(kind Kind) float64 {
	if kind == Ratio {
		return s.Bad / s.Total
	}
	return s.Value
}

// Kind is what a signal's samples are made of.
type Kind string

// The kinds of signal.
const (
	// Ratio signals count bad events out of all events.
	Ratio Kind = "ratio"
	// Value signals are one number a pod.
	Value Kind = "value"
	// Histogram signals are bucket counts by upper bound.
	Histogram Kind = "histogram"
)

// Direction is the side on which a pod that differs is worse.
type Direction string

// The directions; the zero value means High.
const (
	High Direction = "High"
	Low  Direction = "Low"
	Both Direction = "Both"
)

// Class is the outcome of judging one pod. There are three, not two: a pod
// without data is not a bad pod.
type Class string

// The classes of verdict.
const (
	// Unknown: not judged, no data, or too few peers or events to tell.
	Unknown Class = "unknown"
	// Normal: judged, and not an outlier.
	Normal Class = "normal"
	// Outlier: worse than its peers by more than chance and by more than the user
	// cares about.
	Outlier Class = "outlier"
)

// Verdict is what a detector says of one pod at one tick, with the evidence a
// person needs to believe it.
type Verdict struct {
	// Pod is the sample's key.
	Pod string
	// Class is the outcome.
	Class Class
	// Level is the pod's own level (a share, or a value in the signal's unit);
	// NaN when there was none.
	Level float64
	// Peers is the level of its peers, or the limit of a rule that has no peers.
	Peers float64
	// Evidence speaks against the pod, Bar is how much of it makes an outlier;
	// both in the unit that the detector names (see Detector.Unit).
	Evidence, Bar float64
	// Samples is how many events (ratio, histogram) or points (value) stand
	// behind the level.
	Samples float64
	// Recovery is, for a pod that was called an outlier before, the evidence that
	// it got well since; Recovered of it and more is proof. 0 for the others, and
	// from detectors that don't gather any.
	Recovery float64
	// Bound is, for a histogram signal, the bound beyond which events were
	// counted: Level and Peers are the shares of events that were slower than it
	// (or faster, when Faster is set).
	Bound  float64
	Faster bool
	// Missing says, for Unknown, what was missing; empty otherwise.
	Missing string
}

// Worse reports whether a is the worse of two verdicts: more evidence in
// proportion to its bar, ties broken by the pod's key so that the same inputs
// give the same order.
func Worse(a, b Verdict) bool {
	if x, y := a.Excess(), b.Excess(); x != y {
		return x > y
	}
	return a.Pod < b.Pod
}

// Excess is the evidence in units of its bar: 1 and above is an outlier.
func (v Verdict) Excess() float64 {
	if v.Bar <= 0 || math.IsNaN(v.Evidence) {
		return 0
	}
	return v.Evidence / v.Bar
}

// Fleet is what a detector says of all judged pods together at one tick.
type Fleet struct {
	// Judged counts the samples that could have been outliers, Known those of
	// them with data.
	Judged, Known int
	// Level is the typical level now, Usual the same in the fleet's own past;
	// NaN where there is none.
	Level, Usual float64
	// Moved counts the known pods that are worse than the fleet's own past by
	// more than the user cares about. Half of the fleet or more is a common
	// cause: the fault is not in the pods.
	Moved int
}

// Result is the outcome of one step.
type Result struct {
	// Verdicts has one entry a sample, in the samples' order.
	Verdicts []Verdict
	Fleet    Fleet
}

// Detector judges the pods of one fleet by one signal, tick after tick. Its
// state is its own; a detector that is fed the same samples at the same times
// gives the same verdicts. It is not safe for concurrent use.
type Detector interface {
	// Step takes the samples of one tick, taken at now, and judges each pod.
	// Steps come in the order of time. The result is valid until the next step.
	Step(now time.Time, samples []Sample) Result
	// Unit names what Evidence and Bar are measured in, for people to read.
	Unit() string
}

// Format renders a level as a person would say it: a share in percent (a
// histogram's levels are shares beyond a bound), a value with four significant
// digits.
func Format(kind Kind, level float64) string {
	switch {
	case math.IsNaN(level):
		return "none"
	case kind != Value:
		return fmt.Sprintf("%.3g %%", 100*level)
	default:
		return strconv.FormatFloat(level, 'g', 4, 64)
	}
}
