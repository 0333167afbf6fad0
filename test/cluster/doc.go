// Package cluster is a real Kubernetes cluster in a box, for tests and the
// demo: etcd, the API server, the controllers, kube-proxy and Prometheus, and
// pods that are processes on this machine. It needs Linux and the Go toolchain,
// no root, no container runtime and no image registry.
//
//	c, err := cluster.Start(ctx, cluster.Options{Images: map[string]string{
//		"podgate.dev/sample-server": path,
//	}})
//	defer c.Stop()
//
// The first start builds the programs that the machine lacks, which takes many
// minutes (see the package build); the next ones take seconds. Everything runs
// in user, network, mount and process namespaces of its own and ends with
// Stop, or with the process that called Start, whatever way that ends.
//
// Where namespaces or nftables are not to be had, the box runs on the host's
// loopback device without kube-proxy; Notes and DataPlane tell. On the
// loopback device, and only there, one box can run at a time.
//
// Two environment variables change what is used: PODGATE_BOX=loopback for the
// latter kind of box, PODGATE_BUILD_ALL=1 for built programs only.
//
// The package imports wire and build, and client-go; what runs inside the box
// is in the packages boxd and agent, in a program of its own.
package cluster
