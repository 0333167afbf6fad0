package score

import (
	"testing"
	"time"

	"github.com/podgate/podgate/anomaly"
	"github.com/podgate/podgate/test/bench/rival"
	"github.com/podgate/podgate/test/bench/stream"
)

// fixed flags the same pods in some steps.
type fixed struct {
	from, to int
	flags    []rival.Flag
}

func (f fixed) Tick(_ *stream.Run, step int) ([]rival.Flag, bool) {
	if step >= f.from && step < f.to {
		return append([]rival.Flag(nil), f.flags...), false
	}
	return nil, false
}

// quiet is a stream of ten pods for an hour, pod 0 at fault for half of it.
func quiet() *stream.Run {
	r := stream.Generate(stream.Scenario{Kind: anomaly.Value, Hours: 1, Pods: 10, Noise: 0.1}, 1)
	r.Faults = []stream.Fault{{Pod: 0, From: 240, To: 600}}
	return r
}

func TestPlay(t *testing.T) {
	for name, row := range map[string]struct {
		method              fixed
		episodes, right     int
		hits                int
		seconds, wrongAbove float64
	}{
		"nothing is flagged":             {fixed{}, 0, 0, 0, 0, 0},
		"the fault is found in a minute": {fixed{252, 600, []rival.Flag{{Pod: 0, Score: 1}}}, 1, 1, 1, 60, 0},
		"another pod is gated":           {fixed{252, 264, []rival.Flag{{Pod: 1, Score: 1}}}, 1, 0, 0, 0, 2.5},
		"long before the fault":          {fixed{60, 72, []rival.Flag{{Pod: 0, Score: 1}}}, 1, 0, 0, 0, 2.5},
		"soon after the fault":           {fixed{612, 624, []rival.Flag{{Pod: 0, Score: 1}}}, 1, 1, 0, 0, 0},
		"at most a third goes": {fixed{252, 264, []rival.Flag{{Pod: 1, Score: 1}, {Pod: 2, Score: 2}, {Pod: 3, Score: 3},
			{Pod: 4, Score: 4}, {Pod: 5, Score: 5}}}, 3, 0, 0, 0, 8},
	} {
		t.Run(name, func(t *testing.T) {
			o := Play(quiet(), rival.Entry{Every: 10 * time.Second, New: func(*stream.Run) rival.Method { return row.method }})
			if o.Episodes != row.episodes || o.Right != row.right || o.Hits != row.hits {
				t.Errorf("%d episodes, %d right, %d hits; want %d, %d, %d", o.Episodes, o.Right, o.Hits, row.episodes, row.right, row.hits)
			}
			if o.Hits > 0 && o.Times[0] != row.seconds {
				t.Errorf("found after %v s, want %v", o.Times[0], row.seconds)
			}
			if o.WrongMinutes < row.wrongAbove || row.wrongAbove == 0 && o.WrongMinutes > 0 {
				t.Errorf("%v wrong minutes, want %v or a little more", o.WrongMinutes, row.wrongAbove)
			}
		})
	}
}

// The same seed makes the same stream and the same outcome.
func TestDeterminism(t *testing.T) {
	s := stream.Scenarios()[0]
	s.Hours = 2.5
	e := rival.All(15 * time.Second)[0]
	a, b := Play(stream.Generate(s, 3), e), Play(stream.Generate(s, 3), e)
	if a.Episodes != b.Episodes || a.WrongMinutes != b.WrongMinutes || len(a.Times) != len(b.Times) {
		t.Errorf("%+v is not %+v", a, b)
	}
}
