// Package alerts tests the alerts and recording rules of config/prometheus with
// Prometheus' own promtool.
package alerts

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/podgate/podgate/test/cluster/build"
)

// TestAlerts runs promtool over the rules and their tests: each alert where it
// must fire, and where it must not.
func TestAlerts(t *testing.T) {
	if testing.Short() {
		t.Skip("builds promtool the first time, which takes minutes: not with -short")
	}
	dir, err := build.Promtool.Get(t.Context(), filepath.Join("..", "cluster"), t.Output())
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"check", "rules", "--lint=all", "--lint-fatal", "rules.yaml"}, {"test", "rules", "rules_test.yaml"}} {
		cmd := exec.CommandContext(t.Context(), filepath.Join(dir, "promtool"), args...)
		cmd.Dir = filepath.Join("..", "..", "config", "prometheus")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, out)
		}
	}
}
