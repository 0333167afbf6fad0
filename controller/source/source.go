package source

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/api"
	promapi "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
)

// Question is one signal's query or queries, with every variable filled in.
type Question struct {
	// Value, Histogram, or Bad and Total are the queries; the others are empty.
	Value, Histogram, Bad, Total string
	// PodLabel is the label of the answers that holds the pod's name.
	PodLabel string
	// Namespace of the pods: an answer that says it is about another namespace is
	// left out.
	Namespace string
}

// Sample is the answer for one pod.
type Sample struct {
	Value, Bad, Total float64
	// Bounds and Counts are a histogram's buckets: ascending upper bounds, the
	// last of which is +Inf, and the cumulative counts at or below each.
	Bounds, Counts []float64
}

// Answer is what a question was answered, by the pods' names. Samples that are
// not finite numbers are left out: they are no data.
type Answer struct {
	ByPod map[string]Sample
	// Err is set instead when there is no usable answer; it is a *QueryError.
	Err error
}

// Prometheus asks one server.
type Prometheus struct {
	api     promapi.API
	timeout time.Duration
}

// New returns a source that asks the Prometheus-compatible server at address
// and gives up on a query after timeout (greater than 0). The client's TLS and
// authentication settings have the format of Prometheus' own
// --http.config.file; the zero value has none.
func New(address string, client config.HTTPClientConfig, timeout time.Duration) (*Prometheus, error) {
	transport, err := config.NewRoundTripperFromConfig(client, "podgate")
	if err != nil {
		return nil, fmt.Errorf("the HTTP settings for Prometheus: %w", err)
	}
	c, err := api.NewClient(api.Config{Address: address, Client: &http.Client{Transport: transport}})
	if err != nil {
		return nil, fmt.Errorf("the address of Prometheus %q: %w", address, err)
	}
	return &Prometheus{api: promapi.NewAPI(c), timeout: timeout}, nil
}

// Ask asks all questions as of one instant and returns an answer for each, in
// their order. It takes no longer than the timeout for each query.
func (p *Prometheus) Ask(ctx context.Context, questions []Question, at time.Time) []Answer {
	answers := make([]Answer, len(questions))
	for i, q := range questions {
		moments, err := answer(q, func(text string) ([]model.Vector, error) {
			v, err := p.instant(ctx, text, at)
			return []model.Vector{v}, err
		})
		if err != nil {
			answers[i].Err = err
			continue
		}
		answers[i].ByPod = moments[0]
	}
	return answers
}

// answer runs the queries of a question and sorts what they answer by pod, for
// each moment that run answers for.
func answer(q Question, run func(text string) ([]model.Vector, error)) ([]map[string]Sample, error) {
	switch {
	case q.Value != "":
		return values(q, q.Value, run)
	case q.Histogram != "":
		return histograms(q, run)
	}
	total, err := values(q, q.Total, run)
	if err != nil {
		return nil, err
	}
	bad, err := values(q, q.Bad, run)
	if err != nil {
		return nil, err
	}
	for i := range total {
		for pod, n := range total[i] {
			// No series of bad events means that there were none. The two queries see
			// scrapes a moment apart, so bad may be a little ahead.
			total[i][pod] = Sample{Bad: min(bad[i][pod].Value, n.Value), Total: n.Value}
		}
	}
	return total, nil
}

// instant runs one query as of an instant.
func (p *Prometheus) instant(ctx context.Context, text string, at time.Time) (model.Vector, error) {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	result, warnings, _, err := p.api.Query(ctx, text, at, promapi.WithTimeout(p.timeout))
	if err := complete(text, warnings, err); err != nil {
		return nil, err
	}
	vector, ok := result.(model.Vector)
	if !ok {
		return nil, &QueryError{Rejected, text, fmt.Errorf("the answer is a %s where a vector with one series a pod is needed", result.Type())}
	}
	return vector, nil
}

// complete turns a failure, or an answer in part, into our error.
func complete(text string, warnings promapi.Warnings, err error) error {
	if err != nil {
		return classify(text, err)
	}
	if len(warnings) > 0 {
		return &QueryError{Failed, text, fmt.Errorf("the answer is not complete: %s", strings.Join(warnings, "; "))}
	}
	return nil
}
