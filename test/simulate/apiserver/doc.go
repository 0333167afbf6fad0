// Package apiserver is as much of a Kubernetes API server, and of a client's
// cache of it, as a simulation needs: objects with UIDs, resource versions,
// generations, finalizers, graceful deletion and managed fields; JSON patches,
// merge patches under optimistic locks, server-side apply of a status, and the
// eviction API. All of it is in memory and in one thread, and a change takes
// microseconds where controller-runtime's fake client takes milliseconds.
//
// It knows Pods, Services, ReplicaSets and TrafficGates. It validates nothing:
// the same simulation runs against a real API server too.
package apiserver
