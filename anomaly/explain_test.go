package anomaly_test

import (
	"math"
	"testing"

	"github.com/podgate/podgate/anomaly"
)

func TestExplain(t *testing.T) {
	for want, row := range map[string]struct {
		kind    anomaly.Kind
		verdict anomaly.Verdict
	}{
		"9.8 % of 612 events were bad, peers 0.21 % (46.7 times); evidence 13.2 of 12.1 nats": {anomaly.Ratio,
			anomaly.Verdict{Level: 0.098, Peers: 0.0021, Samples: 612, Evidence: 13.2, Bar: 12.06}},
		"12 % of 600 events were slower than 0.25, peers 3 % (4 times); evidence 5.0 of 12.1 nats": {anomaly.Histogram,
			anomaly.Verdict{Level: 0.12, Peers: 0.03, Samples: 600, Bound: 0.25, Evidence: 5, Bar: 12.06}},
		"the value is 5, peers 2 (2.5 times); evidence 12.5 of 12.1 nats": {anomaly.Value,
			anomaly.Verdict{Level: 5, Peers: 2, Samples: 1, Evidence: 12.5, Bar: 12.06}},
		"the value is 2, peers 2; evidence 0.0 of 12.1 nats": {anomaly.Value,
			anomaly.Verdict{Level: 2, Peers: 2, Samples: 1, Bar: 12.06}},
		"no metrics": {anomaly.Ratio, anomaly.Verdict{Missing: "no metrics"}},
	} {
		if got := row.verdict.Explain(row.kind); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestTogether(t *testing.T) {
	const bar = 12.0
	raised := bar + math.Log(2)
	verdict := func(evidence float64) anomaly.Verdict {
		return anomaly.Verdict{Class: anomaly.Normal, Evidence: evidence, Bar: raised}
	}
	for name, row := range map[string]struct {
		a, b    anomaly.Verdict
		outlier bool
	}{
		"one clears its own bar":         {verdict(raised + 1e-9), verdict(0), true},
		"two nearly do":                  {verdict(12.05), verdict(12.05), true},
		"one nearly does":                {verdict(12.05), verdict(3), false},
		"none does":                      {verdict(1), verdict(2), false},
		"unknown is no evidence":         {anomaly.Verdict{Class: anomaly.Unknown, Evidence: 99, Bar: raised}, verdict(1), false},
		"unknown does not hide the rest": {anomaly.Verdict{Class: anomaly.Unknown, Bar: raised}, verdict(raised + 1), true},
	} {
		if evidence, got := anomaly.Together(row.a, row.b); math.Abs(got-bar) > 1e-9 || (evidence >= got) != row.outlier {
			t.Errorf("%s: evidence %v of %v, want outlier %v", name, evidence, got, row.outlier)
		}
	}
}
