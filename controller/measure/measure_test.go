package measure_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
	"github.com/podgate/podgate/controller/measure"
	"github.com/podgate/podgate/controller/source"
)

// spec is one as the API server completes it.
func spec() v1alpha1.TrafficGateSpec {
	percent := intstr.FromString("20%")
	return v1alpha1.TrafficGateSpec{
		ServiceRef: v1alpha1.ServiceReference{Name: "checkout"}, PodLabel: "pod",
		Interval: v1alpha1.DurationOf(15 * time.Second), Window: v1alpha1.DurationOf(time.Minute),
		Limits:   v1alpha1.Limits{MaxGated: &percent, MinServing: 2, PerDomain: v1alpha1.DomainLimit{MaxGated: new(intstr.FromInt32(1))}},
		Recovery: v1alpha1.Recovery{After: v1alpha1.DurationOf(time.Minute), MaxAfter: v1alpha1.DurationOf(time.Hour), Retries: new(int32(3)), Then: v1alpha1.ThenEvict},
		Signals:  []v1alpha1.Signal{{Name: "fds", Value: new("v"), Threshold: &v1alpha1.Threshold{Above: new(v1alpha1.Decimal("1"))}}},
	}
}

func TestPolicy(t *testing.T) {
	got, err := measure.Policy(spec())
	want := decide.Policy{Interval: 15 * time.Second, Window: time.Minute, MaxGated: decide.Limit{Max: 20, Percent: true},
		PerDomain: decide.Limit{Max: 1}, MinServing: 2, After: time.Minute, MaxAfter: time.Hour, Retries: 3, Then: v1alpha1.ThenEvict}
	if err != nil || got != want {
		t.Errorf("got  %+v %v\nwant %+v", got, err, want)
	}
	for name, row := range map[string]struct {
		edit func(*v1alpha1.TrafficGateSpec)
		want string
	}{
		"no interval": {func(s *v1alpha1.TrafficGateSpec) { s.Interval = v1alpha1.Duration{} }, "lacks its defaults (interval 0s"},
		"no retries":  {func(s *v1alpha1.TrafficGateSpec) { s.Recovery.Retries = nil }, "lacks its defaults"},
		"no limit":    {func(s *v1alpha1.TrafficGateSpec) { s.Limits.MaxGated = nil }, "spec.limits.maxGated is missing"},
		"no domain":   {func(s *v1alpha1.TrafficGateSpec) { s.Limits.PerDomain.MaxGated = nil }, "spec.limits.perDomain.maxGated is missing"},
		"half":        {func(s *v1alpha1.TrafficGateSpec) { s.Limits.MaxGated = new(intstr.FromString("half")) }, `spec.limits.maxGated "half": must be a number of pods such as 2`},
	} {
		s := spec()
		row.edit(&s)
		if _, err := measure.Policy(s); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %s", name, err, row.want)
		}
	}
}

// TestSilenceIsNoEvidence: a pod that has come back is not judged for how little it
// does until the window speaks of nothing else; for anything else it is at once.
func TestSilenceIsNoEvidence(t *testing.T) {
	below, above := &v1alpha1.Threshold{Below: new(v1alpha1.Decimal("50"))}, &v1alpha1.Threshold{Above: new(v1alpha1.Decimal("50"))}
	outlier := func(d v1alpha1.Direction) *v1alpha1.Outlier {
		return &v1alpha1.Outlier{Floors: v1alpha1.Floors{Direction: d}}
	}
	robust := func(d v1alpha1.Direction) *v1alpha1.Robust {
		return &v1alpha1.Robust{Floors: v1alpha1.Floors{Direction: d}}
	}
	for name, row := range map[string]struct {
		signal v1alpha1.Signal
		waits  bool
	}{
		"a threshold below":    {v1alpha1.Signal{Value: new("v"), Threshold: below}, true},
		"a threshold above":    {v1alpha1.Signal{Value: new("v"), Threshold: above}, false},
		"a deviation":          {v1alpha1.Signal{Value: new("v"), Deviation: &v1alpha1.Deviation{Percent: "50"}}, true},
		"an outlier, low":      {v1alpha1.Signal{Value: new("v"), Outlier: outlier("Low")}, true},
		"an outlier, both":     {v1alpha1.Signal{Value: new("v"), Outlier: outlier("Both")}, true},
		"an outlier, high":     {v1alpha1.Signal{Value: new("v"), Outlier: outlier("High")}, false},
		"an outlier":           {v1alpha1.Signal{Value: new("v"), Outlier: outlier("")}, false},
		"robust, low":          {v1alpha1.Signal{Value: new("v"), Robust: robust("Low")}, true},
		"robust, high":         {v1alpha1.Signal{Value: new("v"), Robust: robust("High")}, false},
		"a ratio, both":        {v1alpha1.Signal{Ratio: &v1alpha1.RatioQuery{Bad: "b", Total: "t"}, Outlier: outlier("Both")}, false},
		"a histogram, both":    {v1alpha1.Signal{Histogram: new("h"), Outlier: outlier("Both")}, false},
		"an external detector": {v1alpha1.Signal{External: &v1alpha1.External{URL: "https://d"}}, false},
	} {
		row.signal.Name = "s"
		s := spec()
		s.FalseAlarms.PodDays, s.Signals = 30, []v1alpha1.Signal{row.signal}
		d, err := measure.New(s)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		now := time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)
		pods := []decide.Pod{{Name: "a", UID: "a", Ready: true, Labelled: true, Traffic: "yes", ReadySince: now.Add(-time.Hour)}}
		for _, back := range []time.Duration{30 * time.Second, time.Minute} {
			pods[0].OutAt = now.Add(-back)
			judged := d.Judge([]source.Answer{{ByPod: map[string]source.Sample{"a": {}}}}, "web", pods, decide.Policy{Window: time.Minute}, now, now)[0].Result.Fleet.Judged
			if waits := judged == 0; waits != (row.waits && back < time.Minute) {
				t.Errorf("%s, back for %s: judged are %d", name, back, judged)
			}
		}
	}
}

