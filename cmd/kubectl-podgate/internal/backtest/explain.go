package backtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	promapi "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/prometheus"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/replay"
	"github.com/podgate/podgate/controller/source"
)

// listening is an API that remembers which labels the series of each query had.
type listening struct {
	promapi.API
	mu     sync.Mutex // answers are read ahead
	labels map[string][]string
}

// QueryRange implements promapi.API.
func (l *listening) QueryRange(ctx context.Context, query string, r promapi.Range, opts ...promapi.Option) (model.Value, promapi.Warnings, promapi.Infos, error) {
	value, warnings, infos, err := l.API.QueryRange(ctx, query, r, opts...)
	if matrix, ok := value.(model.Matrix); ok && len(matrix) > 0 {
		l.mu.Lock()
		defer l.mu.Unlock()
		var names []string
		for _, series := range matrix {
			for name := range series.Metric {
				if !slices.Contains(names, string(name)) && name != model.MetricNameLabel {
					names = append(names, string(name))
				}
			}
		}
		slices.Sort(names)
		l.labels[query] = names
	}
	return value, warnings, infos, err
}

// labelsOf are the labels that the series of a query had; ok is false if it had none.
func (l *listening) labelsOf(query string) (names []string, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	names, ok = l.labels[query]
	return names, ok
}

// explain says what to do about an error of a replay.
func (o *history) explain(ctx context.Context, err error, of subject) error {
	var q *source.QueryError
	switch {
	case errors.Is(err, replay.ErrNoData):
		return o.noData(ctx, of)
	case !errors.As(err, &q):
		return err
	}
	told := o.unanswered(err, q, of)
	if o.server != nil && !prometheus.OfQuery(err) {
		return told
	}
	return fmt.Errorf("%s: %s%w", of.name(), of.field(q.Query), told)
}

// unanswered says what is wrong with one query or with who is asked.
func (o *history) unanswered(err error, q *source.QueryError, of subject) error {
	pod := of.gate.Spec.PodLabel
	labels, answered := o.api.labelsOf(q.Query)
	switch {
	case q.Failure == source.Rejected && answered && !slices.Contains(labels, pod):
		has := "they have " + strings.Join(labels, ", ")
		if len(labels) == 0 {
			has = "they have none at all"
		}
		return misused("no series of the answer has the label %q (spec.podLabel), %s: keep it in the query, as in sum by (%s) (...), or make spec.podLabel the one that holds the pods' names: %s", pod, has, pod, q.Query)
	case o.server != nil:
		return o.server.Explain(err)
	case q.Failure == source.Failed:
		return fmt.Errorf("%s cannot answer the query: %w: correct it (query: %s)", o.name, q.Err, q.Query)
	}
	return err
}

// noData says why no pod is known in the stretch, as far as that can be told, and shows
// what was asked.
func (o *history) noData(ctx context.Context, of subject) error {
	text := fmt.Sprintf("%s has no data for the queries of %s from %s to %s: ", o.name, of.name(), clock(o.from), clock(o.to))
	if nobody := o.pods.nobody(); nobody != "" {
		return errors.New(text + nobody)
	}
	why := o.shortWindow(ctx, of)
	if why == "" {
		why = o.remedies(of)
	}
	text += why
	for _, q := range queriesOf(of.gate) {
		text += "\n  " + q.field + ": " + q.text
	}
	return errors.New(text)
}

// remedies are what to look at where nothing is known; only flags that were given.
func (o *history) remedies(of subject) string {
	text := "check that the namespace " + of.gate.Namespace + " and the Service's name " + of.gate.Spec.ServiceRef.Name + " are those of the data"
	if len(o.asked) > 0 {
		text += ", and " + strings.Join(o.asked, " and ")
	}
	if o.server == nil {
		return text + "; the data " + o.extent() + ". What was asked:"
	}
	return text + "; try the queries in Prometheus:"
}

// shortWindow says of the first query that looks back over less than two scrapes that
// it does; empty if there is none.
func (o *history) shortWindow(ctx context.Context, of subject) (why string) {
	for _, q := range queriesOf(of.gate) {
		expr, err := promql.ParseExpr(q.text)
		if err != nil {
			continue
		}
		parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
			m, ok := node.(*parser.MatrixSelector)
			if !ok || why != "" {
				return nil
			}
			every := o.scrapedEvery(ctx, m.VectorSelector.String())
			if m.Range >= 2*every {
				return nil
			}
			what, remedy := "spec.window is "+short(m.Range), "set spec.window to "
			if m.Range != of.gate.Spec.Window.Std() {
				what, remedy = "it looks back "+short(m.Range), "make that "
			}
			after := ""
			if of.gate.Spec.Recovery.After.Std() < 4*every { // the API server wants it so
				after = ", and spec.recovery.after to no less"
			}
			why = fmt.Sprintf("%s: %s and the samples come every %s, so it holds fewer than two scrapes and nothing increases in it: %s%s, which is four scrapes%s",
				q.field, what, short(every), remedy, short(4*every), after)
			return nil
		})
	}
	return why
}

// scrapedEvery is how far apart the samples of a selector are in the stretch; 0 if
// there are none, or if that cannot be told.
func (o *history) scrapedEvery(ctx context.Context, selector string) time.Duration {
	period := 10 * time.Minute
	if o.server == nil {
		period = max(min(period, o.ends.Sub(o.begins)).Truncate(time.Second), time.Second)
	}
	r := promapi.Range{Start: o.from.Add(period), End: o.to, Step: max(o.to.Sub(o.from)/8, time.Minute)}
	if r.Start.After(r.End) {
		r.Start = r.End
	}
	value, _, _, err := o.api.QueryRange(ctx, fmt.Sprintf("max(count_over_time(%s[%s]))", selector, model.Duration(period)), r)
	matrix, ok := value.(model.Matrix)
	if err != nil || !ok {
		return 0
	}
	most := 0.0
	for _, series := range matrix {
		for _, v := range series.Values {
			most = max(most, float64(v.Value))
		}
	}
	if most == 0 {
		return 0
	}
	return time.Duration(float64(period) / most).Round(time.Second)
}

// short is a duration as PromQL has it.
func short(d time.Duration) string { return model.Duration(d).String() }
