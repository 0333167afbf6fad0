// Package traces tests on a real cluster that each look is a trace which arrives
// at a collector, and that a collector which hangs or goes changes nothing.
//
// It may import test/stage and Podgate's package api.
package traces
