package controller

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/podgate/podgate/api/v1alpha1"
)

// TestMetricsTellOfAGating: which pod is out, why, what is left, and nothing any
// more once the gate is gone.
func TestMetricsTellOfAGating(t *testing.T) {
	g := newRig(t, 10, nil, nil)
	g.clock.SetTime(noon)
	g.src.levels["web-3"], g.src.levels["another"] = 5, 0
	g.label("web-5", v1alpha1.LabelOverride, v1alpha1.OverrideYes)
	for range 2 {
		_, _ = g.look()
	}
	if got := g.pod("web-3").Labels[v1alpha1.LabelTraffic]; got != v1alpha1.TrafficNo {
		t.Fatalf("web-3 has traffic=%s: it is not gated", got)
	}
	has := func(metrics string, names ...string) {
		t.Helper()
		if err := testutil.GatherAndCompare(g.registry, strings.NewReader(metrics), names...); err != nil {
			t.Error(err)
		}
	}
	has(`
# HELP podgate_decisions_total Decisions by action, reason, the signal that they are due to (empty for none), and whether they were a dry run's. A hold that goes on is counted once.
# TYPE podgate_decisions_total counter
podgate_decisions_total{action="Gate",dry_run="false",gate="web",namespace="shop",reason="Outlier",signal="errors"} 1
podgate_decisions_total{action="HoldOut",dry_run="false",gate="web",namespace="shop",reason="Override",signal=""} 0
podgate_decisions_total{action="Release",dry_run="false",gate="web",namespace="shop",reason="Override",signal=""} 0
podgate_decisions_total{action="Release",dry_run="false",gate="web",namespace="shop",reason="Trial",signal=""} 0
# HELP podgate_override_pods Pods with a person's override label, by what it says: yes, no, or other for what has no effect.
# TYPE podgate_override_pods gauge
podgate_override_pods{gate="web",namespace="shop",override="no"} 0
podgate_override_pods{gate="web",namespace="shop",override="yes"} 1
# HELP podgate_limit_used_pods Pods that use up the limit: gated, held out by people, not Ready, or without the traffic label. What a dry run would have gated does not count.
# TYPE podgate_limit_used_pods gauge
podgate_limit_used_pods{gate="web",namespace="shop"} 1
# HELP podgate_signal_unmatched_pods Names in the last answer that no pod of the Service has: other Services' pods, or a wrong spec.podLabel.
# TYPE podgate_signal_unmatched_pods gauge
podgate_signal_unmatched_pods{gate="web",namespace="shop",signal="errors"} 1
# HELP podgate_signal_missing_pods Judged pods that the last answer had nothing about.
# TYPE podgate_signal_missing_pods gauge
podgate_signal_missing_pods{gate="web",namespace="shop",signal="errors"} 0
`, "podgate_decisions_total", "podgate_override_pods", "podgate_limit_used_pods", "podgate_signal_unmatched_pods", "podgate_signal_missing_pods")
	if n, err := testutil.GatherAndCount(g.registry, "podgate_pod_since_timestamp_seconds"); n != 1 || err != nil {
		t.Errorf("%d pods are told to be out, want 1: %v", n, err)
	}

	g.clock.SetTime(noon.Add(time.Minute))
	gate := &v1alpha1.TrafficGate{}
	gate.Namespace, gate.Name = "shop", "web"
	if err := g.c.Delete(t.Context(), gate); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the pods come back, then the gate is gone
		if err := g.pass(); err != nil {
			t.Fatal(err)
		}
	}
	families, err := g.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if strings.Contains(f.String(), `value:"web"`) {
			t.Errorf("series of the deleted gate are left: %s", f)
		}
	}
}
