package prometheus

import (
	"crypto/tls"
	"errors"
	"fmt"

	promapi "github.com/prometheus/client_golang/api/prometheus/v1"

	"github.com/podgate/podgate/controller/source"
)

// Explain adds to what went wrong with a query what a person can do about it. Other
// errors, and those that say it themselves, stay as they are.
func (s Server) Explain(err error) error {
	var query *source.QueryError
	if !errors.As(err, &query) || query.Failure != source.Failed {
		return err
	}
	what, remedy := s.trouble(query.Err)
	return fmt.Errorf("%s %s: %w: %s (query: %s)", s.Name(), what, query.Err, remedy, query.Query)
}

// OfQuery reports whether an error is about what was asked, and not about the server or
// the way to it.
func OfQuery(err error) bool {
	var query *source.QueryError
	var said *promapi.Error
	if !errors.As(err, &query) {
		return false
	}
	return query.Failure != source.Failed || errors.As(err, &said) && (said.Type == promapi.ErrExec || said.Type == promapi.ErrTimeout)
}

// trouble is what went wrong, and what to do about it.
func (s Server) trouble(err error) (what, remedy string) {
	var status *statusError
	var said *promapi.Error
	var certificate *tls.CertificateVerificationError
	switch errors.As(err, &status); {
	case status != nil && status.login():
		return "does not let you in", "give a login that may ask it, with --prometheus-http-config"
	case status != nil, errors.As(err, &said) && said.Type == promapi.ErrBadResponse:
		return "is not Prometheus' API at this address", "check the address, and whether a path such as /prometheus belongs to it; a page to log in at needs --prometheus-http-config"
	case said != nil && said.Type == promapi.ErrExec:
		return "cannot answer the query", "ask for a shorter range or a larger interval (spec.interval)"
	case said != nil && said.Type == promapi.ErrTimeout:
		return "takes too long", "ask for a shorter range or a larger interval (spec.interval); its own limit is its --query.timeout"
	case errors.As(err, &certificate):
		return "has a certificate that is not trusted", "name the authority that signed it with tls_config.ca_file in --prometheus-http-config"
	}
	return "did not answer", fmt.Sprintf("check --prometheus %s; from outside of the cluster it takes a way in, such as kubectl -n monitoring port-forward svc/prometheus-operated 9090 and --prometheus http://localhost:9090; a slow one needs more time, --prometheus-timeout", s.Name())
}
