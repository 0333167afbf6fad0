// Package oracle knows Podgate's promises, and says of every write whether it
// keeps them.
//
// It sees each change of each object, in order, and who wrote it. Of the
// controller's writes it knows besides what the pass that wrote could know: how
// far its cache had come, what it had read from the API server, what Prometheus
// had answered. A controller cannot know what happens between its last reading
// and its write. So a gating is held against the world as it was last read from
// the API server, together with all that Podgate has written since; and any other
// write against each state that the world has had since the cache was filled.
// Where nothing happens meanwhile, both are the state that is there.
//
// It shares no code with what it checks: limits, states and evidence are
// computed here anew, from the objects and from what Prometheus answered.
package oracle
