// Package boxd is what runs inside the box: it sets the network up, starts
// and supervises the components (etcd, kube-apiserver, kube-controller-manager,
// kube-proxy, Prometheus), runs the node agent, serves metrics.k8s.io from what
// the agent measures, and answers the test process on the control socket.
//
// It may import wire, agent, signals, client-go, the types of k8s.io/metrics and
// netlink; the test process does not import it, it starts the boxd program.
package boxd
