package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	corev1 "k8s.io/api/core/v1"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/test/stage"
)

// panelQuery is one query of a panel, with the variables filled in.
type panelQuery struct{ name, expr, legend string }

// panelled is the sample once more, in a namespace of its own.
type panelled struct{ *fleet }

// queries are those of a dashboard, and of its annotations.
func (f *panelled) queries(t *testing.T, file string) (out []panelQuery) {
	t.Helper()
	text, err := os.ReadFile(f.c.Path("config", "grafana", file))
	must(t, err)
	var d struct {
		Annotations struct {
			List []struct {
				Name   string
				Target struct{ Expr string }
			}
		}
		Panels []struct {
			Title   string
			Targets []struct{ RefID, Expr, LegendFormat string }
		}
	}
	must(t, json.Unmarshal(text, &d))
	fill := strings.NewReplacer("$namespace", f.Namespace, "$gate", f.Name, "$pod", ".*", "$signal", "errors", "$__rate_interval", "2m").Replace
	for _, a := range d.Annotations.List {
		out = append(out, panelQuery{"annotation " + a.Name, fill(a.Target.Expr), ""})
	}
	for _, p := range d.Panels {
		for _, q := range p.Targets {
			out = append(out, panelQuery{p.Title + " " + q.RefID, fill(q.Expr), q.LegendFormat})
		}
	}
	return out
}

// mayBeEmpty are the queries that have nothing to say while one pod is gated, one
// is held out and one kept: nothing else is wrong then.
var mayBeEmpty = []string{
	"annotation Back on trial", "What held B", "What held C", "Relapses in six hours A", "Dry runs A", "Looking C",
}

var inLegend = regexp.MustCompile(`\{\{(\w+)\}\}`)

// panels executes every query of every dashboard against the Prometheus that has
// scraped the controller, while a pod is gated, one is held out by a person and
// one is kept in traffic against the verdict; then again when all of them are
// back.
func (c *cases) panels(t *testing.T) {
	c.apply(t, "testdata/panels")
	f := &panelled{c.join(t, c.FleetOf("panels", stage.Service), 10)}
	f.call(t, stage.Rate)
	readyIs(t, f.Fleet, v1alpha1.ReasonEnforcing)
	pods := f.pods(t)
	// The sick pod and the one held out are in different zones: of three pods of a zone one may be out.
	i := slices.IndexFunc(pods, func(p corev1.Pod) bool { return p.Spec.NodeName != pods[0].Spec.NodeName })
	if i < 0 || i == len(pods)-1 {
		t.Fatal("all pods but one are on one node")
	}
	sick, held, kept := pods[0].Name, pods[i].Name, pods[len(pods)-1].Name
	for pod, override := range map[string]string{held: v1alpha1.OverrideNo, kept: v1alpha1.OverrideYes} {
		f.kubectl(t, "label", "--overwrite", "pod", pod, v1alpha1.LabelOverride+"="+override)
	}
	time.Sleep(25 * time.Second) // so that pods have warmed up, and the past is one of traffic
	must(t, f.Turn(t.Context(), stage.Dials{ErrorShare: 0.3}, sick, kept))
	_, err := stage.Until(t.Context(), patience, func() error {
		traffic, err := f.Traffic(t.Context())
		if err == nil && traffic[sick] != v1alpha1.TrafficNo {
			gate, _ := f.GetGate(t.Context())
			err = fmt.Errorf("%s is not gated: %v, last look %v", sick, gate.Status.Conditions, gate.Status.LastEvaluation)
		}
		return err
	})
	must(t, err)
	f.shows(t, `podgate_held_pods{guard="HeldOverride"}`, "", 1)
	time.Sleep(2 * stage.Interval) // a look at the fleet without it

	for _, file := range []string{"podgate-overview.json", "podgate-service.json"} {
		asked := 0
		for _, q := range f.queries(t, file) {
			asked++
			var answer model.Vector
			_, err := stage.Until(t.Context(), 20*time.Second, func() (err error) { // a scrape that fails leaves nothing, until the next
				if answer, err = c.Query(t.Context(), q.expr); err == nil && len(answer) == 0 && !slices.Contains(mayBeEmpty, q.name) {
					err = errors.New("answers with nothing")
				}
				return err
			})
			if err != nil {
				t.Errorf("%s: %s: %v: %s", file, q.name, err, q.expr)
				continue
			}
			for _, label := range inLegend.FindAllStringSubmatch(q.legend, -1) {
				for _, s := range answer {
					if s.Metric[model.LabelName(label[1])] == "" {
						t.Errorf("%s: %s: the legend needs %s, which %s lacks", file, q.name, label[1], s.Metric)
					}
				}
			}
		}
		t.Logf("%s: %d queries", file, asked)
		if asked < 20 {
			t.Errorf("%s has %d queries only", file, asked)
		}
	}
	eventually(t, func() error {
		out, err := f.whoIsOut(t)
		if want := map[string]string{sick: "gated errors", held: "heldOut ", kept: "kept "}; err == nil && !maps.Equal(out, want) {
			err = fmt.Errorf("the table of who is out has %v, want %v", out, want)
		}
		return err
	})
	f.shows(t, `podgate_pods{state="gated"}`, "", 1)
	f.shows(t, `podgate_override_pods{override="yes"}`, "", 1)
	f.shows(t, `podgate_limit_pods - podgate_limit_used_pods`, "", 2)
	f.shows(t, `podgate_pod_evidence_ratio{pod="`+kept+`"} >= bool 1`, kept, 1)
	f.shows(t, `podgate_signal_clients_level{pods="all"} > bool ignoring(pods) podgate_signal_clients_level{pods="serving"}`, "", 1)

	must(t, f.Turn(t.Context(), stage.Dials{}, sick, kept))
	f.kubectl(t, "patch", "trafficgate", f.Name, "--type=merge", "-p", `{"spec":{"recovery":{"after":"1m","maxAfter":"1m"}}}`)
	for _, pod := range []string{held, kept} {
		f.kubectl(t, "label", "pod", pod, v1alpha1.LabelOverride+"-")
	}
	_, err = stage.Until(t.Context(), 5*time.Minute, func() error {
		left, err := f.whoIsOut(t)
		if err == nil && len(left) > 0 {
			err = fmt.Errorf("the table still has %v", left)
		}
		return err
	})
	must(t, err)
	f.shows(t, `podgate_pods{state="serving"}`, "", 10)
	f.shows(t, `podgate_decisions_total{action="Release",reason="Trial"} >= bool 1`, "", 1)
	f.kubectl(t, "delete", "trafficgate", f.Name, "--timeout=30s")
	eventually(t, func() error {
		v, err := c.Query(t.Context(), `{__name__=~"podgate_.*",namespace="`+f.Namespace+`",gate="`+f.Name+`"}`)
		if err == nil && len(v) > 0 {
			err = fmt.Errorf("%d series of the deleted gate are left, such as %s", len(v), v[0].Metric)
		}
		return err
	})
	f.remove(t)
}

