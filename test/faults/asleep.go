package faults

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/controller/decide"
	"github.com/podgate/podgate/test/inprocess"
)

// nap is where a controller falls asleep: at a write of its, before it reaches
// the API server or after.
type nap struct {
	at    int
	after bool
	// pods counts writes of pods only.
	pods bool
}

// least is how often a controller must come to a nap, before a write or after one:
// the finalizer, and for each of two pods the mark on the gate and the pod; or the
// pods alone.
func (n nap) least() int {
	if n.pods {
		return 4
	}
	return 10
}

// Asleep is a fault of two controllers, neither of which knows that the other
// leads too. The first sees two pods fail, and sleeps at another of its writes
// each time, or of its writes of pods only; the second sees two other pods fail
// meanwhile and takes them out, which is all that may be. Then the first wakes up
// in the middle of what it was about to do. A rule may be left out, in both.
func Asleep(podsOnly bool, without decide.Rule) Fault {
	return Fault{Name: "leader-asleep", Rounds: 1,
		What: "the leader falls asleep at each of its writes in turn, before it or after, and wakes up when another has taken out all that may be",
		Instead: func(ctx context.Context, a *Arena, r *Round) error {
			return a.inThisProcess(ctx, r, func() error {
				naps, err := a.sleepers(ctx, r, podsOnly, without)
				least := nap{pods: podsOnly}.least()
				r.check("it slept at its every write", naps >= least, "%d times", naps)
				return err
			})
		}}
}

// sleepers plays one life of a gate after the other, until the first controller
// has no more writes at which to sleep, or the limit is broken. It returns how
// often it slept.
func (a *Arena) sleepers(ctx context.Context, r *Round, podsOnly bool, without decide.Rule) (naps int, err error) {
	began := time.Now()
	for n, before := 1, -1; naps > before; n++ {
		before = naps
		for _, after := range []bool{false, true} {
			slept, err := a.sleeper(ctx, r, nap{n, after, podsOnly}, without)
			if err != nil {
				return naps, err
			}
			if slept {
				naps++
			}
			if out, limit := worst(a.pods.between(with, began, time.Now())); out > limit {
				return naps, nil
			}
		}
	}
	return naps, nil
}

// sleeper plays one life of a gate, and reports whether the first controller came
// to its nap.
func (a *Arena) sleeper(ctx context.Context, r *Round, at nap, rule decide.Rule) (slept bool, err error) {
	now := flies()
	one := &madeUp{pods: r.pods, time: now, flagged: func(int) []string { return r.pods[:2] }}
	two := &madeUp{pods: r.pods, time: now, flagged: func(int) []string { return r.pods[2:4] }}
	bed := &bed{nap: at, asleep: make(chan struct{}), wake: make(chan struct{})}
	err = a.within(ctx, inprocess.Options{Source: one, Clock: now, NewClient: inprocess.Writes(bed.write), Without: rule}, func() error {
		defer bed.getUp()
		if slept, err = a.fallsAsleep(ctx, bed, one, at.at <= at.least()/2); !slept {
			return err
		}
		second, err := inprocess.Start(ctx, inprocess.Options{Config: a.RESTConfig(), Namespace: with, Source: two, Clock: now, Without: rule})
		if err != nil {
			return err
		}
		defer second.Stop()
		if err := a.looksMore(ctx, two, 6); err != nil {
			return err
		}
		bed.getUp()
		return a.looksMore(ctx, one, 6)
	})
	return slept, err
}

// fallsAsleep waits until the controller sleeps, or, unless it must, has done all
// that it will do.
func (a *Arena) fallsAsleep(ctx context.Context, b *bed, source *madeUp, must bool) (asleep bool, err error) {
	err = a.until(ctx, time.Minute, func() error {
		select {
		case <-b.asleep:
			asleep = true
		default:
			if n := source.looked(); n < 10 || must {
				return fmt.Errorf("%d looks", n)
			}
		}
		return nil
	})
	return asleep, err
}

// looksMore waits until a controller has looked some more times.
func (a *Arena) looksMore(ctx context.Context, source *madeUp, times int) error {
	want := source.looked() + times
	return a.until(ctx, time.Minute, func() error {
		if n := source.looked(); n < want {
			return fmt.Errorf("%d looks, not %d", n, want)
		}
		return nil
	})
}

// bed is where a controller sleeps at one of its writes.
type bed struct {
	nap
	asleep, wake chan struct{}
	once         sync.Once

	mu     sync.Mutex
	writes int
}

func (b *bed) getUp() { b.once.Do(func() { close(b.wake) }) }

// write does a write, and sleeps if it is the one.
func (b *bed) write(obj client.Object, do func() error) error {
	_, pod := obj.(*corev1.Pod)
	b.mu.Lock()
	if pod || !b.pods {
		b.writes++
	}
	here := b.writes == b.at && (pod || !b.pods)
	b.mu.Unlock()
	if here && !b.after {
		b.sleep()
	}
	err := do()
	if here && b.after {
		b.sleep()
	}
	return err
}

func (b *bed) sleep() {
	close(b.asleep)
	<-b.wake
}
