package boxd

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	metrics "k8s.io/metrics/pkg/apis/metrics/v1beta1"
)

// The API metrics.k8s.io, which autoscalers and kubectl top ask.
//
// What is real: the CPU time and memory are those of the pods' processes; the
// API server finds this server through an APIService, authorizes each request
// and hands it on with its front-proxy certificate; the autoscaler is the
// controller manager's own. What is not: this server stands in for kubelets and
// metrics-server. Its window is five seconds and not fifteen or more, memory is
// the resident set, and there are no metrics of nodes.
const (
	metricsHost = "metrics.kube-system.svc" // the name of its certificate
	metricsPort = 4443
	metricsPath = "/apis/metrics.k8s.io/v1beta1"
)

// startMetrics begins to measure and to serve, and returns once the API server
// hands requests on.
func (b *Box) startMetrics(ctx, limited context.Context) error {
	m := newMeter(b.agent.Usage)
	go m.run(ctx)
	if err := b.serveMetrics(ctx, m); err != nil {
		return fmt.Errorf("serve metrics.k8s.io: %w", err)
	}
	if err := b.registerMetrics(limited); err != nil {
		return fmt.Errorf("register metrics.k8s.io: %w", err)
	}
	for {
		err := b.asksReady(limited, b.apiURL()+metricsPath)
		if err == nil {
			return nil
		}
		select {
		case <-limited.Done():
			return fmt.Errorf("the API server does not reach metrics.k8s.io: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// serveMetrics serves whoever has the front proxy's certificate. The API server
// has authorized the request by then.
func (b *Box) serveMetrics(ctx context.Context, m *meter) error {
	front, err := os.ReadFile(b.pki.path("front-proxy/ca.crt"))
	if err != nil {
		return err
	}
	clients := x509.NewCertPool()
	clients.AppendCertsFromPEM(front)
	cert, err := tls.LoadX509KeyPair(b.pki.path("metrics.crt"), b.pki.path("metrics.key"))
	if err != nil {
		return err
	}
	listener, err := tls.Listen("tcp", net.JoinHostPort(b.served(controlIP), strconv.Itoa(metricsPort)), &tls.Config{
		Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients,
	})
	if err != nil {
		return err
	}
	server := &http.Server{Handler: m.handler(), ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(os.Stderr, "metrics.k8s.io: ", 0)}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	go func() { _ = server.Serve(listener) }() // ends with ctx
	return nil
}

// registerMetrics tells the API server of the API. The Service is of the kind
// that the API server dials by itself, so that it works without kube-proxy too.
func (b *Box) registerMetrics(ctx context.Context) error {
	_, err := b.client.CoreV1().Services(meta.NamespaceSystem).Create(ctx, &core.Service{
		ObjectMeta: meta.ObjectMeta{Name: "metrics"},
		Spec:       core.ServiceSpec{Type: core.ServiceTypeExternalName, ExternalName: b.served(controlIP)},
	}, meta.CreateOptions{})
	if err != nil {
		return err
	}
	ca, err := os.ReadFile(b.pki.path("ca.crt"))
	if err != nil {
		return err
	}
	client, err := dynamic.NewForConfig(b.rest)
	if err != nil {
		return err
	}
	resource := schema.GroupVersionResource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"}
	_, err = client.Resource(resource).Create(ctx, apiService(ca), meta.CreateOptions{})
	return err
}

func apiService(ca []byte) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiregistration.k8s.io/v1",
		"kind":       "APIService",
		"metadata":   map[string]any{"name": "v1beta1.metrics.k8s.io"},
		"spec": map[string]any{
			"group": metrics.GroupName, "version": "v1beta1",
			"groupPriorityMinimum": int64(100), "versionPriority": int64(100),
			"service":  map[string]any{"namespace": meta.NamespaceSystem, "name": "metrics", "port": int64(metricsPort)},
			"caBundle": base64.StdEncoding.EncodeToString(ca),
		},
	}}
}

func (m *meter) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+metricsPath, func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, resources()) })
	mux.HandleFunc("GET "+metricsPath+"/pods", m.list)
	mux.HandleFunc("GET "+metricsPath+"/namespaces/{namespace}/pods", m.list)
	mux.HandleFunc("GET "+metricsPath+"/namespaces/{namespace}/pods/{name}", m.get)
	return mux
}

func resources() *meta.APIResourceList {
	return &meta.APIResourceList{
		TypeMeta:     meta.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"},
		GroupVersion: metrics.SchemeGroupVersion.String(),
		APIResources: []meta.APIResource{{
			Name: "pods", Kind: "PodMetrics", Namespaced: true, Verbs: meta.Verbs{"get", "list"},
		}},
	}
}

func (m *meter) list(w http.ResponseWriter, r *http.Request) {
	selector, err := labels.Parse(r.URL.Query().Get("labelSelector"))
	if err != nil {
		fail(w, errors.NewBadRequest(err.Error()))
		return
	}
	list := &metrics.PodMetricsList{TypeMeta: meta.TypeMeta{Kind: "PodMetricsList", APIVersion: metrics.SchemeGroupVersion.String()}}
	for _, pod := range m.pods(r.PathValue("namespace")) {
		if selector.Matches(labels.Set(pod.Labels)) {
			list.Items = append(list.Items, pod)
		}
	}
	answer(w, http.StatusOK, list)
}

func (m *meter) get(w http.ResponseWriter, r *http.Request) {
	for _, pod := range m.pods(r.PathValue("namespace")) {
		if pod.Name == r.PathValue("name") {
			answer(w, http.StatusOK, pod)
			return
		}
	}
	fail(w, errors.NewNotFound(metrics.Resource("pods"), r.PathValue("name")))
}

func fail(w http.ResponseWriter, err *errors.StatusError) {
	answer(w, int(err.ErrStatus.Code), err.ErrStatus)
}

func answer(w http.ResponseWriter, code int, object any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(object) // the client is gone
}
