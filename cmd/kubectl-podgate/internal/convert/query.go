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
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(query)
	if err != nil {
		return nil, fmt.Errorf("the promQL %q cannot be parsed: %w", strings.TrimSpace(query), err)
	}
	return expr, nil
}

// reach is how far back a query looks; 0 if only at the instant.
func reach(query string) (longest time.Duration, err error) {
	expr, err := parse(query)
	if err != nil {
		return 0, err
	}
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.MatrixSelector:
			longest = max(longest, n.Range)
		case *parser.SubqueryExpr:
			longest = max(longest, n.Range)
		}
		return nil
	})
	return longest, nil
}

// only puts a condition on a label into every selector of a query: PromQL has no
// way to choose from an expression's answer by a label.
func only(query string, kind labels.MatchType, key string, values []string) (string, error) {
	expr, err := parse(query)
	if err != nil {
		return "", err
	}
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = regexp.QuoteMeta(v)
	}
	m, err := labels.NewMatcher(kind, key, strings.Join(quoted, "|"))
	if err != nil {
		return "", err
	}
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		if v, ok := node.(*parser.VectorSelector); ok {
			v.LabelMatchers = append(v.LabelMatchers, m)
		}
		return nil
	})
	return expr.String(), nil
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
