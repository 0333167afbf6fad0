// Package gatefile reads a TrafficGate from a file as the API server would take
// it: with the CRD's defaults filled in, unknown fields refused, and every rule
// of the schema checked. No cluster is needed.
//
// It may import package api, the CRD, and the API server's own machinery for
// custom resources.
package gatefile
