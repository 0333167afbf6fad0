package page

import (
	"math"
	"slices"
	"time"

	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/replay"
	"github.com/podgate/podgate/controller/decide"
)

// A close-up shows a gating look by look: from closeBefore looks before it until
// closeAfter looks after the pod came back for good, or closeOut looks after it went
// out for longer, and closeMost looks at most. The first maxCloseUps are kept.
const (
	closeBefore = 40
	closeAfter  = 20
	closeOut    = 120
	closeMost   = 400
	maxCloseUps = 12
)

// closeUp is one pod around its gating, by the signal that it was gated for.
type closeUp struct {
	pod    string
	uid    string
	signal int
	points []point
	// gated are the times at which it went out, came back, went out again and so on.
	gated []time.Time
	// why is what was said when it was first gated.
	why string
	// left is how many more looks to take.
	left int
}

// point is one look at one pod.
type point struct {
	at                time.Time
	level             float64
	low, middle, high float64
	// evidence against the pod and the bar, as it was judged; NaN if it was not.
	evidence, bar float64
	out           bool
}

// closeUps collects them, with the last looks at every pod in case one is gated.
type closeUps struct {
	past  [][]map[string]point // the last looks, by signal and UID
	all   []*closeUp
	open  map[string]*closeUp // by UID
	total int
}

// see takes in one look, after the plots have.
func (c *closeUps) see(r *Recorder, s *replay.Step) {
	now := make([]map[string]point, len(r.signals))
	for k := range r.signals {
		now[k] = pointsOf(r, s, k)
	}
	for _, up := range slices.Clone(c.all) {
		if c.open[up.uid] == up {
			c.extend(up, now[up.signal], s)
		}
	}
	for _, d := range s.Plan.Decisions {
		if d.Action == decide.Gate {
			c.begin(r, d, now, s)
		}
	}
	if c.past = append(c.past, now); len(c.past) > closeBefore {
		c.past[0], c.past = nil, c.past[1:]
	}
}

// begin opens a close-up of a pod that is gated, unless one is open: then the
// gating is a relapse, and belongs to it.
func (c *closeUps) begin(r *Recorder, d decide.Decision, now []map[string]point, s *replay.Step) {
	if up := c.open[d.UID]; up != nil {
		up.left = closeOut
		up.gated = append(up.gated, s.At)
		up.points[len(up.points)-1].out = true
		return
	}
	if c.total++; c.total > maxCloseUps {
		return
	}
	k := slices.IndexFunc(r.signals, func(p *plot) bool { return p.signal.Name == d.Finding.Signal })
	up := &closeUp{pod: d.Pod, uid: d.UID, signal: max(k, 0), why: d.Message, gated: []time.Time{s.At}, left: closeOut}
	for _, look := range append(slices.Clone(c.past), now) {
		if p, ok := look[up.signal][d.UID]; ok {
			up.points = append(up.points, p)
		}
	}
	if len(up.points) > 0 {
		up.points[len(up.points)-1].out = true
	}
	if c.open == nil {
		c.open = map[string]*closeUp{}
	}
	c.all, c.open[d.UID] = append(c.all, up), up
}

// extend adds a look to an open close-up, or ends it.
func (c *closeUps) extend(up *closeUp, now map[string]point, s *replay.Step) {
	p, ok := now[up.uid]
	if !ok || up.left == 0 || len(up.points) >= closeMost {
		delete(c.open, up.uid)
		return
	}
	if was := len(up.points) > 0 && up.points[len(up.points)-1].out; was != p.out {
		up.gated = append(up.gated, s.At)
		up.left = closeAfter
	}
	up.left--
	up.points = append(up.points, p)
}

// pointsOf are all pods at one look, by one signal.
func pointsOf(r *Recorder, s *replay.Step, k int) map[string]point {
	plot := r.signals[k]
	out := make(map[string]point, len(s.Pods))
	for _, pod := range s.Pods {
		p := point{at: s.At, level: math.NaN(), evidence: math.NaN(), bar: math.NaN(), out: pod.State(r.gate.Name) == decide.Gated}
		if sample, known := s.Answers[k].ByPod[pod.Name]; known {
			p.level = level(plot.kind, sample)
		}
		p.low, p.middle, p.high = bandWithout(plot.levels, p.level)
		out[pod.UID] = p
	}
	for _, v := range s.Signals[k].Result.Verdicts {
		if p, ok := out[v.Pod]; ok && v.Bar > 0 && !p.out {
			p.evidence, p.bar = v.Evidence, v.Bar
			out[v.Pod] = p
		}
	}
	return out
}
