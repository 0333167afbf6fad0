package simulate

import (
	"flag"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/podgate/podgate/controller/decide"
)

var (
	steps  = flag.Int("simulate.steps", 20_000, "how many steps TestPromises simulates")
	seed   = flag.Uint64("simulate.seed", 1, "the seed of the first run")
	replay = flag.String("simulate.replay", "", "the script that TestReplay plays, as a failure prints it, or a seed")
	rule   = flag.String("simulate.without", "", "the rule that TestReplay leaves out")
)

// TestPromises plays runs made up at random, until so many steps are done, and
// fails at the first promise that is broken.
func TestPromises(t *testing.T) {
	if testing.Short() {
		*steps = min(*steps, 4000)
	}
	var next atomic.Uint64
	next.Store(*seed)
	var lock sync.Mutex
	var total Outcome
	events, kinds := map[string]int{}, map[Kind]int{}
	began, runs := time.Now(), 0
	t.Run("runs", func(t *testing.T) {
		for worker := range runtime.GOMAXPROCS(0) {
			t.Run(fmt.Sprint(worker), func(t *testing.T) {
				t.Parallel()
				for {
					lock.Lock()
					enough := total.Steps >= *steps
					lock.Unlock()
					if enough || t.Failed() {
						return
					}
					script := NewScript(next.Add(1)-1, Episode)
					out := Run(t, script, Options{})
					if out.Violation != nil {
						t.Error(tell(t, script, out, ""))
						return
					}
					lock.Lock()
					runs++
					total.Steps, total.Passes, total.Calls, total.Writes = total.Steps+out.Steps, total.Passes+out.Passes, total.Calls+out.Calls, total.Writes+out.Writes
					total.Settled, total.Canaries = total.Settled+out.Settled, total.Canaries+out.Canaries
					for k, n := range out.Events {
						events[k] += n
					}
					for _, a := range script.Actions {
						kinds[a.Kind]++
					}
					lock.Unlock()
				}
			})
		}
	})
	t.Logf("%d runs from seed %d in %s: %d steps, %d passes of the controller with %d calls and %d writes; %d times nothing had disturbed it; %d sick pods went out and came back in the end",
		runs, *seed, time.Since(began).Round(time.Second), total.Steps, total.Passes, total.Calls, total.Writes, total.Settled, total.Canaries)
	t.Logf("what happened: %s", counts(kinds))
	t.Logf("what the controller told of: %s", counts(events))
	if t.Failed() {
		return
	}
	// A simulation in which the controller has nothing to do proves nothing.
	for _, reason := range []string{"Gated", "Released", "HeldBack", "HeldOut", "CommonCause", "LimitReached", "Evicted", "Labelled", "OverrideEnded", "WriteFailed"} {
		if events[reason] == 0 && *steps >= 20_000 {
			t.Errorf("the controller never told of %s: the simulation does not get there", reason)
		}
	}
	if total.Canaries == 0 {
		t.Error("no pod went out and came back at the end of a run")
	}
}

// tell tells a failure with as few actions as can be found, and how to see it
// again.
func tell(t *testing.T, script Script, out Outcome, without decide.Rule) string {
	promise := out.Violation.Promise
	short := script
	short.Actions = script.Actions[:min(out.Step+1, len(script.Actions))]
	fails := func(s Script) bool {
		again := Run(t, s, Options{Without: without})
		return again.Violation != nil && again.Violation.Promise == promise
	}
	if fails(short) {
		short = Shrink(short, 300, fails)
	} else {
		short = script
	}
	last := Run(t, short, Options{Without: without})
	see := ""
	if without != "" {
		see = " -simulate.without " + string(without)
	}
	return fmt.Sprintf("seed %d, step %d: %s\nwith %d of %d actions: %s\nto see it: go test ./simulate -run TestReplay -v -simulate.replay %s%s",
		script.Config.Seed, out.Step, out.Violation, len(short.Actions), len(script.Actions), last.Violation, short, see)
}

// counts writes how often each thing was, the most frequent first.
func counts[K ~string](m map[K]int) string {
	keys := slices.SortedFunc(maps.Keys(m), func(a, b K) int {
		if m[a] != m[b] {
			return m[b] - m[a]
		}
		return strings.Compare(string(a), string(b))
	})
	var out []string
	for _, k := range keys {
		out = append(out, fmt.Sprintf("%s %d", k, m[k]))
	}
	return strings.Join(out, ", ")
}

// TestReplay plays one script and tells all that happens in it.
func TestReplay(t *testing.T) {
	if *replay == "" {
		t.Skip("plays what -simulate.replay says")
	}
	script, err := Parse(*replay)
	if err != nil {
		t.Fatal(err)
	}
	out := Run(t, script, Options{Without: decide.Rule(*rule), Trace: func(line string) { t.Log(line) }})
	if out.Violation != nil {
		t.Errorf("step %d: %s", out.Step, out.Violation)
	}
}

// TestRunsRepeat: the same script gives the same writes, in this process and with
// another run between them; a failure can be seen again.
func TestRunsRepeat(t *testing.T) {
	for seed := uint64(1); seed <= 6; seed++ {
		script := NewScript(seed, 150)
		a := Run(t, script, Options{})
		Run(t, NewScript(seed+100, 50), Options{})
		b := Run(t, script, Options{})
		if a.Digest != b.Digest || a.Writes == 0 || a.Writes != b.Writes {
			t.Errorf("seed %d: %d writes with digest %x, then %d with %x", seed, a.Writes, a.Digest, b.Writes, b.Digest)
		}
	}
}

// TestShrink: what matters is found among what does not, and a script is read as
// it was written.
func TestShrink(t *testing.T) {
	script := NewScript(7, 200)
	has := func(s Script, step int) bool {
		return slices.ContainsFunc(s.Actions, func(a Action) bool { return a.Step == step })
	}
	short := Shrink(script, 1000, func(s Script) bool { return has(s, 13) && has(s, 14) && has(s, 150) })
	if got := short.String(); got != "7:200:13-14,150" {
		t.Errorf("shrunk to %s", got)
	}
	again, err := Parse(short.String())
	if err != nil || again.String() != short.String() || len(again.Actions) != 3 || again.Actions[0] != script.Actions[13] {
		t.Errorf("read again as %s: %v", again, err)
	}
	for _, wrong := range []string{"", "x", "7:", "7:3", "7:3:9", "7:3:2-1", "7:3:a", "7:-1:"} {
		if _, err := Parse(wrong); err == nil {
			t.Errorf("%q was read as a script", wrong)
		}
	}
}
