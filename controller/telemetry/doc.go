// Package telemetry holds every metric of the controller's own: what each is
// called, what it means, how many series it may have (table.go), and how it is
// filled from the plain values of a pass.
//
// Series of pods are bounded: a pod has some only while it is out of traffic, on
// trial or among the most suspect of its gate.
//
// It may import packages anomaly, api and decide, and Prometheus' client library.
package telemetry
