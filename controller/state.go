package controller

import (
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/podgate/podgate/anomaly"
	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
	"github.com/podgate/podgate/controller/measure"
)

// gateState is what is kept in memory of a gate between passes. All of it can
// be lost: what a pod needs to come back is on the pod.
//
// Passes over one gate never overlap; only the field answered is shared with
// the goroutine that asks Prometheus.
type gateState struct {
	uid       types.UID
	detectors *measure.Detectors
	// remembered says that the detectors were given their history; until then it
	// is asked for with the next look, from nextHistory on.
	remembered  bool
	nextHistory time.Time
	// nextLook is when Prometheus is to be asked again; asking says that it is
	// being asked now.
	nextLook time.Time
	asking   bool
	// signals, lookedAt and looked are the last look.
	signals  []decide.Signal
	failures []string // condition reasons, by signal; empty where there is none
	said     measure.Said
	lookedAt time.Time
	looked   bool
	// undone is the generation of the gate whose last look came to nothing, because
	// the gating could not be confirmed: it is decided on once more. 0 if there is
	// none.
	undone int64
	// refused holds why the evictions of the last look were refused, by UID.
	refused map[string]string
	// commonCauseAt is when a common cause was last seen.
	commonCauseAt time.Time
	// failedPasses counts the passes in a row whose writes failed.
	failedPasses int
	// failure is why the last of them failed; later passes that had nothing to write
	// know nothing of it.
	failure error
	// shadow is what a dry run has decided about pods, by UID.
	shadow map[string]shadowed
	// out is when pods were last seen out of traffic, by UID.
	out map[string]time.Time
	// told remembers the last hold that was reported of each pod.
	told map[string]decide.Reason
	// written is the status that was written last, and decision the sentence about the
	// last look.
	written  *v1alpha1.TrafficGateStatus
	decision string
	// logged is the generation of the gate whose spec was logged last.
	logged int64
	// trace is that of the last look whose answer was taken in; nil before the first.
	trace trace.Span

	mu       sync.Mutex
	answered *look
	// dropped says that nobody will take an answer in.
	dropped bool
}

// states holds the state of every gate.
type states struct {
	mu sync.Mutex
	by map[types.NamespacedName]*gateState
}

// of returns a gate's state; a gate that was deleted and made anew starts
// afresh.
func (s *states) of(gate *v1alpha1.TrafficGate, now time.Time) *gateState {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := types.NamespacedName{Namespace: gate.Namespace, Name: gate.Name}
	state := s.by[key]
	if state != nil && state.uid != gate.UID {
		state.drop()
		state = nil
	}
	if state == nil {
		state = &gateState{uid: gate.UID, shadow: map[string]shadowed{}, told: map[string]decide.Reason{}}
		if c := meta.FindStatusCondition(gate.Status.Conditions, v1alpha1.ConditionCommonCause); c != nil && c.Status == metav1.ConditionTrue {
			state.commonCauseAt = now // another controller saw one, nobody knows until when
		}
		if s.by == nil {
			s.by = map[types.NamespacedName]*gateState{}
		}
		s.by[key] = state
	}
	return state
}

// drop lets a gate's state go, and with it an answer that is not taken in.
func (s *gateState) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropped = true
	if s.answered != nil {
		s.answered.trace.End()
	}
}

func (s *states) drop(key types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if state := s.by[key]; state != nil {
		state.drop()
	}
	delete(s.by, key)
}

// rest forgets what was seen, because the gate has stopped looking: what it
// will see next must speak for itself.
func (s *gateState) rest() {
	s.detectors, s.signals, s.looked, s.nextLook = nil, nil, false, time.Time{}
	s.said, s.undone, s.refused, s.commonCauseAt = measure.Said{}, 0, nil, time.Time{}
	s.written, s.decision = nil, ""
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.answered != nil {
		s.answered.trace.End()
		s.answered, s.asking = nil, false
	}
}

// refresh gives a gate that the cache knows from before the last write of its status
// that status: a pass that did not look passes on what it says of the last look. It
// returns the status as the cache has it, which may also be another controller's.
func (s *gateState) refresh(gate *v1alpha1.TrafficGate) (known v1alpha1.TrafficGateStatus) {
	known = *gate.Status.DeepCopy()
	if s.written == nil || s.written.LastEvaluation == nil {
		return known
	}
	if last := known.LastEvaluation; last == nil || last.Time.Before(&s.written.LastEvaluation.Time) {
		gate.Status = *s.written.DeepCopy()
		gate.Status.Gating = known.Gating
	}
	return known
}

// noteOut notes which pods are out of traffic, by whose hand ever, and tells each pod
// when it last was. What is noted on pods does not tell of those that people held out.
func (s *gateState) noteOut(pods []decide.Pod, now time.Time) {
	out := map[string]time.Time{}
	for i := range pods {
		p := &pods[i]
		if p.Traffic != v1alpha1.TrafficYes {
			out[p.UID] = now.Truncate(time.Second) // as what is noted on pods
		} else if at, was := s.out[p.UID]; was {
			out[p.UID] = at
		}
		p.OutAt = out[p.UID]
	}
	s.out = out
}

// count counts failed passes in a row. A pass that had nothing to do proves
// nothing: what failed at the last look is tried again at the next.
func (s *gateState) count(o outcome) {
	wrote := slices.ContainsFunc(o.done, decide.Decision.Writes)
	switch {
	case o.err != nil:
		s.failedPasses, s.failure = s.failedPasses+1, o.err
	case o.looked || wrote:
		s.failedPasses, s.failure = 0, nil
	}
}

// again reports whether the last look came to nothing and may be decided on once
// more: for the same spec, and while it is not too old.
func (s *gateState) again(gate *v1alpha1.TrafficGate, w *world, now time.Time) bool {
	generation := s.undone
	s.undone = 0
	if generation == 0 || generation != gate.Generation || tooOld(gate, s.lookedAt, now) {
		return false
	}
	s.rejudge(gate, w, now)
	return true
}

// rejudge takes back what the last look says of pods that came back since, as is
// known now: of one that another controller had gated, for instance. None is held to
// what it did before.
func (s *gateState) rejudge(gate *v1alpha1.TrafficGate, w *world, now time.Time) {
	judged := map[string]bool{}
	for _, p := range w.pods {
		judged[p.UID] = p.Judged(gate.Name, w.policy, s.lookedAt, now)
	}
	for i := range s.signals {
		verdicts := slices.Clone(s.signals[i].Result.Verdicts)
		for k := range verdicts {
			if v := &verdicts[k]; !judged[v.Pod] {
				v.Class, v.Missing = anomaly.Unknown, "came back since the look"
			}
		}
		s.signals[i].Result.Verdicts = verdicts
	}
}

// noteRefused keeps why the evictions of a look were refused.
func (s *gateState) noteRefused(o outcome) {
	if !o.looked {
		return
	}
	s.refused = map[string]string{}
	for _, d := range o.done {
		if d.Reason == decide.HeldEviction {
			s.refused[d.UID] = d.Message
		}
	}
}
