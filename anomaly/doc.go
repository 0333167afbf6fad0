// Package anomaly answers one question for each pod of a fleet: does its
// signal differ from its peers' by more than chance, and by more than the user
// cares about?
//
// It is pure: samples and the time go in, verdicts come out. It knows nothing
// of Kubernetes, of Prometheus, or of what is done about a verdict; that is
// the business of package controller/decide.
//
// It may import the standard library and gonum, nothing else.
package anomaly
