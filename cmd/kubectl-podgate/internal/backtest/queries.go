package backtest

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/measure"
)

// query is one PromQL query of a gate, with its variables filled in.
type query struct{ field, text string }

// queriesOf a gate, as the controller asks them.
func queriesOf(gate *v1alpha1.TrafficGate) (out []query) {
	add := func(field, text string) {
		if text != "" {
			out = append(out, query{field, text})
		}
	}
	for _, q := range measure.Questions(gate) {
		field := "spec.signals[" + q.Signal + "]."
		add(field+"value", q.Value)
		add(field+"histogram", q.Histogram)
		add(field+"ratio.bad", q.Bad)
		add(field+"ratio.total", q.Total)
	}
	asides := measure.AsidesOf(gate)
	if asides.Headroom != nil {
		add("spec.limits.headroom.query", asides.Headroom.Value)
	}
	if asides.Probes != nil {
		add("spec.recovery.signal", asides.Probes.Value)
	}
	return out
}

// field is where a gate has a query, for errors; empty if it is none of the gate's.
func (s subject) field(text string) string {
	for _, q := range queriesOf(s.gate) {
		if q.text == text {
			return q.field + ": "
		}
	}
	return ""
}

// promql understands whatever a server may: what is refused here can be right nowhere.
var promql = parser.NewParser(parser.Options{
	EnableExperimentalFunctions: true, ExperimentalDurationExpr: true, EnableExtendedRangeSelectors: true, EnableBinopFillModifiers: true,
})

// checkQueries says what is wrong with a gate's queries, all of it.
func (s subject) checkQueries() error {
	var errs []error
	for _, q := range queriesOf(s.gate) {
		if err := checkQuery(q.text); err != nil {
			errs = append(errs, fmt.Errorf("%s: %s: %w: %s", s.name(), q.field, err, q.text))
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return misused("%w", errors.Join(errs...))
}

// unfilled is what looks like a variable. $1 is none: label_replace has such.
var unfilled = regexp.MustCompile(`\$(?:\{[A-Za-z_]\w*\}?|[A-Za-z_]\w*)`)

func checkQuery(text string) error {
	expr, err := promql.ParseExpr(text)
	if unknown := unknownVariables(text, expr, err == nil); len(unknown) > 0 {
		return fmt.Errorf("there is no variable %s: a query may use $namespace, $service and $__window", strings.Join(unknown, ", "))
	}
	if err != nil {
		return fmt.Errorf("%w: correct it, and try it in Prometheus first", err)
	}
	if t := expr.Type(); t != parser.ValueTypeVector {
		return fmt.Errorf("it answers with a %s where one number a pod is needed (an instant vector), as in sum by (pod) (increase(...[$__window]))", parser.DocumentedType(t))
	}
	return nil
}

// unknownVariables are those that were not filled in. A group's name in what
// label_replace puts in is none.
func unknownVariables(text string, expr parser.Expr, parsed bool) (out []string) {
	groups := map[string]bool{}
	if parsed {
		parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
			if call, ok := node.(*parser.Call); ok && call.Func.Name == "label_replace" && len(call.Args) == 5 {
				for _, v := range unfilled.FindAllString(call.Args[2].String(), -1) {
					groups[v] = true
				}
			}
			return nil
		})
	}
	for _, v := range unfilled.FindAllString(text, -1) {
		if !groups[v] && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}
