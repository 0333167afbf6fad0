package decide_test

import (
	"strings"
	"testing"

	"github.com/podgate/podgate/anomaly"
	"github.com/podgate/podgate/controller/decide"
)

func TestHealthy(t *testing.T) {
	for name, row := range map[string]struct {
		verdict anomaly.Verdict
		want    bool
	}{
		"normal, nothing against it":      {anomaly.Verdict{Class: anomaly.Normal, Bar: 12}, true},
		"normal, looks bad, not for long": {anomaly.Verdict{Class: anomaly.Normal, Evidence: 4, Bar: 3.5}, false},
		"normal, proof that it got well":  {anomaly.Verdict{Class: anomaly.Normal, Evidence: 13, Bar: 12, Recovery: anomaly.Recovered}, true},
		"unknown is no health":            {anomaly.Verdict{Class: anomaly.Unknown, Bar: 12}, false},
		"an outlier":                      {anomaly.Verdict{Class: anomaly.Outlier, Evidence: 13, Bar: 12}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := (decide.Finding{Verdict: row.verdict}).Healthy(); got != row.want {
				t.Errorf("%t, want %t", got, row.want)
			}
		})
	}
}

// TestSignalsTogether: two signals that nearly clear the bar clear it together;
// rules whose evidence is not in nats do not add up.
func TestSignalsTogether(t *testing.T) {
	signals := func(unit string, evidence ...float64) (out []decide.Signal) {
		for i, e := range evidence {
			w := fleet(10)
			s := w.signal
			s.Name, s.Unit = []string{"errors", "latency"}[i], unit
			s.Result.Verdicts[3].Evidence, s.Result.Verdicts[3].Bar = e, 12.8
			out = append(out, s)
		}
		return out
	}
	for name, row := range map[string]struct {
		signals []decide.Signal
		want    string
	}{
		"both nearly":        {signals("nats", 12.5, 12.6), "Gate web-3 Outlier"},
		"only one nearly":    {signals("nats", 12.5, 1), ""},
		"one signal, nearly": {signals("nats", 12.5), ""},
		"not in nats":        {signals("standard deviations", 12.5, 12.6), ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := fleet(10)
			w.Signals = row.signals
			plan := decide.Decide(w.Input)
			if got := summary(plan); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
			if len(plan.Decisions) > 0 && !strings.HasPrefix(plan.Decisions[0].Message, "latency: ") {
				t.Errorf("the stronger signal should be named: %s", plan.Decisions[0].Message)
			}
		})
	}
}
