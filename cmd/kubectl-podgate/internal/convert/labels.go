package convert

import (
	"slices"

	"github.com/prometheus/prometheus/promql/parser"
)

// drops is whether it is certain that no answer of a vector has some label.
func drops(expr parser.Expr, label string) bool {
	switch e := expr.(type) {
	case *parser.ParenExpr:
		return drops(e.Expr, label)
	case *parser.UnaryExpr:
		return drops(e.Expr, label)
	case *parser.SubqueryExpr:
		return drops(e.Expr, label)
	case *parser.AggregateExpr:
		return aggregationDrops(e, label)
	case *parser.BinaryExpr:
		return operationDrops(e, label)
	case *parser.Call:
		return callDrops(e, label)
	}
	return false
}

// aggregationDrops: topk and its like answer with series as they are; the others
// with one answer a group.
func aggregationDrops(e *parser.AggregateExpr, label string) bool {
	whole := slices.Contains([]parser.ItemType{parser.TOPK, parser.BOTTOMK, parser.LIMITK, parser.LIMIT_RATIO}, e.Op)
	if s, ok := e.Param.(*parser.StringLiteral); ok && e.Op == parser.COUNT_VALUES && s.Val == label {
		return false
	}
	return !whole && slices.Contains(e.Grouping, label) == e.Without || drops(e.Expr, label)
}

// callDrops: a function answers with the labels of its argument, but for those
// that make labels.
func callDrops(e *parser.Call, label string) bool {
	switch e.Func.Name {
	case "vector":
		return true
	case "label_replace", "label_join":
		if s, ok := e.Args[1].(*parser.StringLiteral); !ok || s.Val == label {
			return false
		}
	case "info", "absent", "absent_over_time":
		return false
	}
	for _, arg := range e.Args {
		if arg.Type() == parser.ValueTypeVector || arg.Type() == parser.ValueTypeMatrix {
			return drops(arg, label)
		}
	}
	return false
}

// operationDrops: which labels the answer has is the rule of vector matching.
func operationDrops(e *parser.BinaryExpr, label string) bool {
	left, right := drops(e.LHS, label), drops(e.RHS, label)
	m := e.VectorMatching
	switch {
	case e.LHS.Type() == parser.ValueTypeScalar:
		return right
	case e.RHS.Type() == parser.ValueTypeScalar:
		return left
	case e.Op == parser.LOR:
		return left && right
	case m == nil || m.Card == parser.CardManyToMany: // and, unless
		return left
	case m.Card == parser.CardOneToOne:
		return left || slices.Contains(m.MatchingLabels, label) != m.On
	case slices.Contains(m.Include, label): // of the side with one
		return m.Card == parser.CardManyToOne && right || m.Card == parser.CardOneToMany && left
	case m.Card == parser.CardOneToMany:
		return right
	}
	return left
}

// dividesByMean is whether a query divides each pod by one mean of all pods.
func dividesByMean(expr parser.Expr) bool {
	switch e := expr.(type) {
	case *parser.ParenExpr:
		return dividesByMean(e.Expr)
	case *parser.BinaryExpr:
		switch {
		case e.Op == parser.DIV:
			m := e.VectorMatching // x / avg(x) has no answer, since their labels differ
			return mean(e.RHS) && (m == nil || m.Card == parser.CardManyToOne && m.On && len(m.MatchingLabels) == 0)
		case e.Op == parser.LAND, e.Op == parser.LUNLESS, e.Op.IsComparisonOperator() && !e.ReturnBool:
			return dividesByMean(e.LHS)
		}
	}
	return false
}

// mean is whether an expression is the mean of all series: an average, or one sum
// divided by another, or by a count.
func mean(expr parser.Expr) bool {
	if e, ok := bare(expr).(*parser.BinaryExpr); ok {
		return e.Op == parser.DIV && overAll(e.LHS, parser.SUM) && overAll(e.RHS, parser.SUM, parser.COUNT)
	}
	return overAll(expr, parser.AVG)
}

// overAll is whether an expression is one of some aggregations, over all series.
func overAll(expr parser.Expr, ops ...parser.ItemType) bool {
	e, ok := bare(expr).(*parser.AggregateExpr)
	return ok && slices.Contains(ops, e.Op) && len(e.Grouping) == 0 && !e.Without
}

// bare is an expression without parentheses and scalar().
func bare(expr parser.Expr) parser.Expr {
	for {
		switch e := expr.(type) {
		case *parser.ParenExpr:
			expr = e.Expr
		case *parser.Call:
			if e.Func.Name != "scalar" {
				return expr
			}
			expr = e.Args[0]
		default:
			return expr
		}
	}
}
