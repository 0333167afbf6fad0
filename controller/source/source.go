package source

import (
	"context"
	"fmt"
	"math"
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
	// Value is the query of a value signal; Bad and Total are those of a ratio.
	Value, Bad, Total string
	// PodLabel is the label of the answers that holds the pod's name.
	PodLabel string
	// Namespace of the pods: an answer that says it is about another namespace is
	// left out.
	Namespace string
}

// Sample is the answer for one pod.
type Sample struct {
	Value, Bad, Total float64
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
		byPod, err := p.ask(ctx, q, at)
		if err != nil {
			answers[i].Err = err
			continue
		}
		answers[i].ByPod = byPod
	}
	return answers
}

func (p *Prometheus) ask(ctx context.Context, q Question, at time.Time) (map[string]Sample, error) {
	out := map[string]Sample{}
	if q.Value != "" {
		values, err := p.query(ctx, q, q.Value, at)
		for pod, v := range values {
			out[pod] = Sample{Value: v}
		}
		return out, err
	}
	total, err := p.query(ctx, q, q.Total, at)
	if err != nil {
		return nil, err
	}
	bad, err := p.query(ctx, q, q.Bad, at)
	if err != nil {
		return nil, err
	}
	for pod, n := range total {
		// No series of bad events means that there were none. The two queries see
		// scrapes a moment apart, so bad may be a little ahead.
		out[pod] = Sample{Bad: min(bad[pod], n), Total: n}
	}
	return out, nil
}

// query runs one instant query and returns its finite samples by pod.
func (p *Prometheus) query(ctx context.Context, q Question, text string, at time.Time) (map[string]float64, error) {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	result, warnings, _, err := p.api.Query(ctx, text, at, promapi.WithTimeout(p.timeout))
	if err != nil {
		return nil, classify(text, err)
	}
	if len(warnings) > 0 {
		return nil, &QueryError{Failed, text, fmt.Errorf("the answer is not complete: %s", strings.Join(warnings, "; "))}
	}
	vector, ok := result.(model.Vector)
	if !ok {
		return nil, &QueryError{Rejected, text, fmt.Errorf("the answer is a %s where a vector with one series a pod is needed", result.Type())}
	}
	return sortByPod(vector, q, text)
}

func sortByPod(vector model.Vector, q Question, text string) (map[string]float64, error) {
	out := make(map[string]float64, len(vector))
	labelled := len(vector) == 0
	for _, s := range vector {
		pod := string(s.Metric[model.LabelName(q.PodLabel)])
		if ns, ok := s.Metric["namespace"]; pod == "" || (ok && string(ns) != q.Namespace) {
			labelled = labelled || pod != ""
			continue
		}
		labelled = true
		if _, twice := out[pod]; twice {
			return nil, &QueryError{Ambiguous, text, fmt.Errorf("the query answers with several series for pod %s", pod)}
		}
		out[pod] = float64(s.Value)
	}
	if !labelled {
		return nil, &QueryError{Rejected, text, fmt.Errorf("no series of the answer has a label %q with the pod's name: keep it, or set spec.podLabel", q.PodLabel)}
	}
	for pod, v := range out {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			delete(out, pod)
		}
	}
	return out, nil
}
