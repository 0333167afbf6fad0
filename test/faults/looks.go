package faults

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/test/inprocess"
	"github.com/podgate/podgate/test/stage"
)

// Looks is how many looks a controller takes at a fleet that is flagged whole.
const Looks = 1000

// looks are controllers in this process, which see what is made up.
func looks() []Fault {
	return []Fault{
		{Name: "all-flagged", What: fmt.Sprintf("%d looks with every pod flagged, by a threshold that all exceed", Looks), Rounds: 1,
			Instead: func(ctx context.Context, a *Arena, r *Round) error {
				return a.inThisProcess(ctx, r, func() error { return a.allFlagged(ctx, r) })
			}},
		{Name: "any-flagged", What: fmt.Sprintf("%d looks with other pods flagged at each: one to three, now and then up to all", Looks), Rounds: 1,
			Instead: func(ctx context.Context, a *Arena, r *Round) error {
				return a.inThisProcess(ctx, r, func() error { return a.anyFlagged(ctx, r) })
			}},
		Asleep(false, ""),
	}
}

// anybody are some pods, others at each look.
func (r *Round) anybody(int) []string {
	n := 1 + r.random.IntN(3)
	if r.random.IntN(20) == 0 {
		n = r.random.IntN(len(r.pods) + 1)
	}
	pods := slices.Clone(r.pods)
	r.random.Shuffle(len(pods), func(i, j int) { pods[i], pods[j] = pods[j], pods[i] })
	return pods[:n]
}

// inThisProcess sends the controllers home that run as pods while something is
// done with one in this process, and keeps what became of the pods and what the
// clients saw.
func (a *Arena) inThisProcess(ctx context.Context, r *Round, do func() error) error {
	scale := func(n int) error {
		_, err := a.Kubectl(ctx, "-n", stage.SystemNamespace, "scale", "deployment/podgate", fmt.Sprintf("--replicas=%d", n))
		return err
	}
	if err := errors.Join(scale(0), a.nobodyControls(ctx)); err != nil {
		return err
	}
	began := time.Now()
	err := do()
	r.Lasted = time.Since(began)
	states := a.pods.between(with, began, time.Now())
	r.MostOut, r.Limit = worst(states)
	r.check("never more pods out than allowed", r.MostOut <= r.Limit, "%d of %d, in %d states", r.MostOut, r.Limit, len(states))
	a.say("%s took %s", r.Fault, r.Lasted.Round(time.Second))
	err = errors.Join(err, scale(1), a.onlyOne(ctx))
	a.see(r, began, began.Add(r.Lasted))
	return err
}

func (a *Arena) nobodyControls(ctx context.Context) error {
	return a.until(ctx, 60*time.Second, func() error {
		var left corev1.PodList
		err := a.Client.List(ctx, &left, client.InNamespace(stage.SystemNamespace))
		if n := len(left.Items); n > 0 {
			return fmt.Errorf("%d controllers are left", n)
		}
		return err
	})
}

// allFlagged takes a thousand looks at which all pods are flagged: nobody is ever
// taken out.
func (a *Arena) allFlagged(ctx context.Context, r *Round) error {
	began, hush := time.Now(), a.listen(ctx)
	err := a.manyLooks(ctx, r, func(int) []string { return r.pods })
	r.Said = hush()
	out := everOut(a.pods.between(with, began, time.Now()))
	r.check("nobody was taken out", len(out) == 0, "%v", out)
	r.check("the gate says "+v1alpha1.ReasonCommonCause, slices.Contains(r.Said, v1alpha1.ReasonCommonCause), "%v", r.Said)
	return err
}

// anyFlagged takes a thousand looks at which some pods are flagged.
func (a *Arena) anyFlagged(ctx context.Context, r *Round) error {
	began := time.Now()
	err := a.manyLooks(ctx, r, r.anybody)
	states := a.pods.between(with, began, time.Now())
	r.check("pods were taken out, and came back", len(states) > 20, "%d states", len(states))
	return err
}

// manyLooks lets a controller take its thousand looks.
func (a *Arena) manyLooks(ctx context.Context, r *Round, flagged func(int) []string) error {
	source := &madeUp{pods: r.pods, time: flies(), flagged: flagged, stop: Looks}
	err := a.within(ctx, inprocess.Options{Source: source, Clock: source.time}, func() error {
		return a.until(ctx, 8*time.Minute, func() error {
			if n := source.looked(); n < Looks {
				return fmt.Errorf("%d looks", n)
			}
			return nil
		})
	})
	r.check("it looked", source.looked() == Looks, "%d times", source.looked())
	return err
}

// within makes a gate, runs a controller on it while something is done, and
// deletes the gate.
func (a *Arena) within(ctx context.Context, o inprocess.Options, do func() error) error {
	gate := madeUpGate()
	if err := a.Client.Create(ctx, gate); err != nil {
		return err
	}
	o.Config, o.Namespace = a.RESTConfig(), with
	c, err := inprocess.Start(ctx, o)
	if err != nil {
		return err
	}
	defer c.Stop()
	return errors.Join(do(), a.deleteGate(ctx))
}
