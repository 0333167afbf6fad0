package simulate

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/test/simulate/apiserver"
)

func keyOf(obj client.Object) types.NamespacedName { return client.ObjectKeyFromObject(obj) }

// describe is a change in a line.
func describe(c apiserver.Change) string {
	obj := c.Object()
	what := fmt.Sprintf("%d %s: %s %s/%s", c.Revision, c.By, apiserver.KindOf(obj), obj.GetNamespace(), obj.GetName())
	switch {
	case c.Before == nil:
		what += " made"
	case c.After == nil:
		return what + " gone"
	}
	if obj.GetDeletionTimestamp() != nil {
		what += " (terminating)"
	}
	switch o := obj.(type) {
	case *corev1.Pod:
		return what + " " + describePod(o)
	case *corev1.Service:
		return what + fmt.Sprintf(" selects %v", o.Spec.Selector)
	case *v1alpha1.TrafficGate:
		spec, _ := json.Marshal(o.Spec)
		if before, ok := c.Before.(*v1alpha1.TrafficGate); ok && o.Generation == before.Generation {
			spec = nil
		}
		return what + fmt.Sprintf(" %v %s %s %+v", o.Finalizers, o.Status.Gating, spec, o.Status.Pods)
	}
	return what
}

func describePod(p *corev1.Pod) string {
	var words []string
	for _, m := range []map[string]string{p.Labels, p.Annotations} {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			words = append(words, strings.TrimPrefix(k, "podgate.dev/")+"="+m[k])
		}
	}
	return fmt.Sprintf("ready=%s %s", p.Status.Conditions[0].Status, strings.Join(words, " "))
}

// digest adds a change to the digest of all before it.
func digest(before uint64, c apiserver.Change) uint64 {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%d %s", before, describe(c))
	return h.Sum64()
}
