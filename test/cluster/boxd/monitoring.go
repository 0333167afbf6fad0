package boxd

import (
	"context"
	"fmt"
	"net"
	"os"
	"time"

	authentication "k8s.io/api/authentication/v1"
	core "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	rbac "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/podgate/podgate/test/cluster/wire"
)

// Prometheus runs beside the pods, not as one, but the cluster knows it by the
// names it has with the Prometheus operator.
const (
	monitoringNamespace = "monitoring"
	prometheusAccount   = "prometheus"
	prometheusService   = "prometheus-operated"
)

func (b *Box) prometheusURL() string {
	return "http://" + net.JoinHostPort(b.served(prometheusIP), prometheusPort)
}

func (b *Box) prometheusArgs() []string {
	return []string{
		"--config.file=" + b.path("prometheus.yml"),
		"--storage.tsdb.path=" + b.path("prometheus"),
		"--storage.tsdb.retention.time=1d",
		"--web.listen-address=" + net.JoinHostPort(b.served(prometheusIP), prometheusPort),
		"--web.enable-lifecycle",
		"--log.level=warn",
	}
}

// prepareMonitoring creates what Prometheus needs in the cluster and on disk.
func (b *Box) prepareMonitoring(ctx context.Context) error {
	if err := createMonitoring(ctx, b.client); err != nil {
		return fmt.Errorf("create the objects Prometheus needs: %w", err)
	}
	token, err := prometheusToken(ctx, b.client)
	if err != nil {
		return fmt.Errorf("get a token for Prometheus: %w", err)
	}
	if err := os.WriteFile(b.path("prometheus.token"), []byte(token), 0o600); err != nil {
		return err
	}
	ca, err := os.ReadFile(b.pki.path("ca.crt"))
	if err != nil {
		return err
	}
	user := &clientcmdapi.AuthInfo{TokenFile: b.path("prometheus.token")}
	if err := writeKubeconfig(b.kubeconfig("prometheus"), b.apiURL(), ca, user); err != nil {
		return err
	}
	return os.WriteFile(b.path("prometheus.yml"), []byte(b.prometheusConfig()), 0o644)
}

func prometheusToken(ctx context.Context, client kubernetes.Interface) (string, error) {
	seconds := int64(24 * time.Hour / time.Second)
	request := &authentication.TokenRequest{Spec: authentication.TokenRequestSpec{ExpirationSeconds: &seconds}}
	answer, err := client.CoreV1().ServiceAccounts(monitoringNamespace).CreateToken(ctx, prometheusAccount, request, meta.CreateOptions{})
	if err != nil {
		return "", err
	}
	return answer.Status.Token, nil
}

// prometheusConfig scrapes the pods that ask for it with the annotations
// everybody uses. The token goes only to those who serve over TLS.
func (b *Box) prometheusConfig() string {
	config := fmt.Sprintf(`global:
  scrape_interval: %[1]s
  scrape_timeout: %[1]s
  evaluation_interval: %[1]s
scrape_configs:
`, b.config.ScrapeInterval)
	config += b.scrapeJob("pods", "drop", "")
	config += b.scrapeJob("pods-tls", "keep", fmt.Sprintf(`  scheme: https
  tls_config: {insecure_skip_verify: true}
  authorization: {credentials_file: %q}
`, b.path("prometheus.token")))
	return config
}

func (b *Box) scrapeJob(name, https, extra string) string {
	job := fmt.Sprintf(`- job_name: %s
  honor_labels: true
%s  kubernetes_sd_configs:
  - role: pod
    kubeconfig_file: %q
  relabel_configs:
  - {source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_scrape], regex: "true", action: keep}
  - {source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_scheme], regex: https, action: %s}
  - {source_labels: [__meta_kubernetes_pod_phase], regex: Running, action: keep}
  - {source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_path], regex: (.+), target_label: __metrics_path__}
  # Once per pod, not once per container port: without the annotation, the declared ports.
  - {source_labels: [__meta_kubernetes_pod_ip, __meta_kubernetes_pod_annotation_prometheus_io_port], separator: ":", regex: "(.+):(\\d+)", target_label: __address__, replacement: "$1:$2"}
  - {source_labels: [__address__], target_label: instance}
  - {source_labels: [__meta_kubernetes_namespace], target_label: namespace}
  - {source_labels: [__meta_kubernetes_pod_name], target_label: pod}
  - {source_labels: [__meta_kubernetes_pod_node_name], target_label: node}
  - {source_labels: [__meta_kubernetes_pod_label_app], regex: (.+), target_label: job}
  - {source_labels: [__meta_kubernetes_pod_label_app_kubernetes_io_name], regex: (.+), target_label: job}
`, name, extra, b.kubeconfig("prometheus"), https)
	if b.config.Mode == wire.Loopback {
		job += `  - {source_labels: [__address__], regex: "10\\.(.+)", target_label: __address__, replacement: "127.$1"}
`
	}
	return job
}

