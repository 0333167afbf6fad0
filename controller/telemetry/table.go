package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"
)

const (
	// MaxPods is how many pods of a gate have series of their own at once: those
	// that are out first, then those on trial, then the most suspect.
	MaxPods = 8
	// MaxSuspects is how many of them may be pods that are merely suspect.
	MaxSuspects = 3
)

// Metric is what there is to know of one metric.
type Metric struct {
	Name string
	// Type is gauge, counter or histogram.
	Type string
	// Labels in the order in which they are given values.
	Labels []string
	// Help is the meaning, in a sentence or two.
	Help string
	// Series says how many there may be.
	Series string
}

// Metrics are all metrics of the controller's own. Those of a gate go with it.
type Metrics struct {
	buildInfo *prometheus.GaugeVec
	leading   prometheus.Gauge

	gate, ready, message, interval           *prometheus.GaugeVec
	pods, limit, used                        *prometheus.GaugeVec
	trial, waiting, outliers, unknown        *prometheus.GaugeVec
	overrides, held, commonCause, suspected  *prometheus.GaugeVec
	decisions, relapses                      *prometheus.CounterVec
	looks                                    *prometheus.CounterVec
	lastLook, lastDuration                   *prometheus.GaugeVec
	queries                                  *prometheus.CounterVec
	lastData, missing, unmatched             *prometheus.GaugeVec
	level, clients                           *prometheus.GaugeVec
	podSince, evidence, podLevel, peersLevel *prometheus.GaugeVec

	lookSeconds, querySeconds, lag prometheus.Histogram
	podWrites, statusWrites        *prometheus.CounterVec

	table      []Metric
	collectors []prometheus.Collector
	ofGates    []gateCollector
	stays      stays
}

// gateCollector is a metric whose series have the labels namespace and gate.
type gateCollector interface {
	prometheus.Collector
	DeletePartialMatch(prometheus.Labels) int
}

