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

// TestWhichServicesLoseAPod: those that select on the label's yes as well, and only
// the pods that they have.
func TestWhichServicesLoseAPod(t *testing.T) {
	const key = v1alpha1.LabelTraffic
	svc := func(name string, selector map[string]string) corev1.Service {
		return corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.ServiceSpec{Selector: selector}}
	}
	alias := svc("alias", map[string]string{"app": "web", key: "yes"})
	alias.Spec.Type = corev1.ServiceTypeExternalName
	services := []corev1.Service{
		svc("web", map[string]string{"app": "web", key: "yes"}),
		svc("canary", map[string]string{"app": "web", "track": "canary", key: "yes"}),
		svc("all", map[string]string{key: "yes"}),
		svc("peers", map[string]string{"app": "web"}),
		svc("sick", map[string]string{"app": "web", key: "no"}),
		svc("other", map[string]string{"app": "api", key: "yes"}),
		svc("none", nil),
		alias,
	}
	gate := &v1alpha1.TrafficGate{}
	gate.Spec.ServiceRef.Name, gate.Spec.TrafficLabel = "web", key
	members := []*corev1.Pod{
		{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web", key: "yes"}}},
		{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web", "track": "canary", key: "no"}}}, // also while it is out
	}
	pods, err := PodsOf(gate, members, services, func(*corev1.Pod) (string, error) { return "", nil })
	if err != nil || len(pods) != 2 {
		t.Fatal(pods, err)
	}
	for i, want := range [][]string{{"all"}, {"all", "canary"}} {
		if !reflect.DeepEqual(pods[i].Services, want) {
			t.Errorf("pod %d is lost to %v, want %v", i, pods[i].Services, want)
		}
	}
}
