package anomaly_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/podgate/podgate/anomaly"
)

var t0 = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)

// ratios makes judged samples a, b, c, ... of bad and total counts.
func ratios(counts ...[2]float64) []anomaly.Sample {
	out := make([]anomaly.Sample, len(counts))
	for i, c := range counts {
		out[i] = anomaly.Sample{Pod: string(rune('a' + i)), Judged: true, Known: true, Bad: c[0], Total: c[1]}
	}
	return out
}

// values makes judged samples a, b, c, ... of values.
func values(xs ...float64) []anomaly.Sample {
	out := make([]anomaly.Sample, len(xs))
	for i, x := range xs {
		out[i] = anomaly.Sample{Pod: string(rune('a' + i)), Judged: true, Known: true, Value: x}
	}
	return out
}

// outliers steps the detector often enough for every rule's persistence and
// returns the pods that it names in the end.
func outliers(d anomaly.Detector, samples []anomaly.Sample) string {
	var result anomaly.Result
	for i := range 3 {
		result = d.Step(t0.Add(time.Duration(i)*15*time.Second), samples)
	}
	var names []string
	for _, v := range result.Verdicts {
		if v.Class == anomaly.Outlier {
			names = append(names, v.Pod)
		}
	}
	return strings.Join(names, "")
}

func ratioRule(minSamples float64) anomaly.RuleOptions {
	return anomaly.RuleOptions{Kind: anomaly.Ratio, MinSamples: minSamples}
}

var valueRule = anomaly.RuleOptions{Kind: anomaly.Value}

func robustRatio() anomaly.Detector {
	return anomaly.NewRobust(anomaly.RobustOptions{
		RuleOptions: ratioRule(5), K: 3.5, MinDifference: 0.01, MinRatio: 2})
}

func robustValue(d anomaly.Direction) anomaly.Detector {
	return anomaly.NewRobust(anomaly.RobustOptions{RuleOptions: valueRule, Direction: d, K: 3.5, MinRatio: 1.5})
}

func TestRules(t *testing.T) {
	tenHealthy := slices.Repeat([][2]float64{{0, 100}}, 9)
	for name, row := range map[string]struct {
		detector anomaly.Detector
		samples  []anomaly.Sample
		want     string
	}{
		// Kubervisor's share of bad values: more than the tolerance, from two events on.
		"threshold 50 %: only the pod beyond it":   {anomaly.NewThreshold(ratioRule(2), anomaly.High, 0.5), ratios([2]float64{0, 10}, [2]float64{8, 18}, [2]float64{10, 10}), "c"},
		"threshold 10 %: both":                     {anomaly.NewThreshold(ratioRule(2), anomaly.High, 0.1), ratios([2]float64{0, 10}, [2]float64{8, 18}, [2]float64{10, 10}), "bc"},
		"threshold: too few events are no reason":  {anomaly.NewThreshold(ratioRule(2), anomaly.High, 0.1), ratios([2]float64{1, 1}), ""},
		"threshold: exactly at the limit is fine":  {anomaly.NewThreshold(valueRule, anomaly.High, 0.95), values(0.95), ""},
		"threshold: a single pod can be beyond it": {anomaly.NewThreshold(valueRule, anomaly.High, 0.95), values(0.96), "a"},
		"threshold below":                          {anomaly.NewThreshold(valueRule, anomaly.Low, 3), values(2.9, 3, 3.1), "a"},
		"threshold of zero":                        {anomaly.NewThreshold(valueRule, anomaly.High, 0), values(0, 0.1, -1), "b"},
		"threshold: fractions are not cut off":     {anomaly.NewThreshold(ratioRule(2), anomaly.High, 0.5), ratios([2]float64{2.7, 2.9}), "a"},

		// Kubervisor's deviation cases; its values were relative to the mean already.
		"deviation 50 % from the median":             {anomaly.NewDeviation(valueRule, 50, false), values(1.1, 1.2, 0.2), "c"},
		"deviation: 1.3 at 30 % is at the limit":     {anomaly.NewDeviation(valueRule, 30, false), values(1, 1.3, 1), ""},
		"deviation: 1.25 at 25 % is at the limit":    {anomaly.NewDeviation(valueRule, 25, false), values(1, 1.25, 1), ""},
		"deviation: a mean lets one flag the others": {anomaly.NewDeviation(valueRule, 30, true), values(1, 1, 1, 0), "abcd"},
		"deviation: the median does not":             {anomaly.NewDeviation(valueRule, 30, false), values(1, 1, 1, 0), "d"},
		"deviation: median of zero, one is not":      {anomaly.NewDeviation(valueRule, 30, false), values(0, 0, 0, 1), "d"},
		"deviation: two pods cannot say who is odd":  {anomaly.NewDeviation(valueRule, 30, false), values(1, 9), ""},

		"outlier: 30 % errors among ten":                {robustRatio(), ratios(append(slices.Clone(tenHealthy), [2]float64{30, 100})...), "j"},
		"outlier: 3 % where the others have none":       {robustRatio(), ratios(append(slices.Repeat([][2]float64{{0, 1000}}, 9), [2]float64{30, 1000})...), "j"},
		"outlier: one error in ten requests is chance":  {robustRatio(), ratios(append(slices.Clone(tenHealthy), [2]float64{1, 10})...), ""},
		"outlier: certain but below minDifference":      {robustRatio(), ratios([2]float64{10, 1e5}, [2]float64{11, 1e5}, [2]float64{900, 1e5}), ""},
		"outlier: certain but below minRatio":           {robustRatio(), ratios([2]float64{1e4, 1e5}, [2]float64{1e4, 1e5}, [2]float64{15e3, 1e5}), ""},
		"outlier: most pods bad, none differs":          {robustRatio(), ratios([2]float64{0, 100}, [2]float64{30, 100}, [2]float64{30, 100}, [2]float64{0, 100}, [2]float64{30, 100}), ""},
		"outlier: no spread at all, one differs":        {robustValue(anomaly.High), values(5, 5, 5, 9), "d"},
		"outlier: no spread at all, low does not count": {robustValue(anomaly.High), values(5, 5, 5, 1), ""},
		"outlier: low counts where asked for":           {robustValue(anomaly.Low), values(5, 5, 5, 1), "d"},
		"outlier: both sides":                           {robustValue(anomaly.Both), values(5, 5, 5, 5, 5, 1, 9), "fg"},
		"outlier: wide spread hides":                    {robustValue(anomaly.High), values(1, 4, 7, 10, 13), ""},
		"outlier: two pods cannot say who is odd":       {robustValue(anomaly.High), values(1, 100), ""},
		"outlier: an empty fleet":                       {robustValue(anomaly.High), nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := outliers(row.detector, row.samples); got != row.want {
				t.Errorf("outliers %q, want %q", got, row.want)
			}
		})
	}
}

