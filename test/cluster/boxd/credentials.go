package boxd

import (
	"crypto/x509/pkix"
	"os"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/podgate/podgate/test/cluster/agent"
	"github.com/podgate/podgate/test/cluster/wire"
)

// makeCredentials writes every certificate, key and kubeconfig of the box.
func (b *Box) makeCredentials() error {
	ca, err := newAuthority(b.path("pki"))
	if err != nil {
		return err
	}
	b.pki = ca
	if err := ca.serviceAccountKey(); err != nil {
		return err
	}
	hosts := []string{
		kubernetesIP, controlIP, served(wire.Loopback, controlIP), "127.0.0.1", "localhost", "kubernetes",
		"kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
	}
	if err := ca.issue("kube-apiserver", pkix.Name{CommonName: "kube-apiserver"}, hosts...); err != nil {
		return err
	}
	if err := ca.issue("kubelet-client", pkix.Name{CommonName: "kube-apiserver-kubelet-client"}); err != nil {
		return err
	}
	if err := b.issueForNodes(); err != nil {
		return err
	}
	if err := b.issueForMetrics(); err != nil {
		return err
	}
	admins := pkix.Name{CommonName: "podgate-test", Organization: []string{"system:masters"}}
	for user, subject := range map[string]pkix.Name{
		"admin":                   admins,
		"agent":                   {CommonName: "node-agent", Organization: []string{"system:masters"}},
		"kube-controller-manager": {CommonName: "system:kube-controller-manager"},
		"kube-proxy":              {CommonName: "system:kube-proxy"},
	} {
		if err := ca.issue(user, subject); err != nil {
			return err
		}
		if err := b.writeKubeconfig(b.kubeconfig(user), b.apiURL(), user); err != nil {
			return err
		}
	}
	return b.writeKubeconfig(wire.AdminKubeconfig(b.config.Dir), "https://"+b.config.APIAddress, "admin")
}

// issueForNodes makes the one certificate with which all nodes serve logs.
func (b *Box) issueForNodes() error {
	var hosts []string
	for i, node := range b.config.Nodes {
		hosts = append(hosts, node.Name, b.served(agent.NodeIP(i)))
	}
	return b.pki.issue("node", pkix.Name{CommonName: "nodes"}, hosts...)
}

// frontProxy is who hands requests on from the API server.
const frontProxy = "front-proxy-client"

// issueForMetrics makes the certificate of the server of metrics.k8s.io, and an
// authority for the one client that it serves: who has that client's certificate
// is believed to speak for others, so no other authority may make one.
func (b *Box) issueForMetrics() error {
	if err := b.pki.issue("metrics", pkix.Name{CommonName: "metrics"}, metricsHost); err != nil {
		return err
	}
	front, err := newAuthority(b.pki.path("front-proxy"))
	if err != nil {
		return err
	}
	return front.issue("client", pkix.Name{CommonName: frontProxy})
}

// kubeconfig is the path of a user's kubeconfig for use inside the box.
func (b *Box) kubeconfig(user string) string { return b.path("pki", user+".kubeconfig") }

// writeKubeconfig embeds the certificates, so that the file can be copied.
func (b *Box) writeKubeconfig(path, server, user string) error {
	ca, err := os.ReadFile(b.pki.path("ca.crt"))
	if err != nil {
		return err
	}
	cert, err := os.ReadFile(b.pki.path(user + ".crt"))
	if err != nil {
		return err
	}
	key, err := os.ReadFile(b.pki.path(user + ".key"))
	if err != nil {
		return err
	}
	return writeKubeconfig(path, server, ca, &clientcmdapi.AuthInfo{ClientCertificateData: cert, ClientKeyData: key})
}

func writeKubeconfig(path, server string, ca []byte, user *clientcmdapi.AuthInfo) error {
	return clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{"box": {Server: server, CertificateAuthorityData: ca}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{"box": user},
		Contexts:       map[string]*clientcmdapi.Context{"box": {Cluster: "box", AuthInfo: "box"}},
		CurrentContext: "box",
	}, path)
}
