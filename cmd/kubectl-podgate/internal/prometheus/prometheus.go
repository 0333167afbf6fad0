// Package prometheus is how the plugin asks a Prometheus server, and what it says to
// people when that does not go well.
//
// It may import package source of the controller, whose errors it explains, and
// Prometheus' client library.
package prometheus

import (
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/api"
	promapi "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/config"
)

// Server is the flags that say where a server is, and how it is asked.
type Server struct {
	URL, HTTPConfig string
	Timeout         time.Duration
}

// Check says what is wrong with the flags themselves.
func (s Server) Check() error {
	u, err := url.Parse(s.URL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return fmt.Errorf("--prometheus %q: must be an address such as http://localhost:9090", s.URL)
	}
	if s.Timeout <= 0 {
		return fmt.Errorf("--prometheus-timeout %s: must be greater than 0", s.Timeout)
	}
	_, err = s.settings()
	return err
}

// Name is the address without a password.
func (s Server) Name() string {
	if u, err := url.Parse(s.URL); err == nil {
		return u.Redacted()
	}
	return s.URL
}

// API of the server; an error is about the flags.
func (s Server) API() (promapi.API, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	settings, err := s.settings()
	if err != nil {
		return nil, err
	}
	transport, err := config.NewRoundTripperFromConfig(*settings, "podgate")
	if err != nil {
		return nil, fmt.Errorf("--prometheus-http-config %s: %w: correct it", s.HTTPConfig, err)
	}
	c, err := api.NewClient(api.Config{Address: s.URL, Client: &http.Client{Transport: discerning{transport}}})
	if err != nil {
		return nil, fmt.Errorf("--prometheus %q: %w", s.URL, err)
	}
	return promapi.NewAPI(c), nil
}

// settings for TLS and logins.
func (s Server) settings() (*config.HTTPClientConfig, error) {
	if s.HTTPConfig == "" {
		c := config.DefaultHTTPClientConfig
		return &c, nil
	}
	c, _, err := config.LoadHTTPConfigFile(s.HTTPConfig)
	if err != nil {
		return nil, fmt.Errorf("--prometheus-http-config %s: %w: name a file in the format of promtool's --http.config.file", s.HTTPConfig, err)
	}
	return c, nil
}

// statusError is an answer that is not one of Prometheus' API.
type statusError struct {
	code int
	what string
}

func (e *statusError) Error() string { return fmt.Sprintf("status %d %s", e.code, e.what) }

// login reports that a server wants to know who asks.
func (e *statusError) login() bool {
	return e.code == http.StatusUnauthorized || e.code == http.StatusForbidden
}

// discerning turns answers that the client library has no words for into errors.
type discerning struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (d discerning) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := d.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	e := &statusError{response.StatusCode, http.StatusText(response.StatusCode)}
	switch {
	case e.login(), e.code == http.StatusNotFound:
	case e.code/100 == 2 && kind == "text/html":
		e.what = "and a web page"
	default:
		return response, nil
	}
	_ = response.Body.Close()
	return nil, e
}
