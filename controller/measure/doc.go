// Package measure turns a TrafficGate's spec into what is asked of Prometheus,
// and the answers into what package decide works with: verdicts by signal, the
// load of each pod, what a probe says of it. The controller and everything that
// repeats its decisions on history share it.
//
// It may import packages api, anomaly, decide and source.
package measure
