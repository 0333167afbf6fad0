// Package boxd is what runs inside the box: it sets the network up, starts
// and supervises the components (etcd, kube-apiserver, kube-controller-manager,
// kube-proxy, Prometheus), runs the node agent, and answers the test process
// on the control socket.
//
// It may import wire, agent, client-go and netlink; the test process does not
// import it, it starts the boxd program.
package boxd
