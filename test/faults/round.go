package faults

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/test/stage"
)

// errorShare is the share of its requests that a failing pod fails.
const errorShare = 0.3

// Round is one fault, once: what was done when, and what came of it.
type Round struct {
	Fault  string
	Number int
	// Sick are the pods that failed, Offset how long after them the fault began
	// (before them, if negative), and Lasted how long it lasted.
	Sick           []string
	Offset, Lasted time.Duration
	// With, Without and Alone are what the three fleets' clients saw.
	With, Without, Alone Client
	// MostOut is how many pods of the fleet under test were out at once, in the
	// state that was the worst for its Limit.
	MostOut, Limit int
	// Worked is how long after the end of the fault the gate worked again.
	Worked time.Duration
	// Said are the reasons of the gate's Ready while the fault lasted, in order.
	Said []string
	// Checks are all expectations.
	Checks []Check

	random *rand.Rand
	pods   []string // of a fleet, by index
	took   time.Duration
}

// Client is what a client saw.
type Client struct{ Requests, Failures int }

// Success is the share of requests that succeeded; 1 if there were none.
func (c Client) Success() float64 {
	if c.Requests == 0 {
		return 1
	}
	return 1 - float64(c.Failures)/float64(c.Requests)
}

func (c Client) plus(o Client) Client {
	return Client{c.Requests + o.Requests, c.Failures + o.Failures}
}

// Check is one expectation, and what was seen of it.
type Check struct {
	What, Seen string
	OK         bool
}

// OK reports whether everything was as expected, and something was expected.
func (r *Round) OK() bool {
	return len(r.Checks) > 0 && !slices.ContainsFunc(r.Checks, func(c Check) bool { return !c.OK })
}

func (r *Round) check(what string, ok bool, format string, args ...any) {
	r.Checks = append(r.Checks, Check{what, fmt.Sprintf(format, args...), ok})
}

// newRound draws what is random in a round: the same for the same seed, whatever
// else is played.
func newRound(seed uint64, f Fault, number int) *Round {
	hash := fnv.New64a()
	fmt.Fprintf(hash, "%s %d", f.Name, number)
	return &Round{Fault: f.Name, Number: number, random: rand.New(rand.NewPCG(seed, hash.Sum64()))}
}

// fork is a round whose random numbers may be drawn at the same time.
func (r *Round) fork() *Round {
	return &Round{Fault: r.Fault, random: rand.New(rand.NewPCG(r.random.Uint64(), 0)), pods: r.pods, Sick: r.Sick}
}

// seconds is a random time, in full milliseconds.
func (r *Round) seconds(from, to float64) time.Duration {
	return time.Duration((from + (to-from)*r.random.Float64()) * float64(time.Second)).Truncate(time.Millisecond)
}

// well are n pods that do not fail.
func (r *Round) well(n int) []string {
	pods := slices.DeleteFunc(slices.Clone(r.pods), func(p string) bool { return slices.Contains(r.Sick, p) })
	r.random.Shuffle(len(pods), func(i, j int) { pods[i], pods[j] = pods[j], pods[i] })
	return pods[:n]
}

// Play plays one round of a fault. An error means that it could not be played to
// its end; what was expected and not seen is in the round's checks.
func (a *Arena) Play(ctx context.Context, f Fault, number int) (*Round, error) {
	began := time.Now()
	r := newRound(a.options.Seed, f, number)
	for _, p := range a.fleets[with].pods {
		r.pods = append(r.pods, p.Name)
	}
	err := a.play(ctx, f, r)
	if err != nil {
		r.check("the round can be played", false, "%v", err)
	}
	r.took = time.Since(began)
	return r, err
}

func (a *Arena) play(ctx context.Context, f Fault, r *Round) (err error) {
	if f.Restore != nil {
		defer func() { err = errors.Join(err, f.Restore(ctx, a)) }()
	}
	if f.Prepare != nil {
		if err := f.Prepare(ctx, a); err != nil {
			return err
		}
	}
	if f.Instead != nil {
		err = f.Instead(ctx, a, r)
	} else if err = a.gateIsReady(ctx); err == nil {
		err = a.strike(ctx, f, r)
	}
	return errors.Join(err, a.cleanUp(ctx, r))
}

// gateIsReady makes a gate for the fleet under test and waits until it watches
// all pods, with nobody out.
func (a *Arena) gateIsReady(ctx context.Context) error {
	if _, err := a.Kubectl(ctx, "apply", "-k", a.data(with)); err != nil {
		return err
	}
	return a.until(ctx, 120*time.Second, func() error {
		gate, err := a.gate(ctx)
		if err != nil {
			return err
		}
		ready := meta.FindStatusCondition(gate.Status.Conditions, v1alpha1.ConditionReady)
		if ready == nil || ready.Reason != v1alpha1.ReasonEnforcing || gate.Status.LastEvaluation == nil ||
			int(gate.Status.LastEvaluation.Signals[0].Known) != len(a.fleets[with].pods) {
			return fmt.Errorf("the gate is not ready: %+v, %+v", ready, gate.Status.LastEvaluation)
		}
		return nil
	})
}

