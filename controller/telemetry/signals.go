package telemetry

import (
	"maps"
	"math"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"github.com/podgate/podgate/anomaly"
	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
)

// observeSignals tells of each signal, after a look.
func (m *Metrics) observeSignals(gate *v1alpha1.TrafficGate, p Pass) {
	if len(p.Signals) == 0 { // the gate does not look, or has not yet
		m.ForgetSignals(gate)
		return
	}
	if !p.Looked {
		return
	}
	out := m.stays.update(gate, p)
	for _, g := range []gaugeVec{m.level, m.clients} {
		g.DeletePartialMatch(labelsOf(keyOf(gate)))
	}
	for _, s := range p.Signals {
		judged := s.Result.Fleet.Judged
		m.missing.WithLabelValues(gate.Namespace, gate.Name, s.Name).Set(float64(judged - s.Answered))
		if s.Err == "" && 2*s.Answered >= judged {
			m.lastData.WithLabelValues(gate.Namespace, gate.Name, s.Name).Set(unix(p.LookedAt))
		}
		if s.Kind == anomaly.Histogram {
			continue
		}
		levels := levelsOf(s, p.Pods, gate.Name)
		for percentile, level := range percentiles(levels) {
			m.level.WithLabelValues(gate.Namespace, gate.Name, s.Name, percentile).Set(level)
		}
		if serving, all := clientsSee(levels, out, s.Name); !math.IsNaN(serving) {
			if p.DryRun { // nobody is out
				serving = all
			}
			m.clients.WithLabelValues(gate.Namespace, gate.Name, s.Name, "serving").Set(serving)
			m.clients.WithLabelValues(gate.Namespace, gate.Name, s.Name, "all").Set(all)
		}
	}
}

// ForgetSignals takes the series of a gate's signals and looks along, because it
// looks no more, or at other signals from here on.
func (m *Metrics) ForgetSignals(gate *v1alpha1.TrafficGate) {
	for _, c := range []gateCollector{m.lastLook, m.lastDuration, m.queries, m.lastData, m.missing, m.unmatched, m.level, m.clients, m.held} {
		c.DeletePartialMatch(labelsOf(keyOf(gate)))
	}
}

// level is a pod's level by one signal, and how many events are behind it; 1 for
// a value.
type level struct{ level, weight float64 }

// levelsOf are the levels of the pods that serve after the pass, in the order of
// their levels.
func levelsOf(s decide.Signal, pods []decide.Pod, gate string) (out []level) {
	serving := map[string]bool{}
	for _, p := range pods {
		serving[p.UID] = p.State(gate) == decide.Serving
	}
	for _, v := range s.Result.Verdicts {
		if l, ok := levelOf(s, v); ok && serving[v.Pod] {
			out = append(out, l)
		}
	}
	slices.SortFunc(out, func(a, b level) int {
		if a.level < b.level {
			return -1
		}
		return 1
	})
	return out
}

func levelOf(s decide.Signal, v anomaly.Verdict) (level, bool) {
	weight := v.Samples
	if s.Kind == anomaly.Value {
		weight = 1
	}
	ok := v.Class != anomaly.Unknown && v.Class != "" && !math.IsNaN(v.Level) && weight > 0
	return level{v.Level, weight}, ok
}

// percentiles are the 10th, 50th and 90th of ordered levels, by the nearest
// rank; none without levels.
func percentiles(levels []level) map[string]float64 {
	if len(levels) == 0 {
		return nil
	}
	rank := func(share float64) float64 {
		return levels[max(int(math.Ceil(share*float64(len(levels))))-1, 0)].level
	}
	return map[string]float64{"10": rank(0.1), "50": rank(0.5), "90": rank(0.9)}
}

// clientsSee is the mean level of the pods that serve, by events, and what it
// would be with those that are out, each with a mean share of the traffic. NaN
// where nothing is known of those that serve.
func clientsSee(levels []level, out map[string]map[string]float64, signal string) (serving, all float64) {
	sum, weight := 0.0, 0.0
	for _, l := range levels {
		sum, weight = sum+l.level*l.weight, weight+l.weight
	}
	serving = sum / weight
	share := weight / float64(len(levels))
	for _, uid := range slices.Sorted(maps.Keys(out)) {
		if l, ok := out[uid][signal]; ok {
			sum, weight = sum+l*share, weight+share
		}
	}
	return serving, sum / weight
}

// stays remembers how bad the gated pods were when they were gated: by gate, pod
// UID and signal. It is lost with the controller.
type stays struct {
	mu sync.Mutex
	by map[types.NamespacedName]map[string]map[string]float64
}

func (s *stays) forget(gate types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.by, gate)
}

// update takes in a look, and returns the levels of the pods that are out.
func (s *stays) update(gate *v1alpha1.TrafficGate, p Pass) map[string]map[string]float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, now := s.by[keyOf(gate)], map[string]map[string]float64{}
	for _, pod := range p.Pods {
		if pod.State(gate.Name) != decide.Gated {
			continue
		}
		if levels, ok := before[pod.UID]; ok {
			now[pod.UID] = levels
		} else if pod.Memory.GatedAt.Unix() >= p.LookedAt.Unix() { // by this look
			now[pod.UID] = levelsOfPod(p.Signals, pod.UID)
		}
	}
	if s.by == nil {
		s.by = map[types.NamespacedName]map[string]map[string]float64{}
	}
	s.by[keyOf(gate)] = now
	return now
}

// levelsOfPod are a pod's levels by signal.
func levelsOfPod(signals []decide.Signal, uid string) map[string]float64 {
	out := map[string]float64{}
	for _, s := range signals {
		for _, v := range s.Result.Verdicts {
			if l, ok := levelOf(s, v); ok && v.Pod == uid {
				out[s.Name] = l.level
			}
		}
	}
	return out
}
