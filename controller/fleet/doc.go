// Package fleet reads what Kubernetes' objects say about a fleet as plain values:
// which pods are its members, what is noted on them, whether a Service can be
// gated, what a workload selects its pods by. The controller and the kubectl
// plugin see the same fleet because both read it here.
//
// It writes nothing and asks nobody. It may import packages api and decide.
package fleet
