package controller

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
	"github.com/podgate/podgate/controller/fleet"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// wrote is a managedFields entry of somebody who wrote the traffic label.
func wrote(manager string) metav1.ManagedFieldsEntry {
	return metav1.ManagedFieldsEntry{Manager: manager, Operation: metav1.ManagedFieldsOperationUpdate, FieldsType: "FieldsV1",
		FieldsV1: metav1.NewFieldsV1(`{"f:metadata":{"f:labels":{"f:podgate.dev/traffic":{}}}}`)}
}

// with adds keys and values to a copy of a map.
func with(m map[string]string, pairs ...string) map[string]string {
	out := maps.Clone(m)
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i]] = pairs[i+1]
	}
	return out
}

// TestPatch applies the patches that decisions make to pods, as the API server
// would.
func TestPatch(t *testing.T) {
	gated := map[string]string{v1alpha1.AnnotationGate: "web", v1alpha1.AnnotationGatedAt: "2026-03-01T12:00:00Z", "keep": "me"}
	for name, row := range map[string]struct {
		labels, annotations map[string]string
		decision            decide.Decision
		now                 map[string]string // the labels that the patch meets; nil: the same
		notes               map[string]string // the annotations that it meets; nil: the same
		later               string            // the resourceVersion that it meets; empty: the same
		want                string            // labels and annotations after it, or the error
	}{
		"gate": {labels: map[string]string{"app": "x", v1alpha1.LabelTraffic: "yes"},
			decision: decide.Decision{Traffic: "no", Memory: decide.Memory{Gate: "web", GatedAt: noon, GatedUntil: noon}},
			want:     "map[app:x podgate.dev/traffic:no] map[controller.kubernetes.io/pod-deletion-cost:-2147483648 podgate.dev/gate:web podgate.dev/gated-at:2026-03-01T12:00:00Z podgate.dev/gated-until:2026-03-01T12:00:00Z]"},
		"a gated pod goes first when its workload shrinks": {labels: map[string]string{v1alpha1.LabelTraffic: "yes"}, annotations: map[string]string{v1alpha1.PodDeletionCost: "7"},
			decision: decide.Decision{Traffic: "no", Memory: decide.Memory{Gate: "web", GatedAt: noon, GatedUntil: noon}},
			want:     "map[controller.kubernetes.io/pod-deletion-cost:-2147483648 podgate.dev/gate:web podgate.dev/gated-at:2026-03-01T12:00:00Z podgate.dev/gated-until:2026-03-01T12:00:00Z podgate.dev/pod-deletion-cost:7]"},
		"and has its own deletion cost back in traffic": {labels: map[string]string{v1alpha1.LabelTraffic: "no"},
			annotations: with(gated, v1alpha1.AnnotationGatedUntil, "2026-03-01T12:01:00Z", v1alpha1.PodDeletionCost, v1alpha1.GatedDeletionCost, v1alpha1.AnnotationDeletionCost, "7"),
			decision:    decide.Decision{Traffic: "yes"}, want: "map[podgate.dev/traffic:yes] map[controller.kubernetes.io/pod-deletion-cost:7 keep:me]"},
		"a pod that a person holds out is no first choice": {labels: map[string]string{v1alpha1.LabelTraffic: "yes"}, annotations: map[string]string{v1alpha1.PodDeletionCost: "7"},
			decision: decide.Decision{Action: decide.HoldOut, Traffic: "no", Memory: decide.Memory{Gate: "web", GatedAt: noon}},
			want:     "map[podgate.dev/traffic:no] map[controller.kubernetes.io/pod-deletion-cost:7 podgate.dev/gate:web podgate.dev/gated-at:2026-03-01T12:00:00Z]"},
		"or none, if it had none": {labels: map[string]string{v1alpha1.LabelTraffic: "no"},
			annotations: with(gated, v1alpha1.AnnotationGatedUntil, "2026-03-01T12:01:00Z", v1alpha1.PodDeletionCost, v1alpha1.GatedDeletionCost),
			decision:    decide.Decision{Traffic: "yes"}, want: "map[podgate.dev/traffic:yes] map[keep:me]"},
		"a deletion cost that somebody set meanwhile stays": {labels: map[string]string{v1alpha1.LabelTraffic: "no"},
			annotations: with(gated, v1alpha1.AnnotationGatedUntil, "2026-03-01T12:01:00Z", v1alpha1.PodDeletionCost, "5", v1alpha1.AnnotationDeletionCost, "7"),
			decision:    decide.Decision{Traffic: "yes"}, want: "map[podgate.dev/traffic:yes] map[controller.kubernetes.io/pod-deletion-cost:5 keep:me]"},
		"one that is set while the patch is on its way too": {labels: map[string]string{v1alpha1.LabelTraffic: "no"},
			annotations: with(gated, v1alpha1.AnnotationGatedUntil, "2026-03-01T12:01:00Z", v1alpha1.PodDeletionCost, v1alpha1.GatedDeletionCost),
			notes:       with(gated, v1alpha1.AnnotationGatedUntil, "2026-03-01T12:01:00Z", v1alpha1.PodDeletionCost, "5"),
			decision:    decide.Decision{Traffic: "yes"}, want: "testing value /metadata/annotations/controller.kubernetes.io~1pod-deletion-cost failed"},
		"a pod that has come back and gone out again meanwhile stays out": {labels: map[string]string{v1alpha1.LabelTraffic: "no"}, annotations: gated,
			notes: with(gated, v1alpha1.AnnotationGatedAt, "2026-03-01T12:03:00Z"), decision: decide.Decision{Traffic: "yes"}, want: "testing value /metadata/annotations/podgate.dev~1gated-at failed"},
		"a serving pod's deletion cost is its own": {labels: map[string]string{v1alpha1.LabelTraffic: "yes"},
			annotations: map[string]string{v1alpha1.AnnotationGate: "web", v1alpha1.PodDeletionCost: v1alpha1.GatedDeletionCost},
			decision:    decide.Decision{Action: decide.Note}, want: "map[podgate.dev/traffic:yes] map[controller.kubernetes.io/pod-deletion-cost:-2147483648]"},
		"a gating meets the pod that was counted, or fails": {labels: map[string]string{v1alpha1.LabelTraffic: "yes"}, annotations: map[string]string{"keep": "me"}, later: "8",
			decision: decide.Decision{Action: decide.Gate, Traffic: "no", Memory: decide.Memory{Gate: "web", GatedAt: noon}}, want: "testing value /metadata/resourceVersion failed"},
		"release takes our notes off and nothing else": {labels: map[string]string{v1alpha1.LabelTraffic: "no"}, annotations: gated,
			decision: decide.Decision{Traffic: "yes"}, want: "map[podgate.dev/traffic:yes] map[keep:me]"},
		"a note labels nobody": {labels: map[string]string{"app": "x"}, annotations: map[string]string{v1alpha1.AnnotationGate: "web"},
			decision: decide.Decision{Action: decide.Note}, want: "map[app:x] map[]"},
		"annotations that came meanwhile are not lost": {labels: map[string]string{v1alpha1.LabelTraffic: "yes"}, later: "8",
			decision: decide.Decision{Traffic: "no", Memory: decide.Memory{Gate: "web"}}, want: "testing value /metadata/resourceVersion failed"},
		"an override whose time is up goes, with its notes": {labels: map[string]string{v1alpha1.LabelOverride: "no", v1alpha1.LabelTraffic: "no"},
			annotations: map[string]string{v1alpha1.AnnotationOverrideUntil: "2026-03-01T12:00:00Z", v1alpha1.AnnotationOverrideReason: "disk", "keep": "me"},
			decision:    decide.Decision{Action: decide.Expire}, want: "map[podgate.dev/traffic:no] map[keep:me]"},
		"an override that changed meanwhile stays": {labels: map[string]string{v1alpha1.LabelOverride: "no"},
			annotations: map[string]string{v1alpha1.AnnotationOverrideUntil: "2026-03-01T12:00:00Z"}, now: map[string]string{v1alpha1.LabelOverride: "yes"},
			decision: decide.Decision{Action: decide.Expire}, want: "testing value /metadata/labels/podgate.dev~1override failed"},
		"one that is prolonged meanwhile stays": {labels: map[string]string{v1alpha1.LabelOverride: "no"},
			annotations: map[string]string{v1alpha1.AnnotationOverrideUntil: "2026-03-01T12:00:00Z"},
			notes:       map[string]string{v1alpha1.AnnotationOverrideUntil: "2026-03-01T14:00:00Z"},
			decision:    decide.Decision{Action: decide.Expire}, want: "testing value /metadata/annotations/podgate.dev~1override-until failed"},
		"what is left of an override goes": {labels: map[string]string{v1alpha1.LabelTraffic: "yes"},
			annotations: map[string]string{v1alpha1.AnnotationOverrideUntil: "soon", v1alpha1.AnnotationOverrideReason: "disk", "keep": "me"},
			decision:    decide.Decision{Action: decide.Expire}, want: "map[podgate.dev/traffic:yes] map[keep:me]"},
		"unless there is an override again": {labels: map[string]string{v1alpha1.LabelTraffic: "yes"}, later: "8",
			annotations: map[string]string{v1alpha1.AnnotationOverrideUntil: "soon"},
			decision:    decide.Decision{Action: decide.Expire}, want: "testing value /metadata/resourceVersion failed"},
		"label a pod without any": {decision: decide.Decision{Traffic: "yes"}, want: "map[podgate.dev/traffic:yes] map[]"},
		"the label changed meanwhile": {labels: map[string]string{v1alpha1.LabelTraffic: "yes"}, now: map[string]string{v1alpha1.LabelTraffic: "no"},
			decision: decide.Decision{Traffic: "no"}, want: "testing value /metadata/labels/podgate.dev~1traffic failed"},
		"the label went meanwhile": {labels: map[string]string{v1alpha1.LabelTraffic: "yes"}, now: map[string]string{"app": "x"},
			decision: decide.Decision{Traffic: "no"}, want: "failed"},
	} {
		t.Run(name, func(t *testing.T) {
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: "u", ResourceVersion: "7", Labels: row.labels, Annotations: row.annotations}}
			row.decision.UID, row.decision.Before = "u", fleet.PodOf(pod, v1alpha1.LabelTraffic)
			patch, err := json.Marshal(patchOf(pod, v1alpha1.LabelTraffic, row.decision))
			if err != nil {
				t.Fatal(err)
			}
			if row.now != nil {
				pod.Labels = row.now
			}
			if row.notes != nil {
				pod.Annotations = row.notes
			}
			if row.later != "" {
				pod.ResourceVersion = row.later
			}
			if got := applied(t, pod, patch); !strings.Contains(got, row.want) {
				t.Errorf("got  %s\nwant %s\npatch %s", got, row.want, patch)
			}
		})
	}
	t.Run("another pod of that name", func(t *testing.T) {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: "u", Labels: map[string]string{v1alpha1.LabelTraffic: "yes"}}}
		patch, _ := json.Marshal(patchOf(pod, v1alpha1.LabelTraffic, decide.Decision{UID: "u", Before: fleet.PodOf(pod, v1alpha1.LabelTraffic), Traffic: "no"}))
		pod.UID = "other"
		if got := applied(t, pod, patch); !strings.Contains(got, "testing value /metadata/uid failed") {
			t.Error(got)
		}
	})
}

