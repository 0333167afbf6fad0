package controller

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
)

// metrics are all metrics of the controller's own. Those of a gate go with it.
type metrics struct {
	pods        *prometheus.GaugeVec
	limit       *prometheus.GaugeVec
	ready       *prometheus.GaugeVec
	commonCause *prometheus.GaugeVec
	decisions   *prometheus.CounterVec
	looks       *prometheus.CounterVec
	lookSeconds *prometheus.HistogramVec
	lastLook    *prometheus.GaugeVec
	writes      *prometheus.CounterVec
}

func newMetrics(registry prometheus.Registerer) (*metrics, error) {
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, append([]string{"namespace", "gate"}, labels...))
	}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, append([]string{"namespace", "gate"}, labels...))
	}
	m := &metrics{
		pods:        gauge("podgate_pods", "Pods of the gate's Service by state: serving, notReady, unlabelled, gated, heldOut, wouldBeGated (by a dry run).", "state"),
		limit:       gauge("podgate_limit_pods", "Pods that may be out of traffic at once."),
		ready:       gauge("podgate_gate_ready", "1 while the gate's Ready condition is True, else 0, by its reason.", "reason"),
		commonCause: gauge("podgate_common_cause", "1 while nobody is gated because the fault is not in the pods, else 0."),
		decisions:   counter("podgate_decisions_total", "Decisions by action, reason and whether they were a dry run's.", "action", "reason", "dry_run"),
		looks:       counter("podgate_looks_total", "Looks at the metrics by result: answered, failed (at least one query).", "result"),
		lastLook:    gauge("podgate_last_look_timestamp_seconds", "When the metrics were last looked at, in Unix time."),
		lookSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "podgate_look_duration_seconds",
			Help: "How long Prometheus took to answer all queries of a gate.", Buckets: prometheus.ExponentialBuckets(0.005, 2, 12)}, []string{"namespace", "gate"}),
		writes: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "podgate_pod_writes_total",
			Help: "Patches of pods by result: ok, failed."}, []string{"result"}),
	}
	for _, c := range append(m.ofGates(), m.writes) {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) ofGates() []prometheus.Collector {
	return []prometheus.Collector{m.pods, m.limit, m.ready, m.commonCause, m.decisions, m.looks, m.lastLook, m.lookSeconds}
}

// forget takes a gate's series along.
func (m *metrics) forget(key types.NamespacedName) {
	labels := prometheus.Labels{"namespace": key.Namespace, "gate": key.Name}
	for _, c := range m.ofGates() {
		c.(interface {
			DeletePartialMatch(prometheus.Labels) int
		}).DeletePartialMatch(labels)
	}
}

func (m *metrics) observeLook(gate *v1alpha1.TrafficGate, l *look) {
	result := "answered"
	for _, a := range l.answers {
		if a.Err != nil {
			result = "failed"
		}
	}
	m.looks.WithLabelValues(gate.Namespace, gate.Name, result).Inc()
	m.lookSeconds.WithLabelValues(gate.Namespace, gate.Name).Observe(l.took.Seconds())
	m.lastLook.WithLabelValues(gate.Namespace, gate.Name).Set(float64(l.at.UnixNano()) / float64(time.Second))
}

func (m *metrics) observeWrite(err error) {
	result := "ok"
	if err != nil {
		result = "failed"
	}
	m.writes.WithLabelValues(result).Inc()
}

func (m *metrics) observeDecision(gate *v1alpha1.TrafficGate, d decide.Decision, dryRun bool) {
	dry := "false"
	if dryRun {
		dry = "true"
	}
	m.decisions.WithLabelValues(gate.Namespace, gate.Name, string(d.Action), string(d.Reason), dry).Inc()
}

// rehearsedState counts the pods that a dry run would have gated; they serve.
const rehearsedState decide.State = "wouldBeGated"

func (m *metrics) observePlan(gate *v1alpha1.TrafficGate, plan decide.Plan, dryRun bool) {
	states := map[decide.State]int{decide.Serving: plan.Counts.Serving, decide.NotReady: plan.Counts.NotReady,
		decide.Unlabelled: plan.Counts.Unlabelled, decide.Gated: plan.Counts.Gated, decide.HeldOut: plan.Counts.HeldOut, rehearsedState: 0}
	if dryRun {
		states[decide.Gated], states[rehearsedState] = 0, plan.Counts.Gated
		states[decide.Serving] += plan.Counts.Gated
	}
	for state, n := range states {
		m.pods.WithLabelValues(gate.Namespace, gate.Name, string(state)).Set(float64(n))
	}
	m.limit.WithLabelValues(gate.Namespace, gate.Name).Set(float64(plan.Counts.Limit))
	cause := 0.0
	if plan.CommonCause != "" {
		cause = 1
	}
	m.commonCause.WithLabelValues(gate.Namespace, gate.Name).Set(cause)
}

func (m *metrics) observeReady(gate *v1alpha1.TrafficGate, reason string, ready bool) {
	m.ready.DeletePartialMatch(prometheus.Labels{"namespace": gate.Namespace, "gate": gate.Name})
	value := 0.0
	if ready {
		value = 1
	}
	m.ready.WithLabelValues(gate.Namespace, gate.Name, reason).Set(value)
}
