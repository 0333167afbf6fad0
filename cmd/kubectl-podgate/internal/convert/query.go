package convert

import (
	"fmt"
	"regexp"
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

// bad is the query for what is bad only: PromQL has no way to choose from an
// expression's answer by a label, so that the condition goes into every selector.
func bad(q parser.Expr, of discrete) string {
	kind, values := labels.MatchRegexp, of.BadValues
	if len(of.GoodValues) > 0 {
		kind, values = labels.MatchNotRegexp, of.GoodValues
	}
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = regexp.QuoteMeta(v)
	}
	m := labels.MustNewMatcher(kind, of.Key, strings.Join(quoted, "|"))
	parser.Inspect(q, func(node parser.Node, _ []parser.Node) error {
		if v, ok := node.(*parser.VectorSelector); ok {
			v.LabelMatchers = append(v.LabelMatchers, m)
		}
		return nil
	})
	return q.String()
}

// by sums a query by the pod's label, which is called what the gate calls it.
func by(query, has, wants string) string {
	return fmt.Sprintf("sum by (%s) (%s)", wants, named(query, has, wants))
}

// named is a query whose answers have the pod's name in the label that the gate
// asks for.
func named(query, has, wants string) string {
	query = strings.TrimSpace(query)
	if has == wants {
		return query
	}
	return fmt.Sprintf(`label_replace(%s, %s, "$1", %s, "(.*)")`, query, strconv.Quote(wants), strconv.Quote(has))
}
