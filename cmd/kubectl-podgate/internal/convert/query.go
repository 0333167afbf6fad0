package convert

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

func parse(query string) (parser.Expr, error) {
	query = strings.TrimSpace(query)
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(query)
	if err != nil {
		return nil, fmt.Errorf("%q cannot be parsed: %w", query, err)
	}
	if expr.Type() != parser.ValueTypeVector {
		return nil, fmt.Errorf("%q answers with a %s, where one value a pod is needed: correct the query", query, parser.DocumentedType(expr.Type()))
	}
	return expr, nil
}

// reach is how far back a query looks; 0 if only at the instant.
func reach(q parser.Expr) (longest time.Duration) {
	parser.Inspect(q, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.MatrixSelector:
			longest = max(longest, n.Range)
		case *parser.SubqueryExpr:
			longest = max(longest, n.Range)
		}
		return nil
	})
	return longest
}

// written is a query as its author wrote it, if more can be written behind it: a
// comment would take that in.
func written(promQL string, q parser.Expr) string {
	if strings.Contains(promQL, "#") {
		return q.String()
	}
	return strings.TrimSpace(promQL)
}

// mark is a label that no query has.
const mark = "podgate_listed"

// bad is the query for what is bad only, and whether the condition went into it.
//
// It goes in where each of the answers is of series with the very value of the
// label that the answer has. Elsewhere it would also choose among the other
// metrics of a join, which have no such label, and the answer would be empty for
// ever: no pod would ever be bad. There the answers themselves are chosen: the
// listed ones get a label, and the set operators know those with it. That is right
// for every query, and is read by fewer people.
func bad(q parser.Expr, of discrete) (query string, inside bool) {
	kind, keep, values := labels.MatchRegexp, "and", of.BadValues
	if len(of.GoodValues) > 0 {
		kind, keep, values = labels.MatchNotRegexp, "unless", of.GoodValues
	}
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = regexp.QuoteMeta(v)
	}
	listed := strings.Join(quoted, "|")
	if s := source(q, of.Key); s != nil {
		before := s.LabelMatchers
		s.LabelMatchers = append(slices.Clip(before), labels.MustNewMatcher(kind, of.Key, listed))
		defer func() { s.LabelMatchers = before }()
		return q.String(), true
	}
	return fmt.Sprintf(`label_replace(%s, "%s", "1", %q, %q) %s on (%s) label_replace(vector(1), "%s", "1", "", "")`,
		written(of.PromQL, q), mark, of.Key, listed, keep, mark, mark), false
}

// samplewise are the functions that make one answer of each series, with its labels.
var samplewise = []string{
	"rate", "increase", "delta", "irate", "idelta", "sum_over_time", "avg_over_time", "min_over_time", "max_over_time",
	"count_over_time", "last_over_time", "abs", "ceil", "floor", "round", "clamp_min", "clamp_max",
}

// groupwise are the aggregations that make one answer of each group's series.
var groupwise = []parser.ItemType{parser.SUM, parser.AVG, parser.MIN, parser.MAX, parser.COUNT}

// source is the one selector whose series have the label key with the value of
// each answer that is made of them; nil where that cannot be proved.
func source(expr parser.Expr, key string) *parser.VectorSelector {
	switch e := expr.(type) {
	case *parser.VectorSelector:
		if key != "__name__" { // which functions drop
			return e
		}
	case *parser.MatrixSelector:
		return source(e.VectorSelector, key)
	case *parser.ParenExpr:
		return source(e.Expr, key)
	case *parser.Call:
		if slices.Contains(samplewise, e.Func.Name) {
			return source(e.Args[0], key)
		}
	case *parser.AggregateExpr:
		if slices.Contains(groupwise, e.Op) && slices.Contains(e.Grouping, key) != e.Without {
			return source(e.Expr, key)
		}
	case *parser.BinaryExpr: // with a number, the same for each
		switch {
		case e.RHS.Type() == parser.ValueTypeScalar:
			return source(e.LHS, key)
		case e.LHS.Type() == parser.ValueTypeScalar:
			return source(e.RHS, key)
		}
	}
	return nil
}

// by sums a query by the pod's label, which is called what the gate calls it.
func by(query, has, wants string) string {
	return fmt.Sprintf("sum by (%s) (%s)", wants, named(query, has, wants))
}

// named is a query whose answers have the pod's name in the label that the gate
// asks for.
func named(query, has, wants string) string {
	if has == wants {
		return query
	}
	return fmt.Sprintf(`label_replace(%s, %s, "$1", %s, "(.*)")`, query, strconv.Quote(wants), strconv.Quote(has))
}
