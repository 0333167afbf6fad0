// Package faults breaks what Podgate stands on, piece by piece, while clients
// call a Service of which a pod fails, and keeps what the clients saw and what
// became of the pods.
//
// Three fleets like the sample Service run side by side, so that each fault hits
// all of them at the same instant: one with Podgate and a failing pod, one
// without Podgate and the same pod failing, and one without either, which shows
// what the fault itself costs. Every state of the pods that the API server tells
// of is held against the limit, also those from before a broken watch was taken
// up again.
//
// The end-to-end tests assert some rounds; the command in cmd/faults plays all
// of them and writes docs/benchmarks/faults.md.
//
// It may import test/stage, test/load, test/inprocess and Podgate's packages api
// and controller.
package faults
