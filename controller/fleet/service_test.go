package fleet

import (
	"errors"
	"reflect"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/podgate/podgate/api/v1alpha1"
)

func TestWhichServicesCanBeGated(t *testing.T) {
	for name, row := range map[string]struct {
		spec     corev1.ServiceSpec
		refused  string // the reason, empty if it can be gated
		enrolled bool
	}{
		"one that selects on the label":             {corev1.ServiceSpec{Selector: map[string]string{"app": "web", v1alpha1.LabelTraffic: "yes"}}, "", true},
		"one that does not select on the label yet": {corev1.ServiceSpec{Selector: map[string]string{"app": "web"}}, "", false},
		"one that selects on another value":         {corev1.ServiceSpec{Selector: map[string]string{"app": "web", v1alpha1.LabelTraffic: "on"}}, "", false},
		"one that selects on the label alone":       {corev1.ServiceSpec{Selector: map[string]string{v1alpha1.LabelTraffic: "yes"}}, v1alpha1.ReasonSelectorTooWide, true},
		"one without a selector":                    {corev1.ServiceSpec{}, v1alpha1.ReasonServiceWithoutSelector, false},
		"one that stands for another name":          {corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, Selector: map[string]string{"app": "web"}}, v1alpha1.ReasonServiceWithoutSelector, false},
	} {
		t.Run(name, func(t *testing.T) {
			svc := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: row.spec}
			reason := ""
			if refused := (*Refusal)(nil); errors.As(CheckService(svc, v1alpha1.LabelTraffic), &refused) {
				reason = refused.Reason
			}
			if reason != row.refused {
				t.Errorf("refused because of %q, want %q", reason, row.refused)
			}
			if why := NotEnrolled(svc, v1alpha1.LabelTraffic); (why == "") != row.enrolled && row.refused == "" {
				t.Errorf("enrolled: %t (%s), want %t", why == "", why, row.enrolled)
			}
		})
	}
}

func TestSelectorKeys(t *testing.T) {
	for name, row := range map[string]struct {
		selector any
		want     []string
	}{
		"of a Deployment": {map[string]any{"matchLabels": map[string]any{"app": "web"},
			"matchExpressions": []any{map[string]any{"key": "tier", "operator": "Exists"}}}, []string{"app", "tier"}},
		"of a ReplicationController": {map[string]any{"app": "web", "tier": "front"}, []string{"app", "tier"}},
		"of something without any":   {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			obj := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"selector": row.selector}}}
			if got := SelectorKeys(obj); !reflect.DeepEqual(got, row.want) {
				t.Errorf("got %v, want %v", got, row.want)
			}
		})
	}
}