// createMonitoring creates Prometheus' namespace, account, rights and Service.
func createMonitoring(ctx context.Context, client kubernetes.Interface) error {
	named := meta.ObjectMeta{Name: prometheusAccount, Namespace: monitoringNamespace}
	service := meta.ObjectMeta{Name: prometheusService, Namespace: monitoringNamespace}
	creations := []func() error{
		func() error {
			_, err := client.CoreV1().Namespaces().Create(ctx, &core.Namespace{ObjectMeta: meta.ObjectMeta{Name: monitoringNamespace}}, meta.CreateOptions{})
			return err
		},
		func() error {
			_, err := client.CoreV1().ServiceAccounts(monitoringNamespace).Create(ctx, &core.ServiceAccount{ObjectMeta: named}, meta.CreateOptions{})
			return err
		},
		func() error {
			_, err := client.RbacV1().ClusterRoles().Create(ctx, prometheusRole(), meta.CreateOptions{})
			return err
		},
		func() error {
			_, err := client.RbacV1().ClusterRoleBindings().Create(ctx, prometheusBinding(), meta.CreateOptions{})
			return err
		},
		func() error {
			_, err := client.CoreV1().Services(monitoringNamespace).Create(ctx, &core.Service{
				ObjectMeta: service,
				Spec:       core.ServiceSpec{Ports: []core.ServicePort{{Name: "web", Port: 9090}}},
			}, meta.CreateOptions{})
			return err
		},
		func() error {
			_, err := client.DiscoveryV1().EndpointSlices(monitoringNamespace).Create(ctx, prometheusEndpoints(), meta.CreateOptions{})
			return err
		},
	}
	for _, create := range creations {
		if err := create(); err != nil && !errors.IsAlreadyExists(err) {
			return err
		}
	}
	return nil
}

func prometheusRole() *rbac.ClusterRole {
	return &rbac.ClusterRole{
		ObjectMeta: meta.ObjectMeta{Name: prometheusAccount},
		Rules: []rbac.PolicyRule{
			{APIGroups: []string{""}, Resources: []string{"pods", "nodes", "services"}, Verbs: []string{"get", "list", "watch"}},
			{NonResourceURLs: []string{"/metrics"}, Verbs: []string{"get"}},
		},
	}
}

func prometheusBinding() *rbac.ClusterRoleBinding {
	return &rbac.ClusterRoleBinding{
		ObjectMeta: meta.ObjectMeta{Name: prometheusAccount},
		RoleRef:    rbac.RoleRef{APIGroup: rbac.GroupName, Kind: "ClusterRole", Name: prometheusAccount},
		Subjects:   []rbac.Subject{{Kind: rbac.ServiceAccountKind, Name: prometheusAccount, Namespace: monitoringNamespace}},
	}
}

// prometheusEndpoints is written by hand: the Service has no selector, as
// there is no pod.
func prometheusEndpoints() *discovery.EndpointSlice {
	name, port, ready := "web", int32(9090), true
	return &discovery.EndpointSlice{
		ObjectMeta: meta.ObjectMeta{
			Name: prometheusService, Namespace: monitoringNamespace,
			Labels: map[string]string{
				discovery.LabelServiceName: prometheusService,
				discovery.LabelManagedBy:   "podgate-test-cluster",
			},
		},
		AddressType: discovery.AddressTypeIPv4,
		Endpoints:   []discovery.Endpoint{{Addresses: []string{prometheusIP}, Conditions: discovery.EndpointConditions{Ready: &ready}}},
		Ports:       []discovery.EndpointPort{{Name: &name, Port: &port}},
	}
}
