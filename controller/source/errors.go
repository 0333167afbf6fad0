package source

import (
	"errors"
	"fmt"

	promapi "github.com/prometheus/client_golang/api/prometheus/v1"
)

// Failure is the kind of thing that went wrong with a query.
type Failure string

// The failures.
const (
	// Failed: Prometheus could not be reached, was too slow, or answered in part.
	Failed Failure = "Failed"
	// Rejected: Prometheus says that the query is wrong.
	Rejected Failure = "Rejected"
	// Ambiguous: the query answers with several series for one pod.
	Ambiguous Failure = "Ambiguous"
)

// QueryError says which query failed, how and why.
type QueryError struct {
	Failure Failure
	// Query as it was sent, to be pasted into Prometheus.
	Query string
	Err   error
}

func (e *QueryError) Error() string {
	switch e.Failure {
	case Rejected:
		return fmt.Sprintf("Prometheus rejects the query: %v: correct it and try it in Prometheus first: %s", e.Err, e.Query)
	case Ambiguous:
		return fmt.Sprintf("%v: aggregate it, for instance with sum by (pod) (...): %s", e.Err, e.Query)
	}
	return fmt.Sprintf("Prometheus did not answer: %v (query: %s)", e.Err, e.Query)
}

func (e *QueryError) Unwrap() error { return e.Err }

// cause is what went wrong without the query, which a trace says anyway.
func cause(err error) error {
	if q := (*QueryError)(nil); errors.As(err, &q) {
		return q.Err
	}
	return err
}

// classify turns the client library's error into ours.
func classify(query string, err error) *QueryError {
	failure := Failed
	var api *promapi.Error
	if errors.As(err, &api) && api.Type == promapi.ErrBadData {
		failure = Rejected
	}
	return &QueryError{failure, query, err}
}
