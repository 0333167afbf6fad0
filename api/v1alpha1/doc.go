// Package v1alpha1 holds the API group podgate.dev/v1alpha1: the TrafficGate
// resource, the conditions and reasons it reports, and every label and
// annotation key that Podgate reads or writes.
//
// It may import apimachinery and what registers types with a scheme, nothing
// of Podgate's own.
//
// +kubebuilder:object:generate=true
// +groupName=podgate.dev
package v1alpha1
