// Package story puts together all that is known of one pod: its state, what each
// signal says of it beside its peers, what every guard says of taking it out, and
// what was decided about it before. With a Prometheus to ask, the verdicts are
// those of the controller's own detectors, fed with the same history at the same
// instants.
//
// It writes nothing.
package story
