package controller

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// wrote is a managedFields entry of somebody who wrote the traffic label.
func wrote(manager string) metav1.ManagedFieldsEntry {
	return metav1.ManagedFieldsEntry{Manager: manager, Operation: metav1.ManagedFieldsOperationUpdate, FieldsType: "FieldsV1",
		FieldsV1: metav1.NewFieldsV1(`{"f:metadata":{"f:labels":{"f:podgate.dev/traffic":{}}}}`)}
}

func TestWhoWroteTheTrafficLabel(t *testing.T) {
	for name, row := range map[string]struct {
		value  string
		fields []metav1.ManagedFieldsEntry
		want   bool
	}{
		"we did":                            {"no", []metav1.ManagedFieldsEntry{wrote("podgate")}, false},
		"a person did":                      {"no", []metav1.ManagedFieldsEntry{wrote("kubectl-label")}, true},
		"both say so: it is ours":           {"no", []metav1.ManagedFieldsEntry{wrote("kubectl-label"), wrote("podgate")}, false},
		"nobody is known":                   {"no", nil, false},
		"a yes never matters":               {"yes", []metav1.ManagedFieldsEntry{wrote("kubectl-label")}, false},
		"an entry that cannot be read":      {"no", []metav1.ManagedFieldsEntry{{Manager: "x", FieldsV1: metav1.NewFieldsV1("{")}}, false},
		"an entry without fields":           {"no", []metav1.ManagedFieldsEntry{{Manager: "x"}}, false},
		"somebody wrote another label only": {"no", []metav1.ManagedFieldsEntry{{Manager: "x", FieldsV1: metav1.NewFieldsV1(`{"f:metadata":{"f:labels":{"f:app":{}}}}`)}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{v1alpha1.LabelTraffic: row.value}, ManagedFields: row.fields}}
			if got := podOf(p, v1alpha1.LabelTraffic).ByOther; got != row.want {
				t.Errorf("by other: %t, want %t", got, row.want)
			}
		})
	}
}

// TestMemorySurvivesThePod: what is noted on a pod reads back the same.
func TestMemorySurvivesThePod(t *testing.T) {
	for name, m := range map[string]decide.Memory{
		"nothing":   {},
		"gated":     {Gate: "web", GatedAt: noon, GatedUntil: noon.Add(time.Minute), Relapses: 3, Reason: "errors: 30 %"},
		"released":  {Gate: "web", ReleasedAt: noon, Relapses: 1},
		"pardoned":  {Gate: "web", ReleasedAt: noon, GatedUntil: noon.Add(time.Minute)},
		"overruled": {Gate: "web", GatedAt: noon, Reason: "a person's override says no"},
	} {
		t.Run(name, func(t *testing.T) {
			notes := map[string]string{}
			for k, v := range annotationsOf(m, v1alpha1.LabelTraffic) {
				if v != "" {
					notes[k] = v
				}
			}
			if got := memoryOf(notes); got != m {
				t.Errorf("got  %+v\nwant %+v", got, m)
			}
		})
	}
}

// TestASpoiledNoteIsNoPrison: whatever became of a note, the pod is due.
func TestASpoiledNoteIsNoPrison(t *testing.T) {
	m := memoryOf(map[string]string{v1alpha1.AnnotationGate: "web", v1alpha1.AnnotationGatedAt: "yesterday",
		v1alpha1.AnnotationGatedUntil: "tomorrow", v1alpha1.AnnotationRelapses: "-7"})
	if m.GatedAt.IsZero() || m.GatedUntil.After(noon) || m.Relapses != 0 {
		t.Errorf("%+v", m)
	}
	pod := decide.Pod{Name: "a", UID: "a", Ready: true, Labelled: true, Traffic: "no", Memory: m}
	plan := decide.Decide(decide.Input{Gate: "web", Now: noon, Pods: []decide.Pod{pod},
		Policy: decide.Policy{MaxGated: 1, After: time.Minute, MaxAfter: time.Hour}})
	if len(plan.Decisions) != 1 || plan.Decisions[0].Action != decide.Release {
		t.Errorf("%+v", plan.Decisions)
	}
}

