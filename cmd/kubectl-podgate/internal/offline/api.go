package offline

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	promapi "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
)

// maxSamples is what one query may hold in memory, as in Prometheus.
const maxSamples = 50_000_000

// API answers queries as a server's API does. Of the interface only QueryRange
// works.
type API struct {
	promapi.API
	engine *promql.Engine
	data   storage.Queryable
}

func newAPI(data storage.Queryable) *API {
	return &API{data: data, engine: promql.NewEngine(promql.EngineOpts{
		MaxSamples: maxSamples, Timeout: time.Hour, EnableAtModifier: true, EnableNegativeOffset: true,
		NoStepSubqueryIntervalFn: func(int64) int64 { return time.Minute.Milliseconds() },
	})}
}

// QueryRange evaluates a query at every step of a range. Options are the server's,
// and are passed over.
func (a *API) QueryRange(ctx context.Context, query string, r promapi.Range, _ ...promapi.Option) (model.Value, promapi.Warnings, promapi.Infos, error) {
	q, err := a.engine.NewRangeQuery(ctx, a.data, nil, query, r.Start, r.End, r.Step)
	if err != nil {
		return nil, nil, nil, rejected(err)
	}
	defer q.Close()
	result := q.Exec(ctx)
	if err := result.Err; err != nil {
		return nil, nil, nil, rejected(err)
	}
	matrix, ok := result.Value.(promql.Matrix)
	if !ok {
		return nil, nil, nil, fmt.Errorf("the answer is a %s where a matrix is needed", result.Value.Type())
	}
	warnings, infos := result.Warnings.AsStrings(query, 10, 10)
	return matrixOf(matrix), warnings, infos, nil
}

// rejected says of a query that the engine does not understand what a server says
// of it.
func rejected(err error) error {
	var syntax parser.ParseErrors
	if errors.As(err, &syntax) {
		return &promapi.Error{Type: promapi.ErrBadData, Msg: err.Error()}
	}
	return err
}

// matrixOf turns the engine's answer into the client library's. Native histograms
// are left out: no question is answered by them.
func matrixOf(m promql.Matrix) model.Matrix {
	out := make(model.Matrix, 0, len(m))
	for _, series := range m {
		stream := &model.SampleStream{Metric: make(model.Metric, series.Metric.Len()), Values: make([]model.SamplePair, len(series.Floats))}
		series.Metric.Range(func(l labels.Label) { stream.Metric[model.LabelName(l.Name)] = model.LabelValue(l.Value) })
		for i, p := range series.Floats {
			stream.Values[i] = model.SamplePair{Timestamp: model.Time(p.T), Value: model.SampleValue(p.F)}
		}
		out = append(out, stream)
	}
	return out
}

// everything answers every query from one querier, which is opened once: opening
// it replays the write-ahead log.
type everything struct{ all storage.Querier }

// Querier implements storage.Queryable.
func (e everything) Querier(_, _ int64) (storage.Querier, error) { return kept{e.all}, nil }

// kept is a querier that stays open for the next query.
type kept struct{ storage.Querier }

// Close implements storage.Querier.
func (kept) Close() error { return nil }

// timeOf a sample, in milliseconds.
func timeOf(ms int64) time.Time {
	if ms == math.MinInt64 || ms == math.MaxInt64 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
