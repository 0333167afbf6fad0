package fleet

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// SelectorKeys are the label keys that a workload selects its pods by, sorted. It
// reads spec.selector as a label selector, or as the plain map that
// ReplicationControllers have.
func SelectorKeys(obj *unstructured.Unstructured) (keys []string) {
	selector, _, _ := unstructured.NestedMap(obj.Object, "spec", "selector")
	if match, ok := selector["matchLabels"].(map[string]any); ok {
		for k := range match {
			keys = append(keys, k)
		}
	}
	if exprs, ok := selector["matchExpressions"].([]any); ok {
		for _, e := range exprs {
			if m, ok := e.(map[string]any); ok {
				key, _ := m["key"].(string)
				keys = append(keys, key)
			}
		}
	}
	for k, v := range selector {
		if _, ok := v.(string); ok && !strings.HasPrefix(k, "match") {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}
