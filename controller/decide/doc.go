// Package decide is the heart of Podgate: what is known of a fleet, what the
// detectors say of it, the policy and the time go in, and a plan comes out. It
// is pure: no client, no context, no clock, no logger. The controller, the dry
// run and the tests all run the same step.
//
// The promises of the product are kept here, by the guards (guards.go), the
// allowance (allowance.go), the treatment of people's overrides (overrides.go)
// and of recovery (recovery.go).
//
// It may import package anomaly and the label values of package api, nothing
// else of Podgate's, and no Kubernetes client.
package decide
