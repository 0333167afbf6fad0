package anomaly_test

import (
	"testing"
	"time"

	"github.com/podgate/podgate/anomaly"
)

// TestNamed: what somebody else says of a pod is believed once it was said for
// long enough, without a break.
func TestNamed(t *testing.T) {
	const silent = -1 // no answer at all
	for name, row := range map[string]struct {
		long  time.Duration
		looks []float64 // of pod a; b is never named
		want  string    // the classes of a, by their first letters
	}{
		"once is not enough":                  {0, []float64{1}, "n"},
		"twice in a row is":                   {0, []float64{1, 1}, "no"},
		"a break starts anew":                 {0, []float64{1, 0, 1, 1}, "nnno"},
		"silence is no evidence, and a break": {0, []float64{1, silent, 1, 1}, "nuno"},
		"as long as it must be":               {30 * time.Second, []float64{1, 1, 1}, "nno"},
		"it looks well again":                 {0, []float64{1, 1, 0}, "non"},
		"a relapse needs one look":            {0, []float64{1, 1, silent, 1}, "nouo"},
	} {
		t.Run(name, func(t *testing.T) {
			d, got := anomaly.NewNamed(row.long), ""
			for i, x := range row.looks {
				samples := values(x, 0)
				samples[0].Known = x != silent
				r := d.Step(t0.Add(time.Duration(i)*15*time.Second), samples)
				got += string(r.Verdicts[0].Class[0])
				if r.Verdicts[1].Class != anomaly.Normal {
					t.Errorf("look %d: b is %s", i, r.Verdicts[1].Class)
				}
				if named := float64(max(0, int(x))); r.Fleet.Level != named || float64(r.Fleet.Moved) != named {
					t.Errorf("look %d: the fleet is %+v", i, r.Fleet)
				}
			}
			if got != row.want {
				t.Errorf("got %s, want %s", got, row.want)
			}
		})
	}
	if unit := anomaly.NewNamed(0).Unit(); unit != anomaly.Naming {
		t.Errorf("the unit is %q", unit)
	}
}