func TestPersistence(t *testing.T) {
	bad, good := values(2), values(0)
	missing := []anomaly.Sample{{Pod: "a", Judged: true}}
	for name, row := range map[string]struct {
		looks [][]anomaly.Sample
		want  anomaly.Class
	}{
		"long enough":                    {[][]anomaly.Sample{bad, bad, bad}, anomaly.Outlier},
		"not yet long enough":            {[][]anomaly.Sample{bad, bad}, anomaly.Normal},
		"a good look starts anew":        {[][]anomaly.Sample{bad, good, bad, bad}, anomaly.Normal},
		"a missing answer starts anew":   {[][]anomaly.Sample{bad, missing, bad, bad}, anomaly.Normal},
		"missing data is not a bad look": {[][]anomaly.Sample{bad, bad, missing}, anomaly.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			o := valueRule
			o.For = 30 * time.Second
			d := anomaly.NewThreshold(o, anomaly.High, 1)
			var got anomaly.Class
			for i, samples := range row.looks {
				got = d.Step(t0.Add(time.Duration(i)*15*time.Second), samples).Verdicts[0].Class
			}
			if got != row.want {
				t.Errorf("got %s, want %s", got, row.want)
			}
		})
	}
}

// TestFleetMoved: a fault on most of the pods hides in the median, but not from
// the fleet's own past.
func TestFleetMoved(t *testing.T) {
	d := robustRatio()
	step := func(i, bad int) anomaly.Fleet {
		counts := slices.Repeat([][2]float64{{0, 100}}, 10)
		for j := range bad {
			counts[j] = [2]float64{30, 100}
		}
		return d.Step(t0.Add(time.Duration(i)*15*time.Second), ratios(counts...)).Fleet
	}
	for i := range 8 {
		if f := step(i, 0); f.Moved != 0 {
			t.Fatalf("a healthy fleet has moved: %+v", f)
		}
	}
	if f := step(8, 6); f.Moved != 6 || f.Known != 10 || f.Level < 0.2 || f.Usual > 0.01 {
		t.Errorf("six of ten bad: %+v", f)
	}
	for i := 9; i < 49; i++ {
		if f := step(i, 6); f.Moved != 6 {
			t.Fatalf("a fault of ten minutes became the rule: %+v", f)
		}
	}
}

