// Package story is what Podgate does, told as a sequence of scenes on a stage:
// the demo prints it, and the end-to-end test asserts it. Each scene does
// something to the running cluster, watches what happens, and holds what it saw
// against what it expected.
//
// It may import test/stage and Podgate's api.
package story
