// Package source asks Prometheus, and HTTP detectors, what a gate's signals say,
// and sorts the answers by pod. Everything that can be wrong with an answer ends here: what
// leaves is one number (or pair of counts) a pod, or an error that says what a
// person can do about it.
//
// It may import package tracing, and Prometheus' client library.
package source
