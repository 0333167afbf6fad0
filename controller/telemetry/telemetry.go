package telemetry

import (
	"cmp"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
)

// New registers every metric.
func New(registry prometheus.Registerer) (*Metrics, error) {
	m := define()
	for _, c := range m.collectors {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	m.buildInfo.WithLabelValues(build()).Set(1)
	for _, result := range []WriteResult{WriteOK, WriteFailed} { // so that the first of each is an increase
		for _, action := range []decide.Action{decide.Gate, decide.Release, decide.HoldOut, decide.Label, decide.Evict, decide.Expire, decide.Note} {
			m.podWrites.WithLabelValues(string(action), string(result))
		}
		m.statusWrites.WithLabelValues(string(result))
	}
	return m, nil
}

// build is what the program says of itself: version, revision and Go.
func build() (version, revision, goVersion string) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown", "unknown", "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			revision = s.Value
		}
	}
	return cmp.Or(info.Main.Version, "unknown"), cmp.Or(revision, "unknown"), info.GoVersion
}

// Forget takes a gate's series along.
func (m *Metrics) Forget(gate types.NamespacedName) {
	for _, c := range m.ofGates {
		c.DeletePartialMatch(labelsOf(gate))
	}
	m.stays.forget(gate)
}

func labelsOf(gate types.NamespacedName) prometheus.Labels {
	return prometheus.Labels{"namespace": gate.Namespace, "gate": gate.Name}
}

func keyOf(gate *v1alpha1.TrafficGate) types.NamespacedName {
	return types.NamespacedName{Namespace: gate.Namespace, Name: gate.Name}
}

// Look is one look at the metrics.
type Look struct {
	// At is the instant that it is about, Took how long it took, Lag how old it
	// was when it was decided on.
	At        time.Time
	Took, Lag time.Duration
	// TraceID of the look, for exemplars; empty if it is not traced.
	TraceID string
	// Answers has one entry for each signal.
	Answers []Answer
}

// Answer is what became of one question.
type Answer struct {
	Signal string
	// Failure is how it failed; empty if it was answered.
	Failure string
	// Took is how long it took; 0 where that was not measured.
	Took time.Duration
	// Unmatched is how many names it has that no pod of the fleet has.
	Unmatched int
}

// Look takes in that an answer has come.
func (m *Metrics) Look(gate *v1alpha1.TrafficGate, l Look) {
	result := "answered"
	for _, a := range l.Answers {
		if a.Failure != "" {
			result = "failed"
		}
		m.queries.WithLabelValues(gate.Namespace, gate.Name, a.Signal, cmp.Or(a.Failure, "answered")).Inc()
		m.unmatched.WithLabelValues(gate.Namespace, gate.Name, a.Signal).Set(float64(a.Unmatched))
		if a.Took > 0 {
			observe(m.querySeconds, a.Took, l.TraceID)
		}
	}
	m.looks.WithLabelValues(gate.Namespace, gate.Name, result).Inc()
	observe(m.lookSeconds, l.Took, l.TraceID)
	m.lastDuration.WithLabelValues(gate.Namespace, gate.Name).Set(l.Took.Seconds())
	m.lastLook.WithLabelValues(gate.Namespace, gate.Name).Set(unix(l.At))
	m.lag.Observe(max(l.Lag, 0).Seconds())
}

// Leading takes in whether this process leads.
func (m *Metrics) Leading(leads bool) { m.leading.Set(truth(leads)) }

// WriteResult is what became of a write.
type WriteResult string

// The results of a write.
const (
	WriteOK       WriteResult = "ok"
	WriteFailed   WriteResult = "failed"
	WriteConflict WriteResult = "conflict"
	WriteGone     WriteResult = "gone"
)

// PodWrite counts a patch of a pod.
func (m *Metrics) PodWrite(action decide.Action, result WriteResult) {
	m.podWrites.WithLabelValues(string(action), string(result)).Inc()
}

// StatusWrite counts a write of a gate's status.
func (m *Metrics) StatusWrite(err error) {
	result := WriteOK
	if err != nil {
		result = WriteFailed
	}
	m.statusWrites.WithLabelValues(string(result)).Inc()
}

// exemplar leads from a metric to a trace that it counts.
func exemplar(traceID string) prometheus.Labels { return prometheus.Labels{"trace_id": traceID} }

func observe(h prometheus.Histogram, took time.Duration, traceID string) {
	if e, ok := h.(prometheus.ExemplarObserver); ok && traceID != "" {
		e.ObserveWithExemplar(took.Seconds(), exemplar(traceID))
		return
	}
	h.Observe(took.Seconds())
}

func increment(c prometheus.Counter, traceID string) {
	if e, ok := c.(prometheus.ExemplarAdder); ok && traceID != "" {
		e.AddWithExemplar(1, exemplar(traceID))
		return
	}
	c.Inc()
}

// Decision counts a decision that was carried out, or told of, and of the look
// with the traceID if that is not empty.
func (m *Metrics) Decision(gate *v1alpha1.TrafficGate, d decide.Decision, dryRun bool, traceID string) {
	increment(m.decisions.WithLabelValues(gate.Namespace, gate.Name, string(d.Action), string(d.Reason), d.Finding.Signal, strconv.FormatBool(dryRun)), traceID)
	if !dryRun && d.Action == decide.Gate && d.Memory.Relapses > d.Before.Memory.Relapses {
		m.relapses.WithLabelValues(gate.Namespace, gate.Name).Inc()
	}
}

// Ready takes in the Ready condition.
func (m *Metrics) Ready(gate *v1alpha1.TrafficGate, reason, message string, ready bool) {
	m.ready.DeletePartialMatch(labelsOf(keyOf(gate)))
	m.ready.WithLabelValues(gate.Namespace, gate.Name, reason).Set(truth(ready))
	m.message.DeletePartialMatch(labelsOf(keyOf(gate)))
	m.message.WithLabelValues(gate.Namespace, gate.Name, reason, sentence(message)).Set(1)
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// unix is a time in seconds since 1970.
func unix(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
