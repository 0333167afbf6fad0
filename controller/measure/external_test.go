package measure_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/podgate/podgate/anomaly"
	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
	"github.com/podgate/podgate/controller/measure"
	"github.com/podgate/podgate/controller/source"
)

// TestExternal: whom a detector names is an outlier after two looks, the others are
// normal, whoever is not of the fleet is told of, and no answer says nothing.
func TestExternal(t *testing.T) {
	gate := &v1alpha1.TrafficGate{Spec: spec()}
	gate.Name, gate.Namespace = "web", "shop"
	gate.Spec.Signals = []v1alpha1.Signal{{Name: "detector", External: &v1alpha1.External{URL: "https://d/$namespace/$service", CABundle: []byte("ca")}}}
	questions := measure.Questions(gate)
	if q := *questions[0].Detector; q != (source.Detector{URL: "https://d/shop/checkout", Timeout: time.Second, CABundle: "ca"}) {
		t.Errorf("asked is %+v", q)
	}
	now := time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)
	var pods []decide.Pod
	for _, name := range []string{"a", "b", "c"} {
		pods = append(pods, decide.Pod{Name: name, UID: "uid-" + name, Ready: true, Labelled: true, Traffic: "yes", ReadySince: now.Add(-time.Hour)})
	}
	policy, err := measure.Policy(gate.Spec)
	if err != nil {
		t.Fatal(err)
	}
	names := func(samples map[string]source.Sample) source.Answer {
		return source.Answer{ByPod: samples, Rest: &source.Sample{}}
	}
	for name, row := range map[string]struct {
		answer    source.Answer
		want      string // classes of a, b and c after two looks, by their first letters
		strangers []string
		err       bool
	}{
		"one is named":                          {names(map[string]source.Sample{"b": {Value: 1}}), "non", nil, false},
		"nobody is named":                       {names(nil), "nnn", nil, false},
		"the UID is that of the pod":            {names(map[string]source.Sample{"b": {Value: 1, UID: "uid-b"}}), "non", nil, false},
		"a pod of that name that is gone":       {names(map[string]source.Sample{"b": {Value: 1, UID: "before"}}), "nnn", []string{"b"}, false},
		"pods of others, here and elsewhere":    {names(map[string]source.Sample{"x": {Value: 1}, "other/a": {Value: 1}, "c": {Value: 1}}), "nno", []string{"other/a", "x"}, false},
		"an error says nothing of anybody":      {source.Answer{Err: errors.New("late")}, "uuu", nil, true},
		"an answer to a query has no strangers": {source.Answer{ByPod: map[string]source.Sample{"a": {}, "x": {Value: 1}}}, "nuu", nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := measure.New(gate.Spec)
			if err != nil {
				t.Fatal(err)
			}
			var s decide.Signal
			for i := range 2 {
				at := now.Add(time.Duration(i) * 15 * time.Second)
				s = d.Judge([]source.Answer{row.answer}, gate.Name, pods, policy, at, at)[0]
			}
			got := ""
			for _, v := range s.Result.Verdicts {
				got += string(v.Class[0])
			}
			if got != row.want || !slices.Equal(s.Strangers, row.strangers) || (s.Err != "") != row.err || s.Unit != anomaly.Naming {
				t.Errorf("got %s, strangers %q, error %q; want %s, %q", got, s.Strangers, s.Err, row.want, row.strangers)
			}
		})
	}
}
