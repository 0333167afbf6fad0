package boxd

import (
	"net"
	"strings"

	"github.com/podgate/podgate/test/cluster/wire"
)

// The addresses of the cluster. Pods have 10.244.<node>.<n>; the last network
// is the control plane's.
const (
	podCIDR      = "10.244.0.0/16"
	serviceCIDR  = "10.96.0.0/16"
	kubernetesIP = "10.96.0.1"    // the Service "kubernetes"
	controlIP    = "10.244.255.1" // etcd, the API server, and the rest
	prometheusIP = "10.244.255.2"

	apiPort        = "6443"
	etcdPort       = "2379"
	prometheusPort = "9090"
)

// served is where the cluster's address ip is served. In the namespaces of the
// box that is the address itself; on the host's loopback device, where only
// 127.0.0.0/8 is local, 10.244.a.b is served at 127.244.a.b.
func served(mode wire.Mode, ip string) string {
	if mode == wire.Loopback && strings.HasPrefix(ip, "10.244.") {
		return "127" + strings.TrimPrefix(ip, "10")
	}
	return ip
}

func (b *Box) served(ip string) string { return served(b.config.Mode, ip) }

// apiURL is the API server's address, inside.
func (b *Box) apiURL() string {
	return "https://" + net.JoinHostPort(b.served(controlIP), apiPort)
}
