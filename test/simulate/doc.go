// Package simulate tests Podgate's safety promises with worlds made up at random.
//
// A world (world.go, people.go) is fleets of pods that come, go, get sick and
// well, people who edit what they please, and a Prometheus (prometheus.go) that
// answers late, in part, or wrongly. The product's own Reconciler works in it, in
// two replicas that may both think that they lead (replica.go). Each has a clock
// of its own, a cache that lags behind, and a process that may be paused at any
// call to the API server and go on at any later time, fail at it, or die there
// (client.go).
//
// All that happens is written in a script (script.go) before it begins, so that
// a run can be repeated, and so that a failure can be told with as few actions as
// possible (shrink.go). Package oracle watches every write, and says which
// promise it breaks. It shares no code with the product's decisions.
//
// The API server is that of package apiserver, in memory; with Run's other
// cluster it is a real one (test/e2e).
package simulate