// whoIsOut is what the table of that name has: state and signal by pod. Where
// Prometheus knows nothing of the gate at all it is an error.
func (f *panelled) whoIsOut(t *testing.T) (map[string]string, error) {
	t.Helper()
	of := `{namespace="` + f.Namespace + `",gate="` + f.Name + `"}`
	v, err := f.c.Query(t.Context(), `podgate_pod_since_timestamp_seconds`+of+` or podgate_gate_interval_seconds`+of)
	if err != nil || len(v) == 0 {
		return nil, fmt.Errorf("Prometheus has nothing of the gate (%v)", err)
	}
	out := map[string]string{}
	for _, s := range v {
		if s.Metric[model.MetricNameLabel] == "podgate_gate_interval_seconds" {
			continue
		}
		out[string(s.Metric["pod"])] = fmt.Sprintf("%s %s", s.Metric["state"], s.Metric["signal"])
		if s.Metric["state"] == "gated" && !strings.HasPrefix(string(s.Metric["why"]), "errors: ") {
			t.Errorf("a gated pod without a sentence why: %s", s.Metric)
		}
	}
	return out, nil
}

// shows waits until a query about the fleet's gate has one value.
func (f *panelled) shows(t *testing.T, expr, pod string, want float64) {
	t.Helper()
	eventually(t, func() error {
		v, err := f.c.Query(t.Context(), expr)
		if err != nil {
			return err
		}
		for _, s := range v {
			ours := string(s.Metric["namespace"]) == f.Namespace && string(s.Metric["gate"]) == f.Name
			if ours && (pod == "" || string(s.Metric["pod"]) == pod) && float64(s.Value) == want {
				return nil
			}
		}
		return fmt.Errorf("%s is %v, want %g", expr, v, want)
	})
}
