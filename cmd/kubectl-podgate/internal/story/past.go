package story

import (
	"cmp"
	"context"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/podgate/podgate/api/v1alpha1"
)

// maxPast is how many events a story tells.
const maxPast = 15

// Past is what was decided about a pod, the latest last: the pod's own events of
// Podgate, and those of its gate that concern it. Kubernetes keeps events for an
// hour unless told otherwise.
func Past(ctx context.Context, from client.Reader, namespace, gate, pod, uid string) ([]Event, error) {
	var own, gates corev1.EventList
	if err := from.List(ctx, &own, client.InNamespace(namespace), client.MatchingFieldsSelector{
		Selector: fields.Set{"involvedObject.kind": "Pod", "involvedObject.name": pod}.AsSelector()}); err != nil {
		return nil, err
	}
	if err := from.List(ctx, &gates, client.InNamespace(namespace), client.MatchingFieldsSelector{
		Selector: fields.Set{"involvedObject.kind": "TrafficGate", "involvedObject.name": gate}.AsSelector()}); err != nil {
		return nil, err
	}
	return past(own.Items, gates.Items, pod, uid), nil
}

func past(own, gates []corev1.Event, pod, uid string) (out []Event) {
	for _, e := range own {
		if e.ReportingController == "podgate" && string(e.InvolvedObject.UID) == uid {
			out = append(out, eventOf(e))
		}
	}
	for _, e := range gates {
		rehearsed := strings.HasPrefix(e.Reason, "DryRun") && strings.Contains(e.Message, "pod "+pod+":")
		common := strings.HasPrefix(e.Reason, v1alpha1.ConditionCommonCause) || e.Reason == v1alpha1.ConditionDomainSuspected
		if rehearsed || common {
			out = append(out, eventOf(e))
		}
	}
	slices.SortStableFunc(out, func(a, b Event) int { return cmp.Compare(a.At.UnixNano(), b.At.UnixNano()) })
	return out[max(len(out)-maxPast, 0):]
}

// eventOf reads both generations of events: a series has its own count and time.
func eventOf(e corev1.Event) Event {
	out := Event{At: metav1.NewTime(e.EventTime.Time), Reason: e.Reason, Note: e.Message, Count: int(e.Count)}
	if out.At.IsZero() {
		out.At = e.LastTimestamp
	}
	if e.Series != nil {
		out.At, out.Count = metav1.NewTime(e.Series.LastObservedTime.Time), int(e.Series.Count)
	}
	return out
}

// writers are those whom managedFields name as writers of a pod's label.
func writers(p *corev1.Pod, label string) (out []string) {
	path := fieldpath.MakePathOrDie("metadata", "labels", label)
	for _, f := range p.ManagedFields {
		var set fieldpath.Set
		if f.FieldsV1 != nil && set.FromJSON(f.FieldsV1.GetRawReader()) == nil && set.Has(path) {
			out = append(out, f.Manager)
		}
	}
	return out
}
