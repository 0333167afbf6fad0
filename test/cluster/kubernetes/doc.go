// Command kubernetes is the Kubernetes of the test cluster in one program:
// etcd, kube-apiserver, kube-controller-manager, kube-proxy and kubectl, each
// the upstream code, chosen by the name it is called by (a symbolic link) or
// by its first argument. One program, because the five share most of their
// code: apart they would be four times the size and twice the time to build.
//
// It is a Go module of its own so that its dependencies never reach the
// product or the tests. It imports upstream only.
package main