func (a *Arena) gate(ctx context.Context) (*v1alpha1.TrafficGate, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	gate := &v1alpha1.TrafficGate{}
	return gate, a.Client.Get(ctx, client.ObjectKey{Namespace: with, Name: stage.Gate}, gate)
}

// strike lets pods fail and the fault come, waits until the gate works again,
// mends the pods, and waits until they are back.
func (a *Arena) strike(ctx context.Context, f Fault, r *Round) error {
	sick := r.random.Perm(len(r.pods))[:max(f.Sick, 1)]
	for _, i := range sick {
		r.Sick = append(r.Sick, r.pods[i])
	}
	r.Offset = r.seconds(f.Earliest.Seconds(), f.Latest.Seconds())
	a.say("%s, round %d: %s fails %.0f %%, the fault comes %s later", f.Name, r.Number, strings.Join(r.Sick, ", "), 100*errorShare, r.Offset)
	began := time.Now()
	fault := a.begin(ctx, f, r, began.Add(max(r.Offset, 0)))
	if err := stage.Pause(ctx, max(-r.Offset, 0)); err != nil {
		return err
	}
	turned := a.turn(ctx, stage.Dials{ErrorShare: errorShare}, sick, with, without)
	struck := <-fault
	if err := errors.Join(turned, struck.err); err != nil {
		return err
	}
	r.Lasted, r.Said = struck.ended.Sub(struck.began), struck.said
	if err := a.waitUntilItWorks(ctx, f, r, began, struck.ended); err != nil {
		return err
	}
	ended := later(struck.ended, began).Add(a.options.Tail)
	if err := stage.Pause(ctx, time.Until(ended)+2500*time.Millisecond); err != nil { // a request takes up to 2 s
		return err
	}
	a.see(r, began, ended)
	if f.Check != nil {
		if err := f.Check(ctx, a, r); err != nil {
			return err
		}
	}
	mended := time.Now()
	if err := a.turn(ctx, stage.Dials{}, sick, with, without); err != nil {
		return err
	}
	err := a.waitUntilAllAreBack(ctx, r, mended)
	a.judge(f, r, began)
	return err
}

// struck is a fault that is over.
type struck struct {
	began, ended time.Time
	said         []string
	err          error
}

// begin plays the fault from an instant on, and listens to the gate meanwhile.
func (a *Arena) begin(ctx context.Context, f Fault, r *Round, at time.Time) <-chan struck {
	over := make(chan struck, 1)
	go func() {
		var s struck
		if s.err = stage.Pause(ctx, time.Until(at)); s.err == nil {
			s.began = time.Now()
			hush := a.listen(ctx)
			s.err = f.Play(ctx, a, r)
			s.ended, s.said = time.Now(), hush()
		}
		over <- s
	}()
	return over
}

// listen keeps the reasons that the gate gives from now on, until the returned
// function is called, which returns them in order.
func (a *Arena) listen(ctx context.Context) func() []string {
	ctx, cancel := context.WithCancel(ctx)
	heard := make(chan []string, 1)
	go func() {
		var said []string
		for {
			if gate, err := a.gate(ctx); err == nil {
				if c := meta.FindStatusCondition(gate.Status.Conditions, v1alpha1.ConditionReady); c != nil && !slices.Contains(said, c.Reason) {
					said = append(said, c.Reason)
				}
			}
			if stage.Pause(ctx, 200*time.Millisecond) != nil {
				heard <- said
				return
			}
		}
	}()
	return func() []string { cancel(); return <-heard }
}

// turn sets the dials of the same pods in several fleets.
func (a *Arena) turn(ctx context.Context, d stage.Dials, indexes []int, fleets ...string) error {
	var pods []corev1.Pod
	for _, name := range fleets {
		for _, i := range indexes {
			pods = append(pods, a.fleets[name].pods[i])
		}
	}
	return a.TurnPods(ctx, d, pods...)
}

// see keeps what the clients saw of the requests that began in a span of time.
func (a *Arena) see(r *Round, from, to time.Time) {
	saw := func(fleet string) Client {
		v := a.fleets[fleet].load.View(from, to)
		return Client{v.Count, v.Failures}
	}
	r.With, r.Without, r.Alone = saw(with), saw(without), saw(alone)
}

// waitUntilItWorks waits until the gate has looked again since the end of the
// fault, and has taken out as many of the failing pods as it may.
func (a *Arena) waitUntilItWorks(ctx context.Context, f Fault, r *Round, began, ended time.Time) error {
	want := min(len(r.Sick), allowed(len(r.pods)))
	err := a.until(ctx, 3*time.Minute, func() error {
		if most, _ := worst(a.pods.between(with, began, time.Now())); most < want {
			return fmt.Errorf("%d pods were taken out, not %d", most, want)
		}
		return a.looksSince(ctx, ended)
	})
	r.Worked = time.Since(ended)
	r.check("the gate works again", err == nil, "after %s: %v", r.Worked.Round(100*time.Millisecond), err)
	if err != nil {
		return err
	}
	a.say("the gate works again %s after the end of the fault", r.Worked.Round(100*time.Millisecond))
	return ctx.Err()
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
