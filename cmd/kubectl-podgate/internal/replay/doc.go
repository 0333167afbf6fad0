// Package replay runs a gate over history: the controller's own step, with the
// detectors of package measure, the rules and guards of package decide and the
// gate's own ticks, on what Prometheus says of the past. What the gate decides is
// written nowhere but in memory, and the next step sees it as written.
//
// Two things differ from a gate that was there. The pods are those that the data
// knows: each is there from its first to its last sample, Ready unless
// kube-state-metrics says otherwise, and its first sample counts as its start. And
// a pod that is gated in the replay went on serving in truth: while it is out it is
// not judged, as in life, but on its trial it is judged by what it really did.
//
// It may import packages api, decide, measure and source.
package replay
