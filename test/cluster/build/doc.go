// Package build provides the programs of the test cluster: those that are on
// the machine already, and those it builds from pinned sources with the Go
// toolchain, once, into a cache.
//
// It imports the standard library only.
package build
