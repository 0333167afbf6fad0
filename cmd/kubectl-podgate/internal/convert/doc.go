// Package convert turns Kubervisor's resources, of every schema that it had, into
// TrafficGates, with comments for what changes its meaning and for what cannot be
// carried over.
//
// It may import package gatefile and Prometheus' parser.
package convert
