package enroll

import (
	"context"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta/testrestmapper"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

// TestMissingRights: they are told in the same order each time, each once.
func TestMissingRights(t *testing.T) {
	c := interceptor.NewClient(fake.NewClientBuilder().WithScheme(clientgoscheme.Scheme).WithRESTMapper(testrestmapper.TestOnlyStaticRESTMapper(clientgoscheme.Scheme)).Build(), interceptor.Funcs{
		Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error { return nil }, // nothing is allowed
	})
	w := &World{Service: &corev1.Service{}}
	for _, name := range []string{"web", "web-canary"} {
		load := &unstructured.Unstructured{}
		load.SetAPIVersion("apps/v1")
		load.SetKind("Deployment")
		load.SetName(name)
		w.Workloads = append(w.Workloads, Workload{Unstructured: load})
	}
	for range 20 {
		got, err := MissingRights(t.Context(), c, w, []Step{{Do: Select}, {Do: Template}, {Do: LabelPods}, {Do: AwaitLabels}})
		if want := []string{"patch deployments.apps", "patch pods", "patch services"}; err != nil || !slices.Equal(got, want) {
			t.Fatalf("%q, want %q (%v)", got, want, err)
		}
	}
}
