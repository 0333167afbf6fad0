package e2e

import (
	"strings"
	"testing"

	"github.com/podgate/podgate/api/v1alpha1"
)

// wrong makes a TrafficGate with one line of its spec replaced.
func wrong(replace, with string) string {
	const valid = `
apiVersion: podgate.dev/v1alpha1
kind: TrafficGate
metadata: {name: wrong, namespace: default}
spec:
  serviceRef: {name: checkout}
  mode: Enforce
  interval: 15s
  limits: {maxGated: 20%}
  recovery: {after: 1m, maxAfter: 30m}
  signals:
  - name: errors
    ratio: {bad: "x", total: "y"}
    outlier: {minRatio: "2"}
`
	return strings.Replace(valid, replace, with, 1)
}

// wrongGates applies wrong gates with kubectl, as a newcomer would, and reads
// the answers.
func (c *cases) wrongGates(t *testing.T) {
	for name, row := range map[string]struct{ text, want string }{
		"a misspelt mode":                      {wrong("mode: Enforce", "mode: Enforced"), `supported values: "DryRun", "Enforce", "Suspended"`},
		"a misspelt field":                     {wrong("interval: 15s", "intervall: 15s"), `unknown field "spec.intervall"`},
		"too short an interval":                {wrong("interval: 15s", "interval: 1s"), `spec.interval: Invalid value: "1s": must be a duration from 5s to 1h`},
		"an interval of no unit":               {wrong("interval: 15s", `interval: "15"`), `must be a duration from 5s to 1h, such as 30s or 1h30m`},
		"more than all pods":                   {wrong("maxGated: 20%", "maxGated: 120%"), `must be a number of pods such as 2, or a percentage such as "20%"`},
		"no rule":                              {wrong(`    outlier: {minRatio: "2"}`, ""), `a signal has exactly one of outlier (worse than its peers; recommended), robust`},
		"two questions":                        {wrong("  - name: errors", "  - name: errors\n    value: z"), `a signal has exactly one of ratio (bad events out of all), histogram (bucket counts), value (one number a pod) and external (a detector over HTTP)`},
		"half a ratio":                         {wrong(`, total: "y"`, ""), `spec.signals[0].ratio.total: Required value`},
		"a number without quotes":              {wrong(`minRatio: "2"`, "minRatio: 2"), `spec.signals[0].outlier.minRatio: Invalid value: "integer"`},
		"a ratio below one":                    {wrong(`minRatio: "2"`, `minRatio: "0.5"`), `must be greater than 1`},
		"a stay below the window":              {wrong("after: 1m", "after: 30s"), `recovery.after must be at least window`},
		"no service":                           {wrong("  serviceRef: {name: checkout}\n", ""), `spec.serviceRef: Required value`},
		"a Service of that name with capitals": {wrong("name: checkout", "name: Checkout"), `must be the name of a Service: lower-case letters, digits and dashes`},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := c.KubectlWith(t.Context(), row.text, "apply", "-f", "-")
			t.Log(strings.TrimSpace(out))
			if err == nil {
				t.Fatal("it was accepted")
			}
			if !strings.Contains(out, row.want) {
				t.Errorf("want: %s", row.want)
			}
		})
	}
}

// refusals are gates that the API server cannot know to be wrong.
func (c *cases) refusals(t *testing.T) {
	must(t, c.Apply(t.Context()))
	c.readyIs(t, v1alpha1.ReasonEnforcing)
	c.kubectl(t, "apply", "-f", "testdata/refusals.yaml")
	for gate, row := range map[string]struct{ reason, message string }{
		"no-service":     {v1alpha1.ReasonServiceNotFound, "there is no Service nowhere in namespace shop: create it, or correct serviceRef"},
		"second":         {v1alpha1.ReasonDuplicateGate, "TrafficGate checkout is older and has Service checkout"},
		"bare":           {v1alpha1.ReasonSelectorTooWide, "Service bare selects on nothing besides podgate.dev/traffic"},
		"no-selector":    {v1alpha1.ReasonServiceWithoutSelector, "Service no-selector has no selector"},
		"in-workload":    {v1alpha1.ReasonTrafficKeyInWorkload, "selects its pods by podgate.dev/traffic, so flipping it would orphan them"},
		"not-enrolled":   {v1alpha1.ReasonNotEnrolled, "Service not-enrolled does not select on podgate.dev/traffic"},
		"rejected-query": {v1alpha1.ReasonMetricsUnavailable, "Prometheus rejects the query"},
	} {
		t.Run(gate, func(t *testing.T) {
			eventually(t, func() error {
				_, err := c.Kubectl(t.Context(), "-n", "shop", "wait", "trafficgate/"+gate, "--timeout=1s",
					`--for=jsonpath={.status.conditions[?(@.type=="Ready")].reason}=`+row.reason)
				return err
			})
			message := c.kubectl(t, "-n", "shop", "get", "trafficgate", gate, "-o", `jsonpath={.status.conditions[?(@.type=="Ready")].message}`)
			t.Log(message)
			if !strings.Contains(message, row.message) {
				t.Errorf("want: %s", row.message)
			}
		})
	}
	t.Run("the older gate goes on", func(t *testing.T) { c.readyIs(t, v1alpha1.ReasonEnforcing) })
	t.Run("kubectl get shows the reasons", func(t *testing.T) {
		out := c.kubectl(t, "-n", "shop", "get", "tg")
		t.Log("\n" + out)
		for _, want := range []string{"SERVICE", "MODE", "SERVING", "GATED", "READY", "REASON", "AGE", "DuplicateGate"} {
			if !strings.Contains(out, want) {
				t.Errorf("no %s", want)
			}
		}
	})
	c.kubectl(t, "delete", "-f", "testdata/refusals.yaml", "--wait=true", "--timeout=60s")
}
