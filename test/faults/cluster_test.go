package faults

import (
	"os"
	"slices"
	"testing"
	"time"
)

// TestFaults plays some faults, once each; `make bench-faults` plays all of
// them, several times. That the limit would break without the fence is shown in
// test/simulate.
func TestFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a whole cluster, and builds Kubernetes the first time: not with -short")
	}
	began := time.Now()
	arena, err := New(t.Context(), Options{
		Seed: uint64(began.UnixNano()), Tail: 10 * time.Second, Log: t.Output(), KeepDir: os.Getenv("PODGATE_KEEP") == "1",
		Say: func(line string) { t.Logf("%3d s  %s", int(time.Since(began).Seconds()), line) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := arena.Stop(); err != nil {
			t.Error(err)
		}
	})
	t.Logf("seed %d", arena.Seed())
	for _, name := range []string{"kill-all", "all-flagged"} {
		t.Run(name, func(t *testing.T) {
			all := All()
			i := slices.IndexFunc(all, func(f Fault) bool { return f.Name == name })
			if i < 0 {
				t.Fatal("there is no such fault")
			}
			play(t, arena, all[i])
		})
	}
	t.Run("a leader asleep at each write of a pod", func(t *testing.T) {
		play(t, arena, Asleep(true, ""))
	})
}

// play plays a fault once, and holds it against what must be.
func play(t *testing.T, arena *Arena, f Fault) {
	t.Helper()
	r, err := arena.Play(t.Context(), f, 1)
	for _, c := range r.Checks {
		if c.OK {
			t.Logf("%s: %s", c.What, c.Seen)
		} else {
			t.Errorf("%s: %s", c.What, c.Seen)
		}
	}
	if !r.OK() {
		t.Error("the round checks nothing, or does not hold")
	}
	if err != nil {
		t.Fatal(err)
	}
}
