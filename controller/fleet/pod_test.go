package fleet

import (
	"testing"
	"time"

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
			if got := PodOf(p, v1alpha1.LabelTraffic).ByOther; got != row.want {
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
		"voided":    {Gate: "web", ReleasedAt: noon, Voided: "7"},
		"overruled": {Gate: "web", GatedAt: noon, Reason: "a person's override says no"},
	} {
		t.Run(name, func(t *testing.T) {
			notes := map[string]string{}
			for k, v := range AnnotationsOf(m, v1alpha1.LabelTraffic) {
				if v != "" {
					notes[k] = v
				}
			}
			if got := MemoryOf(notes); got != m {
				t.Errorf("got  %+v\nwant %+v", got, m)
			}
		})
	}
}

// TestOverridesAreReadAsTheyStand: a time that is none is kept, for people to be
// told.
func TestOverridesAreReadAsTheyStand(t *testing.T) {
	for text, want := range map[string]time.Time{
		"2026-03-01T12:00:00Z":      noon,
		"2026-03-01T13:00:00+01:00": noon,
		"tomorrow":                  {},
		"":                          {},
	} {
		p := PodOf(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{v1alpha1.LabelOverride: "no"},
			Annotations: map[string]string{v1alpha1.AnnotationOverrideUntil: text, v1alpha1.AnnotationOverrideReason: "disk"}}}, v1alpha1.LabelTraffic)
		if !p.OverrideUntil.Equal(want) || p.OverrideTime != text || p.Override != "no" || p.OverrideReason != "disk" {
			t.Errorf("%q: %+v", text, p)
		}
	}
}

// TestASpoiledNoteIsNoPrison: whatever became of a note, the pod is due.
func TestASpoiledNoteIsNoPrison(t *testing.T) {
	m := MemoryOf(map[string]string{v1alpha1.AnnotationGate: "web", v1alpha1.AnnotationGatedAt: "yesterday",
		v1alpha1.AnnotationGatedUntil: "tomorrow", v1alpha1.AnnotationRelapses: "-7"})
	if m.GatedAt.IsZero() || m.GatedUntil.After(noon) || m.Relapses != 0 {
		t.Errorf("%+v", m)
	}
	pod := decide.Pod{Name: "a", UID: "a", Ready: true, Labelled: true, Traffic: "no", Memory: m}
	plan := decide.Decide(decide.Input{Gate: "web", Now: noon, Pods: []decide.Pod{pod},
		Policy: decide.Policy{MaxGated: decide.Limit{Max: 1}, After: time.Minute, MaxAfter: time.Hour}})
	if len(plan.Decisions) != 1 || plan.Decisions[0].Action != decide.Release {
		t.Errorf("%+v", plan.Decisions)
	}
}
