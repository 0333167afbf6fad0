package decide_test

import (
	"strings"
	"testing"

	"github.com/podgate/podgate/anomaly"
	"github.com/podgate/podgate/controller/decide"
)

func TestHealthy(t *testing.T) {
	for name, row := range map[string]struct {
		unit    string
		verdict anomaly.Verdict
		want    bool
	}{
		"normal, nothing against it":         {"nats", anomaly.Verdict{Class: anomaly.Normal, Bar: 12}, true},
		"normal, below the limit":            {anomaly.OfLimit, anomaly.Verdict{Class: anomaly.Normal, Evidence: 0.9, Bar: 1}, true},
		"normal, looks bad, not for long":    {"standard deviations", anomaly.Verdict{Class: anomaly.Normal, Evidence: 4, Bar: 3.5}, false},
		"normal, with evidence that adds up": {"nats", anomaly.Verdict{Class: anomaly.Normal, Evidence: 0.1, Bar: 12}, false},
		"normal, proof that it got well":     {"nats", anomaly.Verdict{Class: anomaly.Normal, Evidence: 13, Bar: 12, Recovery: anomaly.Recovered}, true},
		"unknown is no health":               {"nats", anomaly.Verdict{Class: anomaly.Unknown, Bar: 12}, false},
		"an outlier":                         {"nats", anomaly.Verdict{Class: anomaly.Outlier, Evidence: 13, Bar: 12}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := (decide.Finding{Unit: row.unit, Verdict: row.verdict}).Healthy(); got != row.want {
				t.Errorf("%t, want %t", got, row.want)
			}
		})
	}
}

// TestEverySignalSpeaksForHealth: one that weighs less, but does not call the pod well,
// is enough to doubt it.
func TestEverySignalSpeaksForHealth(t *testing.T) {
	for name, row := range map[string]struct {
		evidence float64
		want     bool
	}{"both call it well": {0, true}, "one has evidence": {6, false}} {
		w := fleet(10)
		errs, fds := w.signal, fleet(10).signal
		errs.Unit, fds.Name, fds.Unit = "nats", "fds", anomaly.OfLimit
		errs.Result.Verdicts[3].Evidence, errs.Result.Verdicts[3].Bar = row.evidence, 12
		fds.Result.Verdicts[3].Evidence, fds.Result.Verdicts[3].Bar = 0.9, 1 // weighs more
		f := decide.Findings([]decide.Signal{errs, fds})[w.Pods[3].UID]
		if f.Signal != "fds" || f.Healthy() != row.want {
			t.Errorf("%s: %s says healthy %t", name, f.Signal, f.Healthy())
		}
	}
}

// TestASignalWithFewAnswersVetoesNone: where two signals call a pod an outlier, the
// one that knows the fleet counts.
func TestASignalWithFewAnswersVetoesNone(t *testing.T) {
	w := fleet(10).bad(3, 5)
	partial := decide.Signal{Name: "fds", Kind: anomaly.Value, Unit: anomaly.OfLimit, Answered: 3}
	for i, p := range w.Pods {
		v := anomaly.Verdict{Pod: p.UID, Class: anomaly.Unknown}
		if i >= 1 && i <= 3 {
			v = anomaly.Verdict{Pod: p.UID, Class: anomaly.Normal, Bar: 1, Evidence: 0.5}
		}
		if i == 3 {
			v.Class, v.Evidence = anomaly.Outlier, 20
		}
		partial.Result.Verdicts = append(partial.Result.Verdicts, v)
	}
	partial.Result.Fleet = anomaly.Fleet{Judged: 10, Known: 3}
	for _, signals := range [][]decide.Signal{{w.signal, partial}, {partial, w.signal}} {
		w.Signals = signals
		if got := summary(decide.Decide(w.Input)); got != "Gate web-3 Outlier" {
			t.Error(got)
		}
	}
	w.Signals = []decide.Signal{partial}
	if got := summary(decide.Decide(w.Input)); got != "Hold web-3 HeldIncompleteMetrics" {
		t.Error(got)
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