func applied(t *testing.T, pod *corev1.Pod, patch []byte) string {
	t.Helper()
	decoded, err := jsonpatch.DecodePatch(patch)
	if err != nil {
		t.Fatal(err)
	}
	before, err := json.Marshal(pod)
	if err != nil {
		t.Fatal(err)
	}
	after, err := decoded.Apply(before)
	if err != nil {
		return err.Error()
	}
	var out corev1.Pod
	if err := json.Unmarshal(after, &out); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(out.Labels, " ", out.Annotations)
}

func TestStripPodKeepsWhatIsRead(t *testing.T) {
	full := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "a", UID: "u", Labels: map[string]string{v1alpha1.LabelTraffic: "no"},
		Annotations: map[string]string{v1alpha1.AnnotationGate: "web"}, ManagedFields: []metav1.ManagedFieldsEntry{wrote("kubectl-label"), {Manager: "kubelet", Subresource: "status"}}},
		Spec: corev1.PodSpec{NodeName: "n", Containers: []corev1.Container{{Name: "big"}}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(noon)}},
			ContainerStatuses: []corev1.ContainerStatus{{Name: "big"}}}}
	want := fleet.PodOf(full, v1alpha1.LabelTraffic)
	got, err := StripPod(full.DeepCopy())
	if err != nil {
		t.Fatal(err)
	}
	stripped := got.(*corev1.Pod)
	if !reflect.DeepEqual(fleet.PodOf(stripped, v1alpha1.LabelTraffic), want) || !fleet.Member(stripped) {
		t.Errorf("got %+v, want %+v", fleet.PodOf(stripped, v1alpha1.LabelTraffic), want)
	}
	if len(stripped.Spec.Containers)+len(stripped.Status.ContainerStatuses) > 0 || len(stripped.ManagedFields) != 1 {
		t.Error("nothing was stripped")
	}
}
