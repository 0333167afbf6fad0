package agent

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// serveLogs serves, for every node, the part of the kubelet's API from which
// the API server gets what `kubectl logs` shows. Only the API server may ask.
func (a *Agent) serveLogs(ctx context.Context) error {
	pki := filepath.Dir(a.options.CA)
	cert, err := tls.LoadX509KeyPair(filepath.Join(pki, "node.crt"), filepath.Join(pki, "node.key"))
	if err != nil {
		return err
	}
	clients := x509.NewCertPool()
	if !clients.AppendCertsFromPEM(a.ca) {
		return errors.New("the cluster's certificate authority is not a certificate")
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", a.sendLog)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, TLSConfig: &tls.Config{
		Certificates: []tls.Certificate{cert}, ClientCAs: clients, ClientAuth: tls.RequireAndVerifyClientCert,
	}}
	for _, node := range a.options.Nodes {
		address := net.JoinHostPort(a.options.Serve(a.addresses.host(node.Name)), strconv.Itoa(logsPort))
		listener, err := net.Listen("tcp", address)
		if err != nil {
			return fmt.Errorf("serve the logs of node %s: %w", node.Name, err)
		}
		go server.ServeTLS(listener, "", "")
	}
	go func() {
		<-ctx.Done()
		server.Close()
	}()
	return nil
}

// sendLog sends a container's log; with ?follow=true, until the pod ends or
// the reader leaves. Other options of kubectl logs are not known here.
func (a *Agent) sendLog(out http.ResponseWriter, request *http.Request) {
	w := a.find(request.PathValue("namespace"), request.PathValue("pod"))
	if w == nil {
		http.Error(out, "no such pod on this node", http.StatusNotFound)
		return
	}
	for _, c := range w.all() {
		if c.spec.Name == request.PathValue("container") {
			follow := request.URL.Query().Get("follow") == "true"
			copyLog(request.Context(), out, c, follow)
			return
		}
	}
	http.Error(out, "no such container in the pod", http.StatusNotFound)
}

func copyLog(ctx context.Context, out http.ResponseWriter, c *container, follow bool) {
	file, err := os.Open(c.log)
	if err != nil {
		http.Error(out, err.Error(), http.StatusInternalServerError)
		return
	}
	defer file.Close()
	for {
		if _, err := file.WriteTo(out); err != nil {
			return
		}
		_ = http.NewResponseController(out).Flush() // what cannot be flushed comes later
		select {
		case <-c.done:
			return
		default:
		}
		if !follow || !pause(ctx, 200*time.Millisecond) {
			return
		}
	}
}
