package enroll

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/podgate/podgate/api/v1alpha1"
)

// The end-to-end tests enrol on a real cluster. What is here is what does not
// happen there: endpoints that get lost, selectors that change meanwhile.

func scene(t *testing.T, onSelect func(client.Client)) (*Runner, client.Client, *[]string) {
	t.Helper()
	svc := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "s"}, Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "web"}}}
	slice := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-1", Labels: map[string]string{discoveryv1.LabelServiceName: "web"}}}
	objects := []client.Object{svc, slice}
	for i := range 3 {
		name := fmt.Sprintf("web-%d", i)
		objects = append(objects, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, Labels: map[string]string{"app": "web"}},
			Status: corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}}})
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{TargetRef: &corev1.ObjectReference{Name: name}})
	}
	c := interceptor.NewClient(fake.NewClientBuilder().WithScheme(clientgoscheme.Scheme).WithObjects(objects...).Build(), interceptor.Funcs{
		Patch: func(ctx context.Context, w client.WithWatch, obj client.Object, p client.Patch, opts ...client.PatchOption) error {
			err := w.Patch(ctx, obj, p, opts...)
			if s, ok := obj.(*corev1.Service); ok && err == nil && s.Spec.Selector[v1alpha1.LabelTraffic] != "" && onSelect != nil {
				onSelect(w)
			}
			return err
		}})
	w := &World{Key: v1alpha1.LabelTraffic, Service: &corev1.Service{}}
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(svc), w.Service); err != nil {
		t.Fatal(err)
	}
	var said []string
	return &Runner{Client: c, World: w, Timeout: time.Second, Watch: 100 * time.Millisecond,
		Say: func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }}, c, &said
}

var whole = []Step{{Do: LabelPods}, {Do: AwaitLabels}, {Do: Select}, {Do: Watch}}

func selector(t *testing.T, c client.Client) map[string]string {
	t.Helper()
	var svc corev1.Service
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: "shop", Name: "web"}, &svc); err != nil {
		t.Fatal(err)
	}
	return svc.Spec.Selector
}

func TestRunLabelsEveryPodBeforeItSelects(t *testing.T) {
	var lacking int
	r, c, said := scene(t, func(c client.Client) {
		var pods corev1.PodList
		if err := c.List(context.Background(), &pods); err != nil {
			panic(err)
		}
		for _, p := range pods.Items {
			if p.Labels[v1alpha1.LabelTraffic] != "yes" {
				lacking++
			}
		}
	})
	if err := r.Run(t.Context(), whole); err != nil {
		t.Fatal(err)
	}
	if selector(t, c)[v1alpha1.LabelTraffic] != "yes" || lacking > 0 {
		t.Errorf("selector %v; %d pods lacked the label then", selector(t, c), lacking)
	}
	if got := (*said)[len(*said)-1]; got != "every ready pod of Service web is among its endpoints" {
		t.Errorf("the last word is %q", got)
	}
}

func TestASelectorThatLosesAPodIsTakenBack(t *testing.T) {
	r, c, _ := scene(t, func(c client.Client) {
		var slice discoveryv1.EndpointSlice
		if err := c.Get(context.Background(), client.ObjectKey{Namespace: "shop", Name: "web-1"}, &slice); err != nil {
			panic(err)
		}
		slice.Endpoints = slice.Endpoints[1:]
		if err := c.Update(context.Background(), &slice); err != nil {
			panic(err)
		}
	})
	err := r.Run(t.Context(), whole)
	if err == nil || !strings.Contains(err.Error(), "pod web-0 is ready and lost its traffic") {
		t.Errorf("error %v", err)
	}
	if _, selects := selector(t, c)[v1alpha1.LabelTraffic]; selects {
		t.Error("the Service still selects on the label")
	}
}

func TestASelectorThatChangedMeanwhileIsLeftAlone(t *testing.T) {
	r, c, _ := scene(t, nil)
	svc := r.World.Service.DeepCopy()
	svc.Spec.Selector["tier"] = "front"
	if err := c.Update(t.Context(), svc); err != nil {
		t.Fatal(err)
	}
	if err := r.Run(t.Context(), []Step{{Do: Select}}); err == nil {
		t.Error("it was changed all the same")
	}
	if _, selects := selector(t, c)[v1alpha1.LabelTraffic]; selects {
		t.Error("the Service selects on the label")
	}
}

func TestADryRunWritesNothing(t *testing.T) {
	r, c, said := scene(t, nil)
	r.DryRun = true
	if err := r.Run(t.Context(), whole); err != nil {
		t.Fatal(err)
	}
	var pods corev1.PodList
	if err := c.List(t.Context(), &pods); err != nil {
		t.Fatal(err)
	}
	for _, p := range pods.Items {
		if _, ok := p.Labels[v1alpha1.LabelTraffic]; ok {
			t.Errorf("%s was labelled", p.Name)
		}
	}
	if _, selects := selector(t, c)[v1alpha1.LabelTraffic]; selects || len(*said) != 4 {
		t.Errorf("selector %v, and what was said: %q", selector(t, c), *said)
	}
}

func TestAPersonsNoIsNotOverwritten(t *testing.T) {
	r, c, _ := scene(t, nil)
	var pod corev1.Pod
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: "shop", Name: "web-1"}, &pod); err != nil {
		t.Fatal(err)
	}
	pod.Labels[v1alpha1.LabelTraffic] = "no"
	if err := c.Update(t.Context(), &pod); err != nil {
		t.Fatal(err)
	}
	if err := r.Run(t.Context(), whole); err != nil {
		t.Fatal(err)
	}
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(&pod), &pod); err != nil || pod.Labels[v1alpha1.LabelTraffic] != "no" {
		t.Errorf("%v %v", pod.Labels, err)
	}
}
