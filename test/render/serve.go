package render

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path/filepath"
)

const html = `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>dashboard</title><link rel="icon" href="data:,">
<link rel="stylesheet" href="/out/main.css"></head>
<body><div id="root"></div><script type="module" src="/out/main.js"></script></body></html>
`

// serve serves the page, its bundle, what it shall draw, and Prometheus' API, on an
// address of this machine that it returns.
func serve(ctx context.Context, o Options, bundle string) (base string, stop func(), err error) {
	prometheus, err := url.Parse(o.PrometheusURL)
	if err != nil {
		return "", nil, fmt.Errorf("the address of Prometheus: %w", err)
	}
	variables := map[string]string{}
	maps.Copy(variables, o.Variables)
	request, err := json.Marshal(map[string]any{"dashboard": json.RawMessage(o.JSON), "from": o.From.UnixMilli(), "to": o.To.UnixMilli(),
		"scrapeInterval": fmt.Sprintf("%dms", o.ScrapeInterval.Milliseconds()), "variables": variables})
	if err != nil {
		return "", nil, fmt.Errorf("the dashboard: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, html) })
	mux.HandleFunc("GET /request.json", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(request) })
	for at, dir := range map[string]string{"/out/": "out", "/build/img/icons/": "out/icons", "/fonts/": "out/fonts"} {
		mux.Handle("GET "+at, http.StripPrefix(at, http.FileServer(http.Dir(filepath.Join(bundle, dir)))))
	}
	mux.Handle("GET /api/v1/", httputil.NewSingleHostReverseProxy(prometheus))
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: mux}
	go func() { _ = server.Serve(listener) }()
	return "http://" + listener.Addr().String() + "/", func() { _ = server.Close() }, nil
}