// TestPatch applies the patches that decisions make to pods, as the API server
// would.
func TestPatch(t *testing.T) {
	gated := map[string]string{v1alpha1.AnnotationGate: "web", v1alpha1.AnnotationGatedAt: "2026-03-01T12:00:00Z", "keep": "me"}
	for name, row := range map[string]struct {
		labels, annotations map[string]string
		decision            decide.Decision
		now                 map[string]string // the labels that the patch meets; nil: the same
		later               string            // the resourceVersion that it meets; empty: the same
		want                string            // labels and annotations after it, or the error
	}{
		"gate": {labels: map[string]string{"app": "x", v1alpha1.LabelTraffic: "yes"},
			decision: decide.Decision{Traffic: "no", Memory: decide.Memory{Gate: "web", GatedAt: noon, GatedUntil: noon}},
			want:     "map[app:x podgate.dev/traffic:no] map[podgate.dev/gate:web podgate.dev/gated-at:2026-03-01T12:00:00Z podgate.dev/gated-until:2026-03-01T12:00:00Z]"},
		"release takes our notes off and nothing else": {labels: map[string]string{v1alpha1.LabelTraffic: "no"}, annotations: gated,
			decision: decide.Decision{Traffic: "yes"}, want: "map[podgate.dev/traffic:yes] map[keep:me]"},
		"a note labels nobody": {labels: map[string]string{"app": "x"}, annotations: map[string]string{v1alpha1.AnnotationGate: "web"},
			decision: decide.Decision{Action: decide.Note}, want: "map[app:x] map[]"},
		"annotations that came meanwhile are not lost": {labels: map[string]string{v1alpha1.LabelTraffic: "yes"}, later: "8",
			decision: decide.Decision{Traffic: "no", Memory: decide.Memory{Gate: "web"}}, want: "testing value /metadata/resourceVersion failed"},
		"label a pod without any": {decision: decide.Decision{Traffic: "yes"}, want: "map[podgate.dev/traffic:yes] map[]"},
		"the label changed meanwhile": {labels: map[string]string{v1alpha1.LabelTraffic: "yes"}, now: map[string]string{v1alpha1.LabelTraffic: "no"},
			decision: decide.Decision{Traffic: "no"}, want: "testing value /metadata/labels/podgate.dev~1traffic failed"},
		"the label went meanwhile": {labels: map[string]string{v1alpha1.LabelTraffic: "yes"}, now: map[string]string{"app": "x"},
			decision: decide.Decision{Traffic: "no"}, want: "failed"},
	} {
		t.Run(name, func(t *testing.T) {
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: "u", ResourceVersion: "7", Labels: row.labels, Annotations: row.annotations}}
			row.decision.UID, row.decision.Before = "u", podOf(pod, v1alpha1.LabelTraffic)
			patch, err := json.Marshal(patchOf(pod, v1alpha1.LabelTraffic, row.decision))
			if err != nil {
				t.Fatal(err)
			}
			if row.now != nil {
				pod.Labels = row.now
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
		patch, _ := json.Marshal(patchOf(pod, v1alpha1.LabelTraffic, decide.Decision{UID: "u", Before: podOf(pod, v1alpha1.LabelTraffic), Traffic: "no"}))
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
	want := podOf(full, v1alpha1.LabelTraffic)
	got, err := StripPod(full.DeepCopy())
	if err != nil {
		t.Fatal(err)
	}
	stripped := got.(*corev1.Pod)
	if podOf(stripped, v1alpha1.LabelTraffic) != want || !inFleet(stripped) {
		t.Errorf("got %+v, want %+v", podOf(stripped, v1alpha1.LabelTraffic), want)
	}
	if len(stripped.Spec.Containers)+len(stripped.Status.ContainerStatuses) > 0 || len(stripped.ManagedFields) != 1 {
		t.Error("nothing was stripped")
	}
}
