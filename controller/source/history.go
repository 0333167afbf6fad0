package source

import (
	"context"
	"fmt"
	"time"

	promapi "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/podgate/podgate/controller/tracing"
)

// Moment is the answers to all questions as of one instant.
type Moment struct {
	At      time.Time
	Answers []Answer
}

// historyChunk is how many moments are asked for at once; Prometheus refuses
// more than 11,000 points a series.
const historyChunk = 500

// History asks all questions as of every step from from to to, both included:
// what Ask would have answered then. A moment at which Prometheus knew nothing
// has empty answers. An error is of the whole history.
func (p *Prometheus) History(ctx context.Context, questions []Question, from, to time.Time, step time.Duration) ([]Moment, error) {
	if step <= 0 || to.Before(from) {
		return nil, fmt.Errorf("no history from %s to %s in steps of %s", from, to, step)
	}
	var out []Moment
	for at := from; !at.After(to); at = at.Add(historyChunk * step) {
		last := at.Add((historyChunk - 1) * step)
		if last.After(to) {
			last = to
		}
		chunk, err := p.chunk(ctx, questions, promapi.Range{Start: at, End: last, Step: step})
		if err != nil {
			return nil, err
		}
		out = append(out, chunk...)
	}
	return out, nil
}

func (p *Prometheus) chunk(ctx context.Context, questions []Question, r promapi.Range) ([]Moment, error) {
	out := make([]Moment, int(r.End.Sub(r.Start)/r.Step)+1)
	for i := range out {
		out[i] = Moment{At: r.Start.Add(time.Duration(i) * r.Step), Answers: make([]Answer, len(questions))}
	}
	for k, q := range questions {
		if q.Detector != nil {
			for i := range out {
				out[i].Answers[k].Err = &DetectorError{Rejected, q.Detector.URL, errElsewhere}
			}
			continue
		}
		moments, err := answer(q, func(text string) ([]model.Vector, error) { return p.ranged(ctx, q, text, r, len(out)) })
		if err != nil {
			return nil, err
		}
		for i := range out {
			out[i].Answers[k].ByPod = moments[i]
		}
	}
	return out, nil
}

// ranged runs one query of a question over a range, and returns a vector for
// each of its n steps.
func (p *Prometheus) ranged(ctx context.Context, q Question, text string, r promapi.Range, n int) (_ []model.Vector, err error) {
	ctx, end := tracing.Part(ctx, "query range", traced(q, text)...)
	defer func() { end(cause(err)) }()
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	result, warnings, _, err := p.api.QueryRange(ctx, text, r, promapi.WithTimeout(p.timeout))
	if err := complete(text, warnings, err); err != nil {
		return nil, err
	}
	matrix, ok := result.(model.Matrix)
	if !ok {
		return nil, &QueryError{Rejected, text, fmt.Errorf("the answer is a %s where a matrix is needed", result.Type())}
	}
	out := make([]model.Vector, n)
	for _, series := range matrix {
		for _, v := range series.Values {
			i := int((v.Timestamp.Time().Sub(r.Start) + r.Step/2) / r.Step)
			if i >= 0 && i < n {
				out[i] = append(out[i], &model.Sample{Metric: series.Metric, Value: v.Value, Timestamp: v.Timestamp})
			}
		}
	}
	return out, nil
}
