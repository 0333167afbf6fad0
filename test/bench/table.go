package main

import (
	"fmt"
	"math"
	"slices"

	"github.com/podgate/podgate/test/bench/score"
)

func (r row) String() string {
	return fmt.Sprintf("%-34.34s %-20s P %.3f R %.3f F1 %.3f TTD %5.0f p90 %5.0f wrong %8.2f false %d violated %d/%d",
		r.Method, r.Scenario, r.Precision(), r.Recall(), r.F1(), r.Quantile(0.5), r.Quantile(0.9), r.WrongRate(), r.False(), r.Violated, r.MustNot)
}

// summary is one method over several scenarios: the mean over those with
// faults, each scenario weighing the same, and the sums over all.
type summary struct {
	method                string
	precision, recall, f1 float64
	median                float64
	// wrong minutes per 1,000 pod-hours, in scenarios with faults and without.
	wrong, wrongElse float64
	pooled           score.Outcome
}

func summarise(method string, rows []row) summary {
	s := summary{method: method}
	var with, without score.Outcome
	var medians []float64
	n := 0.0
	for _, r := range rows {
		if r.Method != method {
			continue
		}
		s.pooled.Add(r.Outcome)
		if r.Faults == 0 {
			without.Add(r.Outcome)
			continue
		}
		with.Add(r.Outcome)
		n++
		s.precision += r.Precision()
		s.recall += r.Recall()
		s.f1 += r.F1()
		if m := r.Quantile(0.5); !math.IsNaN(m) {
			medians = append(medians, m)
		}
	}
	if n > 0 {
		s.precision, s.recall, s.f1 = s.precision/n, s.recall/n, s.f1/n
	}
	s.median = math.NaN()
	if len(medians) > 0 {
		slices.Sort(medians)
		s.median = (medians[(len(medians)-1)/2] + medians[len(medians)/2]) / 2
	}
	s.wrong, s.wrongElse = with.WrongRate(), without.WrongRate()
	return s
}

// visible are the rows of scenarios that a method has a notion of.
func visible(rows []row, sees map[string]map[string]bool) []row {
	return slices.DeleteFunc(slices.Clone(rows), func(r row) bool {
		s := sees[r.Method]
		return s != nil && !s[r.Class]
	})
}

func inClass(rows []row, class string) []row {
	return slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return r.Class != class })
}

func methodsOf(rows []row) (names []string) {
	for _, r := range rows {
		if !slices.Contains(names, r.Method) {
			names = append(names, r.Method)
		}
	}
	return names
}
