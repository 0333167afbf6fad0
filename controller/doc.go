// Package controller reconciles TrafficGates. A pass has five parts, each in a
// file of its own:
//
//	load    (load.go, refusal.go)   the world as plain values, by package fleet
//	measure (look.go)               Prometheus' answers as verdicts
//	decide  (package decide)        what to do, purely
//	act     (act.go)                the writes to pods
//	report  (status.go, events.go, metrics.go, package telemetry)
//
// Prometheus is asked beside the passes, never within one, so that a server
// that hangs delays neither a person's override nor another gate.
//
// It may import packages api, anomaly, decide, fleet, measure, source, telemetry
// and tracing, and controller-runtime.
package controller
