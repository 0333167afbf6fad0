package boxd

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/podgate/podgate/test/cluster/wire"
)

// controllers are the ones a cluster needs for what the tests do with it.
var controllers = []string{
	"clusterrole-aggregation-controller",
	"daemonset-controller",
	"deployment-controller",
	"disruption-controller",
	"endpointslice-controller",
	"garbage-collector-controller",
	"horizontal-pod-autoscaler-controller",
	"job-controller",
	"namespace-controller",
	"replicaset-controller",
	"root-ca-certificate-publisher-controller",
	"serviceaccount-controller",
	"statefulset-controller",
}

// addComponents defines the components. Nothing is started yet.
func (b *Box) addComponents() {
	ip := b.served(controlIP)
	b.add(&component{name: "etcd", args: b.etcdArgs(ip), ready: answers("http://" + net.JoinHostPort(ip, etcdPort) + "/health")})
	b.add(&component{name: "kube-apiserver", args: b.apiServerArgs(ip), ready: b.apiReady})
	b.add(&component{name: "kube-controller-manager", args: b.controllerManagerArgs(ip), ready: b.controllersReady})
	b.add(&component{name: "prometheus", args: b.prometheusArgs(), ready: answers(b.prometheusURL() + "/-/ready")})
	if b.config.Mode == wire.Namespaces {
		b.add(&component{name: "kube-proxy", args: b.kubeProxyArgs(ip), env: b.config.ProxyEnv, ready: b.servicesReady})
	}
}

func (b *Box) add(c *component) {
	c.program = b.config.Programs[c.name]
	c.log = wire.ComponentLog(b.config.Dir, c.name)
	c.report = b.say
	b.components[c.name] = c
}

func (b *Box) etcdArgs(ip string) []string {
	clients := "http://" + net.JoinHostPort(ip, etcdPort)
	peers := "http://" + net.JoinHostPort(ip, "2380")
	return []string{
		"--data-dir=" + b.path("etcd"),
		"--listen-client-urls=" + clients, "--advertise-client-urls=" + clients,
		"--listen-peer-urls=" + peers, "--initial-advertise-peer-urls=" + peers, "--initial-cluster=default=" + peers,
		"--unsafe-no-fsync", // the data does not outlive the box
		"--log-level=warn",
	}
}

func (b *Box) apiServerArgs(ip string) []string {
	return []string{
		"--etcd-servers=http://" + net.JoinHostPort(ip, etcdPort),
		"--bind-address=" + ip, "--secure-port=" + apiPort,
		// Must not be a loopback address, even where that is where it is served.
		"--advertise-address=" + controlIP,
		"--service-cluster-ip-range=" + serviceCIDR,
		"--authorization-mode=RBAC",
		"--client-ca-file=" + b.pki.path("ca.crt"),
		"--tls-cert-file=" + b.pki.path("kube-apiserver.crt"), "--tls-private-key-file=" + b.pki.path("kube-apiserver.key"),
		"--kubelet-client-certificate=" + b.pki.path("kubelet-client.crt"), "--kubelet-client-key=" + b.pki.path("kubelet-client.key"),
		"--kubelet-certificate-authority=" + b.pki.path("ca.crt"),
		"--kubelet-preferred-address-types=InternalIP",
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + b.pki.path("service-account.key"),
		"--service-account-signing-key-file=" + b.pki.path("service-account.key"),
		// How it hands requests on to metrics.k8s.io.
		"--requestheader-client-ca-file=" + b.pki.path("front-proxy/ca.crt"), "--requestheader-allowed-names=" + frontProxy,
		"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + b.pki.path("front-proxy/client.crt"), "--proxy-client-key-file=" + b.pki.path("front-proxy/client.key"),
		// There is no node lifecycle controller to lift the taint of a new node.
		"--disable-admission-plugins=TaintNodesByCondition",
		"--cert-dir=" + b.path("pki"),
		"--shutdown-delay-duration=0s",
		"--profiling=false",
	}
}

func (b *Box) controllerManagerArgs(ip string) []string {
	return []string{
		"--kubeconfig=" + b.kubeconfig("kube-controller-manager"),
		"--bind-address=" + ip, "--secure-port=10257",
		"--controllers=" + strings.Join(controllers, ","),
		"--use-service-account-credentials=true",
		"--service-account-private-key-file=" + b.pki.path("service-account.key"),
		"--root-ca-file=" + b.pki.path("ca.crt"),
		"--cert-dir=" + b.path("pki"),
		// By default every 15 s: a test need not wait so long.
		"--horizontal-pod-autoscaler-sync-period=2s",
		"--leader-elect=false",
		"--profiling=false",
	}
}

func (b *Box) kubeProxyArgs(ip string) []string {
	return []string{
		"--kubeconfig=" + b.kubeconfig("kube-proxy"),
		"--hostname-override=" + b.config.Nodes[0].Name,
		"--proxy-mode=nftables",
		"--bind-address=" + ip,
		"--healthz-bind-address=" + net.JoinHostPort(ip, "10256"),
		"--metrics-bind-address=" + net.JoinHostPort(ip, "10249"),
		// These sysctls belong to the host: the box may not write them.
		"--conntrack-max-per-core=0", "--conntrack-tcp-timeout-established=0s", "--conntrack-tcp-timeout-close-wait=0s",
	}
}

// apiReady asks the API server whether it is ready.
func (b *Box) apiReady(ctx context.Context) error {
	return b.asksReady(ctx, b.apiURL()+"/readyz")
}

func (b *Box) controllersReady(ctx context.Context) error {
	return b.asksReady(ctx, "https://"+net.JoinHostPort(b.served(controlIP), "10257")+"/healthz")
}

// servicesReady is whether kube-proxy leads to the API server's Service.
func (b *Box) servicesReady(ctx context.Context) error {
	return b.asksReady(ctx, "https://"+net.JoinHostPort(kubernetesIP, "443")+"/readyz")
}

// asksReady does a request as the cluster's administrator. The certificate of
// the controller manager is self-signed, and all of it is inside the box, so
// the server's identity is not looked at.
func (b *Box) asksReady(ctx context.Context, url string) error {
	cert, err := tls.LoadX509KeyPair(b.pki.path("admin.crt"), b.pki.path("admin.key"))
	if err != nil {
		return err
	}
	transport := &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{Certificates: []tls.Certificate{cert}, InsecureSkipVerify: true},
	}
	return get(ctx, &http.Client{Transport: transport}, url)
}

// answers is a readiness check: url answers 200.
func answers(url string) func(context.Context) error {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	return func(ctx context.Context) error { return get(ctx, client, url) }
}

func get(ctx context.Context, client *http.Client, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	return nil
}
