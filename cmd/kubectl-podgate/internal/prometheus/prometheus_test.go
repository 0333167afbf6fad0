package prometheus_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/prometheus"
	"github.com/podgate/podgate/controller/source"
)

// says is a server that answers everything alike.
func says(status int, kind, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text))
	}
}

// TestExplain: each kind of trouble has a headline and a remedy of its own.
func TestExplain(t *testing.T) {
	const jsonType, page = "application/json", "<!DOCTYPE html><html></html>"
	for name, row := range map[string]struct {
		answer     http.HandlerFunc
		what, todo string
	}{
		"no login":      {says(401, jsonType, "{}"), "does not let you in: ", "--prometheus-http-config"},
		"no right":      {says(403, "text/html", page), "does not let you in: ", "--prometheus-http-config"},
		"another path":  {says(404, "text/plain", "404 page not found"), "is not Prometheus' API at this address: ", "whether a path such as /prometheus belongs to it"},
		"a web page":    {says(200, "text/html; charset=utf-8", page), "is not Prometheus' API at this address: ", "a page to log in at needs --prometheus-http-config"},
		"other text":    {says(200, "text/plain", "ok"), "is not Prometheus' API at this address: ", "check the address"},
		"too much":      {says(422, jsonType, `{"status":"error","errorType":"execution","error":"query processing would load too many samples"}`), "cannot answer the query: execution: query processing would load too many samples: ", "a shorter range or a larger interval"},
		"out of breath": {says(500, "text/plain", "no"), "did not answer: server_error: server error: 500: ", "check --prometheus http://"},
		"wrong query":   {says(400, jsonType, `{"status":"error","errorType":"bad_data","error":"no"}`), "Prometheus rejects the query: bad_data: no: ", "try it in Prometheus first"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(row.answer)
			defer server.Close()
			explained(t, prometheus.Server{URL: server.URL, Timeout: time.Minute}, row.what, row.todo)
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		server := httptest.NewServer(nil)
		server.Close()
		explained(t, prometheus.Server{URL: server.URL, Timeout: time.Minute}, "did not answer: ", "kubectl -n monitoring port-forward")
	})
	t.Run("another's certificate", func(t *testing.T) {
		server := httptest.NewUnstartedServer(nil)
		server.Config.ErrorLog = nil
		server.StartTLS()
		defer server.Close()
		explained(t, prometheus.Server{URL: server.URL, Timeout: time.Minute}, "has a certificate that is not trusted: ", "tls_config.ca_file in --prometheus-http-config")
	})
}

func explained(t *testing.T, s prometheus.Server, what, todo string) {
	t.Helper()
	api, err := s.API()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1772323200, 0)
	_, err = source.From(api, s.Timeout).History(t.Context(), []source.Question{{Value: "up", PodLabel: "pod"}}, now, now.Add(time.Minute), time.Minute)
	if got := s.Explain(err).Error(); !strings.Contains(got, what) || !strings.Contains(got, todo) || !strings.HasSuffix(strings.TrimSuffix(got, ")"), ": up") {
		t.Errorf("got %s\nwant %s...%s", got, what, todo)
	}
}

func TestWrongFlags(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "broken.yaml")
	if err := os.WriteFile(broken, []byte("tls_config: {ca_file: /nowhere/ca.pem}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, s := range map[string]prometheus.Server{
		`--prometheus "localhost:9090": must be an address such as http://localhost:9090`:          {URL: "localhost:9090", Timeout: 1},
		"--prometheus-timeout 0s: must be greater than 0":                                          {URL: "http://a"},
		"--prometheus-http-config /nowhere: open /nowhere: no such file or directory: name a file": {URL: "http://a", Timeout: 1, HTTPConfig: "/nowhere"},
		"--prometheus-http-config " + broken + ": ":                                                {URL: "http://a", Timeout: 1, HTTPConfig: broken},
	} {
		if _, err := s.API(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestPasswordsAreNotPrinted(t *testing.T) {
	if name := (prometheus.Server{URL: "http://me:secret@localhost:9090"}).Name(); strings.Contains(name, "secret") {
		t.Error(name)
	}
}
