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
	"go.opentelemetry.io/otel/attribute"

	"github.com/podgate/podgate/controller/tracing"
)

// Question is one signal's query or queries, with every variable filled in.
type Question struct {
	// Signal is who asks, for traces: the signal's name, or the field of the spec.
	Signal string
	// Value, Histogram, or Bad and Total are the queries; the others are empty.
	Value, Histogram, Bad, Total string
	// Detector is asked instead of Prometheus where it is set.
	Detector *Detector
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
	// UID of the pod that is meant, where the answer says it: a pod of the same name
	// may come after it. Prometheus never does.
	UID string
}

// Answer is what a question was answered, by the pods' names. Samples that are
// not finite numbers are left out: they are no data.
type Answer struct {
	ByPod map[string]Sample
	// Rest is what the answer says of every pod that it does not name; nil if it
	// says nothing of those.
	Rest *Sample
	// Took is how long that took; 0 for an answer about the past.
	Took time.Duration
	// Err is set instead when there is no usable answer; it is a *QueryError
	// or a *DetectorError.
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
	c, err := api.NewClient(api.Config{Address: address, Client: &http.Client{Transport: tracing.Transport(transport)}})
	if err != nil {
		return nil, fmt.Errorf("the address of Prometheus %q: %w", address, err)
	}
	return From(promapi.NewAPI(c), timeout), nil
}

// From returns a source that asks through an API: that of a server, or of a
// query engine in this process. Of its methods Query and QueryRange are used.
func From(api promapi.API, timeout time.Duration) *Prometheus {
	return &Prometheus{api: api, timeout: timeout}
}

// Ask asks all questions as of one instant and returns an answer for each, in
// their order; one about a detector is not answered, see All. It takes no longer
// than the timeout for each query.
func (p *Prometheus) Ask(ctx context.Context, questions []Question, at time.Time) []Answer {
	answers := make([]Answer, len(questions))
	for i, q := range questions {
		if q.Detector != nil {
			answers[i].Err = &DetectorError{Rejected, q.Detector.URL, errElsewhere}
			continue
		}
		began := time.Now()
		moments, err := answer(q, func(text string) ([]model.Vector, error) {
			v, err := p.instant(ctx, q, text, at)
			return []model.Vector{v}, err
		})
		answers[i].Took = time.Since(began)
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
	bad, err := numbers(q, q.Bad, run)
	if err != nil {
		return nil, err
	}
	for i := range total {
		for pod, n := range total[i] {
			if b := bad[i][pod].Value; math.IsNaN(b) || math.IsInf(b, 0) {
				delete(total[i], pod) // an answer that says nothing is not "none"
				continue
			}
			// No series of bad events means that there were none. The two queries see
			// scrapes a moment apart, so bad may be a little ahead.
			total[i][pod] = Sample{Bad: min(bad[i][pod].Value, n.Value), Total: n.Value}
		}
	}
	return total, nil
}

// instant runs one query of a question as of an instant.
func (p *Prometheus) instant(ctx context.Context, q Question, text string, at time.Time) (_ model.Vector, err error) {
	ctx, end := tracing.Part(ctx, "query", traced(q, text)...)
	defer func() { end(cause(err)) }()
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

// traced is what traces say of a query.
func traced(q Question, text string) []attribute.KeyValue {
	return []attribute.KeyValue{attribute.String("podgate.signal", q.Signal), tracing.Text("db.query.text", text)}
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
