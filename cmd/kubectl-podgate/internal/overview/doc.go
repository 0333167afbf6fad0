// Package overview reads a gate and its fleet from the cluster as plain values,
// the way people ask for them: which pod is out, since when, why, what holds, what
// happens next. They are what -o json and -o yaml print.
//
// It writes nothing. What a pod's labels and notes mean is read by packages fleet
// and decide, as the controller reads them.
package overview
