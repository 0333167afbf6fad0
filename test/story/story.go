package story

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/podgate/podgate/test/stage"
)

// Scene is one part of the story. Scenes build on those before them.
type Scene struct {
	Title string
	Play  func(context.Context, *Teller) error
}

// Scenes are the story, in its order.
var Scenes = []Scene{
	{"Ten healthy pods, and a gate that watches them", healthy},
	{"One pod starts to fail 30 % of its requests", oneFails},
	{"A person overrules it, both ways, with kubectl label", overrule},
	{"The pod heals, and comes back on trial", heals},
	{"Six of ten pods fail at once", sixFail},
	{"Prometheus stops", prometheusStops},
	{"The gate is deleted", gateDeleted},
}

// Check is one expectation and what was seen.
type Check struct {
	Scene, What, Expected, Seen string
	OK                          bool
	// Goal marks a time beside its goal. A busy machine may miss it, so that
	// nothing is wrong if it was.
	Goal bool
}

// Wrong reports whether what was seen is not what must be.
func (c Check) Wrong() bool { return !c.OK && !c.Goal }

// Mark is a moment at which Prometheus has seen what the story tells, for
// pictures of it.
type Mark struct {
	// Name is short, lower case, and fit for a file.
	Name string
	At   time.Time
}

// Teller plays scenes on a stage, tells what happens, and keeps the checks.
type Teller struct {
	*stage.Stage
	// Say gets one line of the story; since is the time since it began.
	Say func(since time.Duration, line string)
	// Checks are all expectations so far.
	Checks []Check
	// Began is when the story began, and Marks are its moments.
	Began time.Time
	Marks []Mark
	// Sick is the pod that the story is about; empty until it falls ill.
	Sick string

	scene string
}

// NewTeller returns a teller whose clock starts now.
func NewTeller(s *stage.Stage, say func(time.Duration, string)) *Teller {
	return &Teller{Stage: s, Say: say, Began: time.Now()}
}

// Play plays one scene. An error means that the scene could not go on; what it
// expected and did not see is in the checks.
func (t *Teller) Play(ctx context.Context, s Scene) error {
	t.scene = s.Title
	if err := s.Play(ctx, t); err != nil {
		t.check("the scene goes on", "yes", err.Error(), false)
		return fmt.Errorf("%s: %w", s.Title, err)
	}
	return nil
}

func (t *Teller) say(format string, args ...any) {
	t.Say(time.Since(t.Began), fmt.Sprintf(format, args...))
}

// seen is how long Prometheus takes at most to see what the controller reports.
const seen = 3 * time.Second

// mark marks the moment. What it shows has been so for a while.
func (t *Teller) mark(name string) { t.Marks = append(t.Marks, Mark{name, time.Now()}) }

// markSeen marks the moment when Prometheus has seen what has just happened.
func (t *Teller) markSeen(ctx context.Context, name string) error {
	if err := stage.Pause(ctx, seen); err != nil {
		return err
	}
	t.mark(name)
	return nil
}

// check keeps an expectation and what was seen of it.
func (t *Teller) check(what, expected, seen string, ok bool) {
	t.Checks = append(t.Checks, Check{Scene: t.scene, What: what, Expected: expected, Seen: seen, OK: ok})
}

// took keeps how long something took beside its goal.
func (t *Teller) took(what string, goal, took time.Duration) {
	t.check(what, "< "+goal.String(), round(took).String(), took < goal)
	t.Checks[len(t.Checks)-1].Goal = true
}

// equal checks that two things read the same.
func (t *Teller) equal(what string, expected, seen any) {
	e, s := fmt.Sprint(expected), fmt.Sprint(seen)
	t.check(what, e, s, e == s)
}

// OK reports whether everything was as it must be.
func (t *Teller) OK() bool { return len(t.Checks) > 0 && !slices.ContainsFunc(t.Checks, Check.Wrong) }

// Missed are the goals that were missed.
func (t *Teller) Missed() (out []Check) {
	for _, c := range t.Checks {
		if c.Goal && !c.OK {
			out = append(out, c)
		}
	}
	return out
}

func percent(share float64) string { return fmt.Sprintf("%.1f %%", 100*share) }
