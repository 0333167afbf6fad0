package convert

import (
	"cmp"
	"fmt"
	"math"
	"strings"
	"time"
)

// The modes of an activator.
const (
	periodic      = "periodic"
	retryAndKill  = "retryAndKill"
	retryAndPause = "retryAndPause"
)

// The most that a gate's recovery may have.
const (
	longestAfter    = 24 * time.Hour
	longestMaxAfter = 168 * time.Hour
	mostRetries     = 100
)

type activator struct {
	Mode          string  `json:"mode"`
	Period        float64 `json:"period"`
	MaxRetryCount *int    `json:"maxRetryCount"`
	MaxPauseCount *int    `json:"maxPauseCount"`
	// MaxRetry is a time that retry had in BreakerConfig, and nothing else had.
	MaxRetry float64 `json:"maxRetry"`
}

// way is an activator with the defaults filled in, and without what its mode does
// not heed: two that are equal do the same.
type way struct {
	mode            string
	period          time.Duration
	retries, pauses int
}

func (w way) String() string {
	text := fmt.Sprintf("%s, period %s", w.mode, duration(w.period))
	if w.mode != periodic {
		text += fmt.Sprintf(", maxRetryCount %d", w.retries)
	}
	if w.mode == retryAndPause {
		text += fmt.Sprintf(", maxPauseCount %d", w.pauses)
	}
	return text
}

// wayOf is how the pods of a breaker came back.
func (r *resource) wayOf(b breaker) way {
	a := cmp.Or(b.Activator, r.Spec.DefaultActivator, r.Spec.Activator, r.Spec.Retry, &activator{})
	w := way{mode: cmp.Or(a.Mode, periodic), period: r.seconds(a.Period, defaultStay)}
	if w.mode != periodic {
		w.retries = or(a.MaxRetryCount, defaultRetries)
	}
	if w.mode == retryAndPause {
		w.pauses = or(a.MaxPauseCount, defaultPauses)
	}
	return w
}

// otherWays names the breakers whose pods came back otherwise than those of the
// first.
func (r *resource) otherWays(breakers []breaker) (out []string) {
	first := r.wayOf(breakers[0])
	for _, b := range breakers[1:] {
		if w := r.wayOf(b); w != first {
			out = append(out, fmt.Sprintf("%s (%s)", b.Name, w))
		}
	}
	return out
}

// inNanoseconds is whether a duration is one: always in a BreakerConfig, and in
// kubervisor.k8s.io/v1 before it had seconds. As seconds it would be eleven days
// or more then.
func (r *resource) inNanoseconds(x float64) bool {
	return r.Kind == "BreakerConfig" || r.APIVersion == "kubervisor.k8s.io/v1" && x >= 1e6
}

// seconds is a duration of the resource; before stands for none.
func (r *resource) seconds(x float64, before time.Duration) time.Duration {
	if x <= 0 {
		return before
	}
	if !r.inNanoseconds(x) {
		x *= float64(time.Second)
	}
	if x >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(x)
}

// recovery writes how pods come back.
func (c *conversion) recovery(breakers []breaker) {
	d := &c.document
	w := c.wayOf(breakers[0])
	d.line(1, "recovery:")
	if others := c.otherWays(breakers); len(others) > 0 {
		d.comment(2, "Breakers had activators of their own; a gate has one way back, that of the first breaker, %s (%s). Not carried over: %s.", breakers[0].Name, w, strings.Join(others, "; "))
	}
	if retry := c.Spec.Retry; retry != nil && retry.MaxRetry > 0 {
		d.comment(2, "retry.maxRetry was a time, and cannot be carried over: retries is the number of trials that may fail.")
	}
	stay := c.stay(w)
	d.comment(2, "Pods come back one at a time, on trial, and go out again at once if they are still bad.")
	if w.mode == periodic {
		d.comment(2, "periodic: the same stay each time, for ever. With a longer maxAfter it doubles with each relapse.")
		d.line(2, "after: %s", duration(stay))
		d.line(2, "maxAfter: %s", duration(stay))
		d.line(2, "then: Retry")
		return
	}
	c.retries(w, stay)
	if w.mode == retryAndKill {
		d.comment(2, "The pod was deleted. Now it is evicted, so that PodDisruptionBudgets count.")
		d.line(2, "then: Evict")
		return
	}
	d.comment(2, "Paused pods stay out for a person. That only %d of them were paused and the others deleted (maxPauseCount) cannot be carried over: limits.maxGated bounds all that are out.", w.pauses)
	d.line(2, "then: Hold")
}

// stay is how long a pod is out the first time, with a comment if that changes.
func (c *conversion) stay(w way) time.Duration {
	switch {
	case w.period > longestAfter:
		c.comment(2, "period was %s; %s is the most.", duration(w.period), duration(longestAfter))
		return longestAfter
	case w.period < c.window:
		c.comment(2, "period was %s; a pod that comes back before %s would be judged by what it did before it went out.", duration(w.period), duration(c.window))
		return c.window
	}
	return w.period
}

// retries writes what becomes of a pod until its trials have all failed.
func (c *conversion) retries(w way, stay time.Duration) {
	d := &c.document
	retries := min(w.retries, mostRetries)
	if retries < w.retries {
		d.comment(2, "maxRetryCount was %d; %d is the most.", w.retries, mostRetries)
	}
	longest := stay * time.Duration(max(retries, 1))
	d.comment(2, "A stay was retryCount times the period; now it doubles with each relapse. Relapses were never forgiven; now they are after maxAfter of health.")
	if longest > longestMaxAfter {
		d.comment(2, "The longest stay was %s; %s is the most.", duration(longest), duration(longestMaxAfter))
		longest = longestMaxAfter
	}
	d.line(2, "after: %s", duration(stay))
	d.line(2, "maxAfter: %s", duration(longest))
	d.line(2, "retries: %d", retries)
}