// define is the one place for every metric: its name, its labels besides those
// of the gate, its meaning and its bound.
func define() *Metrics {
	m := &Metrics{}
	m.gate = m.gauge("podgate_gate_info", "Always 1; says which Service the gate is for and in which mode it is.", "1 a gate", "service", "mode")
	m.ready = m.gauge("podgate_gate_ready", "1 while the gate's Ready condition is True, else 0, by its reason.", "1 a gate", "reason")
	m.message = m.gauge("podgate_gate_message_info", "Always 1; what the gate has to say: reason and message of its Ready condition. Numbers in it are as of when the status was last written, at most a minute ago.", "1 a gate", "reason", "message")
	m.interval = m.gauge("podgate_gate_interval_seconds", "How often the gate is to look.", "1 a gate")

	m.pods = m.gauge("podgate_pods", "Pods of the gate's Service by state: serving, notReady, unlabelled, gated, heldOut; wouldBeGated counts those that a dry run would have gated, which serve.", "6 a gate", "state")
	m.limit = m.gauge("podgate_limit_pods", "Pods that may be out of traffic at once.", "1 a gate")
	m.used = m.gauge("podgate_limit_used_pods", "Pods that use up the limit: gated, held out by people, not Ready, or without the traffic label. What a dry run would have gated does not count.", "1 a gate")
	m.trial = m.gauge("podgate_trial_pods", "Pods that came back lately and are watched: 0 or 1, unless a person, or a limit that shrank, brought several back.", "1 a gate")
	m.waiting = m.gauge("podgate_waiting_pods", "Gated pods without a trial left, which wait for a person or for their eviction. A dry run has none.", "1 a gate")
	m.outliers = m.gauge("podgate_outlier_pods", "Serving pods that look bad now.", "1 a gate")
	m.unknown = m.gauge("podgate_unknown_pods", "Pods that are judged and that no signal can tell anything of.", "1 a gate")
	m.overrides = m.gauge("podgate_override_pods", "Pods with a person's override label, by what it says: yes, no, or other for what has no effect.", "3 a gate", "override")

	m.held = m.gauge("podgate_held_pods", "Outliers that stayed in traffic at the last look, by the guard that held them, and whether that was a dry run's.", "1 a gate and guard that holds", "guard", "dry_run")
	m.commonCause = m.gauge("podgate_common_cause", "1 while nobody is gated because the fault is not in the pods, else 0.", "1 a gate")
	m.suspected = m.gauge("podgate_domain_suspected", "1 while a domain explains the outliers better than the pods do, by kind (Zone, Node, Revision) and name.", "1 a gate", "kind", "name")
	m.decisions = m.counter("podgate_decisions_total", "Decisions by action, reason, the signal that they are due to (empty for none), and whether they were a dry run's. A hold that goes on is counted once.", "a few a gate and signal", "action", "reason", "signal", "dry_run")
	m.relapses = m.counter("podgate_relapses_total", "Trials that failed: pods that were gated again soon after they had come back. Dry runs' do not count.", "1 a gate")

	m.looks = m.counter("podgate_looks_total", "Looks at the metrics by result: answered, failed (at least one query).", "2 a gate", "result")
	m.lastLook = m.gauge("podgate_last_look_timestamp_seconds", "As of when the metrics were last looked at, in Unix time.", "1 a gate")
	m.lastDuration = m.gauge("podgate_last_look_duration_seconds", "How long Prometheus took to answer all queries of the last look.", "1 a gate")
	m.queries = m.counter("podgate_signal_queries_total", "Questions to Prometheus by result: answered, or as it failed (Failed, Rejected, Ambiguous).", "1 to 4 a signal", "signal", "result")
	m.lastData = m.gauge("podgate_signal_last_data_timestamp_seconds", "As of when Prometheus last had data for at least half of the judged pods, in Unix time.", "1 a signal", "signal")
	m.missing = m.gauge("podgate_signal_missing_pods", "Judged pods that the last answer had nothing about.", "1 a signal", "signal")
	m.unmatched = m.gauge("podgate_signal_unmatched_pods", "Names in the last answer that no pod of the Service has: other Services' pods, or a wrong spec.podLabel.", "1 a signal", "signal")
	m.level = m.gauge("podgate_signal_level", "The signal's level among the judged pods: the 10th, 50th and 90th percentile of the pods. Shares are between 0 and 1. Not for histograms, whose pods are compared at bounds of their own.", "3 a signal", "signal", "percentile")
	m.clients = m.gauge("podgate_signal_clients_level", "The level that clients see: the mean over events (pods, for a value) of those that serve (pods=\"serving\"), and what it would be if the gated pods still had their share of the traffic, as bad as they were when they were gated (pods=\"all\"). Not for histograms; gatings before the controller's start are not known. What a dry run would have gated does serve.", "2 a signal", "signal", "pods")

	m.podSince = m.gauge("podgate_pod_since_timestamp_seconds", "Since when a pod is in a state other than plainly serving, in Unix time, 0 where nobody noted it: gated, wouldBeGated, heldOut, trial, or kept in traffic by a person though it would be on trial or is an outlier; with the signal and the sentence for which it was gated, or on trial how it came back. A new series for each gating.", "8 a gate", "pod", "state", "signal", "why")
	m.evidence = m.gauge("podgate_pod_evidence_ratio", "Evidence against the pod by its worst signal, in units of the bar: 1 and above is an outlier. For pods out of traffic, on trial, and the 3 most suspect.", "8 a gate", "pod", "signal")
	m.podLevel = m.gauge("podgate_pod_level", "The level of the pod's worst signal, for the same pods while they are judged.", "8 a gate", "pod", "signal")
	m.peersLevel = m.gauge("podgate_pod_peers_level", "The level of its peers that the pod is compared with, for the same pods and signals.", "8 a gate", "pod", "signal")

	m.lookSeconds = m.histogram("podgate_look_duration_seconds", "How long Prometheus took to answer all queries of a look.", prometheus.ExponentialBuckets(0.005, 2, 12))
	m.querySeconds = m.histogram("podgate_query_duration_seconds", "How long one question to Prometheus took; a ratio's two queries are one.", prometheus.ExponentialBuckets(0.002, 2, 13))
	m.lag = m.histogram("podgate_evaluation_lag_seconds", "How old an answer was, from the instant that it is about, when it was decided on.", prometheus.ExponentialBuckets(0.1, 2, 11))
	m.podWrites = m.counterOfAll("podgate_pod_writes_total", "Patches of pods by action and result: ok, failed, conflict (the pod had changed, and it is decided anew), gone (there is no such pod any more).", "4 an action", "action", "result")
	m.statusWrites = m.counterOfAll("podgate_status_writes_total", "Writes of gates' status by result: ok, failed.", "2", "result")
	m.buildInfo = prometheus.NewGaugeVec(m.opts("gauge", "podgate_build_info", "Always 1; says what was built from which revision with which Go.", "1", []string{"version", "revision", "goversion"}), []string{"version", "revision", "goversion"})
	m.leading = prometheus.NewGauge(m.opts("gauge", "podgate_leading", "1 while this process leads, and so watches over the gates; 0 while it stands by.", "1", nil))
	m.collectors = append(m.collectors, m.buildInfo, m.leading)
	return m
}

// Table is every metric, in the order in which they are documented.
func Table() []Metric { return define().table }

func (m *Metrics) opts(kind, name, help, series string, labels []string) prometheus.GaugeOpts {
	m.table = append(m.table, Metric{Name: name, Type: kind, Labels: labels, Help: help, Series: series})
	return prometheus.GaugeOpts{Name: name, Help: help}
}

func (m *Metrics) gauge(name, help, series string, labels ...string) *prometheus.GaugeVec {
	labels = append([]string{"namespace", "gate"}, labels...)
	v := prometheus.NewGaugeVec(m.opts("gauge", name, help, series, labels), labels)
	m.ofGates, m.collectors = append(m.ofGates, v), append(m.collectors, v)
	return v
}

func (m *Metrics) counter(name, help, series string, labels ...string) *prometheus.CounterVec {
	v := m.counterOfAll(name, help, series, append([]string{"namespace", "gate"}, labels...)...)
	m.ofGates = append(m.ofGates, v)
	return v
}

func (m *Metrics) counterOfAll(name, help, series string, labels ...string) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts(m.opts("counter", name, help, series, labels)), labels)
	m.collectors = append(m.collectors, v)
	return v
}

func (m *Metrics) histogram(name, help string, buckets []float64) prometheus.Histogram {
	m.opts("histogram", name, help, "1", nil)
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
	m.collectors = append(m.collectors, h)
	return h
}
