package apiserver

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// own notes who wrote which label of an object last, and writes it into its
// managed fields, as a server does for updates and patches: whoever changes a
// field owns it, alone.
func (s *store) own(by string, before, after client.Object) {
	var had map[string]string
	if before != nil {
		had = before.GetLabels()
		if maps.Equal(had, after.GetLabels()) {
			after.SetManagedFields(before.GetManagedFields())
			return
		}
	}
	owners := maps.Clone(s.owners[after.GetUID()])
	if owners == nil {
		owners = map[string]string{}
	}
	for k, v := range after.GetLabels() {
		if old, ok := had[k]; !ok || old != v {
			owners[k] = by
		}
	}
	maps.DeleteFunc(owners, func(k, _ string) bool { _, ok := after.GetLabels()[k]; return !ok })
	s.owners[after.GetUID()] = owners
	after.SetManagedFields(managedFields(owners))
}

func managedFields(owners map[string]string) (out []metav1.ManagedFieldsEntry) {
	by := map[string][]string{}
	for _, label := range slices.Sorted(maps.Keys(owners)) {
		quoted, _ := json.Marshal("f:" + label)
		by[owners[label]] = append(by[owners[label]], string(quoted)+":{}")
	}
	for _, manager := range slices.Sorted(maps.Keys(by)) {
		raw := `{"f:metadata":{"f:labels":{` + strings.Join(by[manager], ",") + `}}}`
		out = append(out, metav1.ManagedFieldsEntry{Manager: manager, Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: "v1",
			FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(raw)})
	}
	return out
}
