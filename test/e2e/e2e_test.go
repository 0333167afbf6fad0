// Package e2e tests Podgate end to end: on a real control plane, with a real
// Prometheus and real traffic, installed from config/default and running under
// its own service account.
package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/test/stage"
	"github.com/podgate/podgate/test/story"
)

// TestEndToEnd sets one stage for all cases; they run in order.
func TestEndToEnd(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a whole cluster, and builds Kubernetes the first time: not with -short")
	}
	began := time.Now()
	s, err := stage.New(t.Context(), stage.Options{Log: t.Output(), KeepDir: os.Getenv("PODGATE_KEEP") == "1"})
	must(t, err)
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	must(t, s.Install(t.Context()))
	t.Logf("installed after %s; data plane: %s; notes: %q", time.Since(began).Round(time.Second), s.DataPlane(), s.Notes())

	c := &cases{Stage: s}
	t.Run("ten wrong gates give ten messages", c.wrongGates)
	t.Run("the story", c.story)
	t.Run("a gate that cannot work says what to change", c.refusals)
	t.Run("a dry run decides and writes nothing", c.dryRun)
	t.Run("a hung Prometheus delays no override", c.hungPrometheus)
	t.Run("a pod without the label gets it at once", c.unlabelledPod)
	t.Run("kill -9 of the controller strands nobody", c.controllerKilled)
	t.Run("a gate deleted behind the controller's back strands nobody", c.gateLost)
	t.Run("no right was missing", c.rights)
	t.Run("killed at every write", c.killedAtEveryWrite)
}

// cases is what all cases need.
type cases struct {
	*stage.Stage
}

// story asserts what the demo tells.
func (c *cases) story(t *testing.T) {
	must(t, c.Apply(t.Context()))
	teller := story.NewTeller(c.Stage, func(since time.Duration, line string) {
		t.Logf("%3d s  %s", int(since.Seconds()), line)
	})
	for _, scene := range story.Scenes {
		t.Run(scene.Title, func(t *testing.T) {
			first := len(teller.Checks)
			err := teller.Play(t.Context(), scene)
			for _, check := range teller.Checks[first:] {
				if check.OK {
					t.Logf("%s: %s", check.What, check.Seen)
				} else {
					t.Errorf("%s: %s, expected %s", check.What, check.Seen, check.Expected)
				}
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(teller.Checks) == first {
				t.Fatal("the scene checks nothing")
			}
		})
		if t.Failed() {
			t.FailNow() // the scenes build on each other
		}
	}
}

// rights reads the controller's log: its service account must have been enough.
func (c *cases) rights(t *testing.T) {
	log := c.controllerLog(t)
	if !strings.Contains(log, `"msg":"decision"`) {
		t.Error("the controller's log has no decisions: it is not the log that this looks for")
	}
	for line := range strings.Lines(log) {
		if strings.Contains(line, "forbidden") {
			t.Errorf("the service account lacks a right: %s", line)
		}
		if strings.Contains(line, "panic") {
			t.Errorf("the controller panicked: %s", line)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually tries until it succeeds, for 30 s.
func eventually(t *testing.T, try func() error) time.Duration {
	t.Helper()
	took, err := stage.Until(t.Context(), 30*time.Second, try)
	must(t, err)
	return took
}

// trafficIs waits until a pod's traffic label has a value.
func (c *cases) trafficIs(t *testing.T, pod, value string) time.Duration {
	t.Helper()
	return eventually(t, func() error {
		traffic, err := c.Traffic(t.Context())
		if err == nil && traffic[pod] != value {
			err = fmt.Errorf("pod %s: traffic %q, not %q", pod, traffic[pod], value)
		}
		return err
	})
}

// readyIs waits until the gate's Ready condition has a reason.
func (c *cases) readyIs(t *testing.T, reason string) string {
	t.Helper()
	message := ""
	eventually(t, func() error {
		ready, err := c.Condition(t.Context(), v1alpha1.ConditionReady)
		if err == nil && ready.Reason != reason {
			err = fmt.Errorf("the gate is %s (%s), not %s", ready.Reason, ready.Message, reason)
		}
		message = ready.Message
		return err
	})
	return message
}

// kubectl runs kubectl and fails the test if that fails.
func (c *cases) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := c.Kubectl(t.Context(), args...)
	must(t, err)
	return out
}
