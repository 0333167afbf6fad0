// Package suggest proposes what to write into a gate: the least floors under which
// the pods of a healthy fleet stay clear of being gated, and a window that holds
// enough. It tries them by replaying the gate, with the controller's own detectors.
//
// It may import packages anomaly, api, decide, measure, source and replay, and
// Prometheus' parser.
package suggest