func TestUnknownSaysWhatIsMissing(t *testing.T) {
	for name, row := range map[string]struct {
		sample anomaly.Sample
		want   string
	}{
		"warming up":        {anomaly.Sample{Known: true, Bad: 9, Total: 9}, "not judged"},
		"no data":           {anomaly.Sample{Judged: true}, "no data"},
		"few events":        {anomaly.Sample{Judged: true, Known: true, Bad: 1, Total: 2}, "2 events where 5 are needed"},
		"negative":          {anomaly.Sample{Judged: true, Known: true, Bad: -1, Total: 9}, "unusable counts"},
		"not a number":      {anomaly.Sample{Judged: true, Known: true, Bad: math.NaN(), Total: 9}, "unusable counts"},
		"infinite":          {anomaly.Sample{Judged: true, Known: true, Bad: 1, Total: math.Inf(1)}, "unusable counts"},
		"more bad than all": {anomaly.Sample{Judged: true, Known: true, Bad: 10, Total: 9}, "more bad events than events"},
	} {
		t.Run(name, func(t *testing.T) {
			v := anomaly.NewThreshold(ratioRule(5), anomaly.High, 0.1).Step(t0, []anomaly.Sample{row.sample}).Verdicts[0]
			if v.Class != anomaly.Unknown || !strings.Contains(v.Missing, row.want) {
				t.Errorf("%s: %q, want unknown: %q", v.Class, v.Missing, row.want)
			}
		})
	}
}

func FuzzRules(f *testing.F) {
	f.Add(1.0, 2.0, 3.0, 0.0, int64(15))
	f.Add(math.NaN(), math.Inf(1), -1.0, 1e300, int64(-15))
	f.Fuzz(func(t *testing.T, a, b, c, d float64, seconds int64) {
		for _, detector := range []anomaly.Detector{
			robustRatio(), robustValue(anomaly.Both),
			anomaly.NewThreshold(ratioRule(0), anomaly.Low, a),
			anomaly.NewDeviation(valueRule, 30, true),
		} {
			for i := range 4 {
				now := t0.Add(time.Duration(int64(i) * (seconds % 1e6) * int64(time.Second)))
				samples := append(ratios([2]float64{a, b}, [2]float64{c, d}), values(a, b, c, d)...)
				for _, v := range detector.Step(now, samples).Verdicts {
					if v.Class == anomaly.Outlier && (math.IsNaN(v.Level) || math.IsNaN(v.Evidence)) {
						t.Fatalf("an outlier without numbers: %+v", v)
					}
				}
			}
		}
	})
}

func ExampleNewRobust() {
	d := anomaly.NewRobust(anomaly.RobustOptions{
		RuleOptions: anomaly.RuleOptions{Kind: anomaly.Value}, K: 3.5, MinRatio: 1.5})
	samples := values(101, 99, 100, 240)
	d.Step(t0, samples)
	for _, v := range d.Step(t0.Add(15*time.Second), samples).Verdicts {
		fmt.Printf("%s: %s, %.0f where its peers have %.0f\n", v.Pod, v.Class, v.Level, v.Peers)
	}
	// Output:
	// a: normal, 101 where its peers have 100
	// b: normal, 99 where its peers have 100
	// c: normal, 100 where its peers have 100
	// d: outlier, 240 where its peers have 100
}

// TestRulesKnowStrata: a new revision that is slower as a whole is no set of
// outliers, and one bad pod in it is.
func TestRulesKnowStrata(t *testing.T) {
	for name, make := range map[string]func() anomaly.Detector{
		"robust": func() anomaly.Detector {
			return anomaly.NewRobust(anomaly.RobustOptions{RuleOptions: valueRule, Direction: anomaly.High, K: 3.5, MinRatio: 1.5})
		},
		"deviation": func() anomaly.Detector { return anomaly.NewDeviation(valueRule, 50, false) },
	} {
		samples := values(100, 101, 102, 100, 101, 102, 100, 101, 102, 100, 200, 201, 202, 200)
		for i := range samples {
			samples[i].Stratum = "old"
			if i >= 10 {
				samples[i].Stratum = "new"
			}
		}
		if got := outliers(make(), samples); got != "" {
			t.Errorf("%s: %q are outliers beside another revision", name, got)
		}
		samples[11].Value = 400
		if got := outliers(make(), samples); got != "l" {
			t.Errorf("%s: %q, want the one that is bad among its like", name, got)
		}
		samples[10].Stratum, samples[11].Stratum = "few", "few" // too few to be compared with each other
		if got := outliers(make(), samples); !strings.Contains(got, "l") {
			t.Errorf("%s: %q, and l is bad beside anybody", name, got)
		}
	}
}
