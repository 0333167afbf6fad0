package source

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/prometheus/common/model"
)

// values runs a query whose answer is one number a pod, and leaves out those that are
// NaN or infinite.
func values(q Question, text string, run func(string) ([]model.Vector, error)) ([]map[string]Sample, error) {
	out, err := numbers(q, text, run)
	for i := range out {
		for pod, s := range out[i] {
			if math.IsNaN(s.Value) || math.IsInf(s.Value, 0) {
				delete(out[i], pod)
			}
		}
	}
	return out, err
}

// numbers is values with all of them.
func numbers(q Question, text string, run func(string) ([]model.Vector, error)) ([]map[string]Sample, error) {
	moments, err := run(text)
	if err != nil {
		return nil, err
	}
	out := make([]map[string]Sample, len(moments))
	for i, vector := range moments {
		out[i] = make(map[string]Sample, len(vector))
		err := eachPod(vector, q, text, func(pod string, s *model.Sample) error {
			if _, twice := out[i][pod]; twice {
				return &QueryError{Ambiguous, text, fmt.Errorf("the query answers with several series for pod %s", pod)}
			}
			out[i][pod] = Sample{Value: float64(s.Value)}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// bucket is one bucket of a histogram: its upper bound and cumulative count.
type bucket struct{ bound, count float64 }

// histograms runs a query whose answer is a count by pod and le.
func histograms(q Question, run func(string) ([]model.Vector, error)) ([]map[string]Sample, error) {
	moments, err := run(q.Histogram)
	if err != nil {
		return nil, err
	}
	out := make([]map[string]Sample, len(moments))
	for i, vector := range moments {
		buckets := map[string][]bucket{}
		err := eachPod(vector, q, q.Histogram, func(pod string, s *model.Sample) error {
			le, ok := s.Metric[model.BucketLabel]
			bound, err := strconv.ParseFloat(string(le), 64)
			if !ok || err != nil {
				return &QueryError{Rejected, q.Histogram, fmt.Errorf("a series of pod %s has no bucket bound in its label le (%q): ask for the _bucket series and keep le, as in sum by (pod, le) (...)", pod, le)}
			}
			buckets[pod] = append(buckets[pod], bucket{bound, float64(s.Value)})
			return nil
		})
		if err != nil {
			return nil, err
		}
		out[i] = make(map[string]Sample, len(buckets))
		for _, pod := range slices.Sorted(maps.Keys(buckets)) { // of several that are wrong, always the same is told of
			s, usable, err := histogram(buckets[pod])
			if err != nil {
				return nil, &QueryError{Ambiguous, q.Histogram, fmt.Errorf("pod %s: %w", pod, err)}
			}
			if usable {
				out[i][pod] = s
			}
		}
	}
	return out, nil
}

// histogram puts a pod's buckets in order. One without +Inf, or with counts that
// are no numbers, is no data.
func histogram(b []bucket) (s Sample, usable bool, err error) {
	slices.SortFunc(b, func(x, y bucket) int {
		if x.bound < y.bound {
			return -1
		}
		return 1
	})
	for i, x := range b {
		if i > 0 && x.bound == b[i-1].bound {
			return s, false, fmt.Errorf("the query answers with several series for the bucket %g", x.bound)
		}
		if math.IsNaN(x.count) || math.IsInf(x.count, 0) {
			return s, false, nil
		}
		s.Bounds, s.Counts = append(s.Bounds, x.bound), append(s.Counts, x.count)
	}
	return s, len(b) > 1 && math.IsInf(b[len(b)-1].bound, 1), nil
}

// eachPod calls do for each series of a pod of the right namespace. It is an
// error if there are series, and none says of which pod it is.
func eachPod(vector model.Vector, q Question, text string, do func(pod string, s *model.Sample) error) error {
	labelled := len(vector) == 0
	for _, s := range vector {
		pod := string(s.Metric[model.LabelName(q.PodLabel)])
		labelled = labelled || pod != ""
		if ns, ok := s.Metric["namespace"]; pod == "" || (ok && string(ns) != q.Namespace) {
			continue
		}
		if err := do(pod, s); err != nil {
			return err
		}
	}
	if !labelled {
		return &QueryError{Rejected, text, fmt.Errorf("no series of the answer has a label %q with the pod's name: keep it, or set spec.podLabel", q.PodLabel)}
	}
	return nil
}
