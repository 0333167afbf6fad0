// Package e2e tests Podgate end to end: on a real control plane, with a real
// Prometheus and real traffic, installed from config/default and running under
// its own service account.
package e2e

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/podgate/podgate/test/stage"
	"github.com/podgate/podgate/test/story"
)

// TestSample goes with the sample's fleet through the demo's story, and through what
// needs its cluster for itself: one case after the other.
func TestSample(t *testing.T) {
	c := newCases(t, nil)
	t.Run("ten wrong gates give ten messages", c.wrongGates)
	t.Run("metrics are for those only who may read them", c.metricsAreGuarded)
	t.Run("the story", c.story)
	t.Run("the dashboards show who is out and why", c.dashboards)
	t.Run("a backtest decides as the controller did", c.backtest)
	t.Run("a hung Prometheus delays no override", c.hungPrometheus)
	t.Run("kill -9 of the controller strands nobody", c.controllerKilled)
	t.Run("a gate deleted behind the controller's back strands nobody", c.gateLost)
	t.Run("no right was missing", c.rights)
}

// TestFleets has a cluster too, on which cases, each with a fleet of its own, run
// beside each other, and then those that stop Prometheus or the controller.
func TestFleets(t *testing.T) {
	c := newCases(t, map[string]string{"podgate.dev/detector": "./e2e/testdata/detector"})
	t.Run("an external detector has to be allowed and trusted", c.allowDetector)
	people := c.manyGated(t)
	plugin := c.installPlugin(t)
	beside(t, // the longest first
		one{"every panel shows what is so", c.panels},
		one{"limits that are not numbers of pods", c.limits},
		one{"kubectl podgate", plugin.cases},
		one{"on the sample", c.onTheSample},
		one{"a StatefulSet", c.statefulSet},
		one{"a disruption budget", c.disruptionBudget},
		one{"a person who puts a pod back", c.pardon},
		one{"an autoscaler", c.autoscaler},
		one{"an external detector names whom it likes", c.externalDetector},
		one{"a rollout", c.rollout},
		one{"a Service that keeps to its zone", c.zones},
	)
	t.Run("people come first, also without Prometheus", people.first)
	t.Run("kubectl podgate notices a controller that is gone", plugin.controllerGone)
	t.Run("a namespace goes with its gate", c.namespacesGo)
	t.Run("no right was missing", c.rights)
	t.Run("killed at every write", c.killedAtEveryWrite)
	t.Run("two controllers in disorder", c.disorder)
}

// newCases starts a cluster for a test, with Podgate installed, beside those of other
// tests.
func newCases(t *testing.T, images map[string]string) *cases {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a whole cluster, and builds Kubernetes the first time: not with -short")
	}
	t.Parallel()
	began := time.Now()
	s, err := stage.New(t.Context(), stage.Options{Log: t.Output(), KeepDir: os.Getenv("PODGATE_KEEP") == "1", Images: images})
	must(t, err)
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	must(t, s.Install(t.Context()))
	t.Logf("installed after %s; data plane: %s; notes: %q", time.Since(began).Round(time.Second), s.DataPlane(), s.Notes())
	return &cases{Stage: s}
}

// cases is what all cases need.
type cases struct {
	*stage.Stage
	// told is the story, once it has been told.
	told *story.Teller
}

// one is a case with a fleet of its own, so that it may run beside others.
type one struct {
	name string
	run  func(*testing.T)
}

// beside runs cases beside each other, as many at once as TestMain lets, and waits
// for all.
func beside(t *testing.T, all ...one) {
	t.Run("beside each other", func(t *testing.T) {
		for _, of := range all {
			t.Run(of.name, func(t *testing.T) {
				t.Parallel()
				of.run(t)
			})
		}
	})
}

// onTheSample are cases that need nothing besides the sample's fleet, one after the
// other.
func (c *cases) onTheSample(t *testing.T) {
	must(t, c.Apply(t.Context()))
	must(t, c.StartLoad(t.Context()))
	t.Run("a gate that cannot work says what to change", c.refusals)
	c.sample().known(t, 10)
	t.Run("a dry run decides and writes nothing", c.dryRun)
	t.Run("a pod without the label gets it at once", c.unlabelledPod)
	c.Load.Stop()
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
				switch {
				case check.Wrong():
					t.Errorf("%s: %s, expected %s", check.What, check.Seen, check.Expected)
				case !check.OK:
					t.Logf("GOAL MISSED: %s: %s, goal %s", check.What, check.Seen, check.Expected)
				default:
					t.Logf("%s: %s", check.What, check.Seen)
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
	c.told = teller
}

// rights reads the controller's log: its service account must have been enough.
func (c *cases) rights(t *testing.T) {
	log := c.controllerLog(t)
	if !strings.Contains(log, `"msg":"decision"`) {
		t.Error("the controller's log has no decisions: it is not the log that this looks for")
	}
	for line := range strings.Lines(log) {
		if strings.Contains(line, "because it is being terminated") {
			continue // an event about a gate that goes with its namespace
		}
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

// patience is how long anything may take: how fast a busy machine is, is nothing
// that these tests are about.
const patience = 3 * time.Minute

// eventually tries until it succeeds, at short intervals.
func eventually(t *testing.T, try func() error) time.Duration {
	t.Helper()
	took, err := stage.Until(t.Context(), patience, try)
	must(t, err)
	return took
}

// trafficIs waits until the traffic label of a pod of the sample has a value.
func (c *cases) trafficIs(t *testing.T, pod, value string) time.Duration {
	t.Helper()
	return trafficIs(t, c.Fleet, pod, value)
}

// readyIs waits until the Ready condition of the sample gate has a reason.
func (c *cases) readyIs(t *testing.T, reason string) string {
	t.Helper()
	return readyIs(t, c.Fleet, reason)
}

// kubectl runs kubectl and fails the test if that fails.
func (c *cases) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := c.Kubectl(t.Context(), args...)
	must(t, err)
	return out
}