// TestAsides: what is asked besides the signals finds its way back, each answer
// to its question, whichever of them there are.
func TestAsides(t *testing.T) {
	pods := []decide.Pod{{Name: "web-0", UID: "0"}, {Name: "web-1", UID: "1"}, {Name: "web-2", UID: "2"}}
	cpu := source.Answer{ByPod: map[string]source.Sample{"web-0": {Value: 0.5}, "web-1": {Value: 0.7}, "other": {Value: 9}}}
	probe := source.Answer{ByPod: map[string]source.Sample{"web-0": {Value: 1}, "web-1": {Value: 0}}}
	failed := source.Answer{Err: errors.New("timeout")}
	headroom := &v1alpha1.Headroom{Query: "cpu{namespace=\"$namespace\"}[$__window]", Max: "0.8"}
	for name, row := range map[string]struct {
		headroom *v1alpha1.Headroom
		signal   string
		answers  []source.Answer
		asked    string
		want     string
	}{
		"neither":         {nil, "", nil, "[]", "<nil> map[] <nil>"},
		"headroom":        {headroom, "", []source.Answer{cpu}, `[cpu{namespace="shop"}[1m]]`, "&{0.8 map[0:0.5 1:0.7] } map[] <nil>"},
		"a probe":         {nil, "up", []source.Answer{probe}, "[up]", "<nil> map[0:true 1:false] <nil>"},
		"both":            {headroom, "up", []source.Answer{cpu, probe}, `[cpu{namespace="shop"}[1m] up]`, "&{0.8 map[0:0.5 1:0.7] } map[0:true 1:false] <nil>"},
		"headroom failed": {headroom, "up", []source.Answer{failed, probe}, `[cpu{namespace="shop"}[1m] up]`, "&{0.8 map[] timeout} map[0:true 1:false] <nil>"},
		"the probe too":   {headroom, "up", []source.Answer{failed, failed}, `[cpu{namespace="shop"}[1m] up]`, "&{0.8 map[] timeout} map[] timeout"},
		"not asked yet":   {headroom, "up", nil, `[cpu{namespace="shop"}[1m] up]`, "&{0.8 map[] not asked yet} map[] not asked yet"},
	} {
		t.Run(name, func(t *testing.T) {
			gate := &v1alpha1.TrafficGate{Spec: spec()}
			gate.Namespace, gate.Spec.Limits.Headroom, gate.Spec.Recovery.Signal = "shop", row.headroom, row.signal
			asides := measure.AsidesOf(gate)
			asked := []string{}
			for _, q := range asides.Questions() {
				if q.PodLabel != "pod" || q.Namespace != "shop" {
					t.Errorf("asked without the pods' label or namespace: %+v", q)
				}
				asked = append(asked, q.Value)
			}
			said := asides.Said(row.answers, gate.Spec, pods)
			if got := fmt.Sprint(asked); got != row.asked {
				t.Errorf("asked %s, want %s", got, row.asked)
			}
			if got := fmt.Sprint(said.Headroom, said.Probes, said.ProbesErr); got != row.want {
				t.Errorf("said %s, want %s", got, row.want)
			}
		})
	}
}
