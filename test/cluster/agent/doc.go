// Package agent is the node agent of the test cluster: a very small kubelet
// and scheduler in one, for all nodes. It binds pods to nodes, runs each
// container as a process of a program on disk, probes it, restarts it, reports
// its status and ends it as a kubelet does.
//
// What it does otherwise than a kubelet:
//   - An image is looked up in Options.Images, by its repository, and stands for
//     a program; the container's args are the program's arguments. Of its
//     command the first word is ignored, the rest goes before the args.
//   - Pods share one network namespace, in which each has an address of its own.
//     A program that listens on every address would take the port from all, so
//     arguments of the forms :8080, 0.0.0.0:8080 and --flag=:8080 get the pod's
//     address put in. Nothing else is rewritten, environment variables neither.
//   - Volumes other than emptyDir (ignored) and the service account token are
//     refused, as are init containers and exec and gRPC probes, each with a
//     message in the container's waiting state.
//   - A container that was never ready is asked four times a second, whatever
//     the period of its readiness probe, so that tests start fast.
//
// It may import wire, signals, client-go and procfs.
package agent
