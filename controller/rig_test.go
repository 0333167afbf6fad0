package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/source"
	"github.com/podgate/podgate/controller/telemetry"
)

// stub is a Prometheus that answers with a level for each pod, or with an error.
type stub struct {
	levels map[string]float64
	err    error
}

func (s *stub) History(context.Context, []source.Question, time.Time, time.Time, time.Duration) ([]source.Moment, error) {
	return nil, s.err
}
func (s *stub) Ask(_ context.Context, q []source.Question, _ time.Time) []source.Answer {
	out := make([]source.Answer, len(q))
	for i := range out {
		if out[i].Err = s.err; s.err != nil {
			continue
		}
		out[i].ByPod = map[string]source.Sample{}
		for p, v := range s.levels {
			out[i].ByPod[p] = source.Sample{Value: v}
		}
	}
	return out
}

type rig struct {
	t      *testing.T
	r      *Reconciler
	c      client.Client
	clock  *clocktesting.FakePassiveClock
	src    *stub
	status []v1alpha1.TrafficGateStatus
	// registry has the controller's metrics
	registry *prometheus.Registry
	// events are those that were told
	events chan string
	// hooks
	patch func(obj client.Object, data string) error
	evict func(pod string, e *policyv1.Eviction) error
}

func newRig(t *testing.T, n int, edit func(*v1alpha1.TrafficGate), pods func(i int, p *corev1.Pod)) *rig {
	g := &rig{t: t, clock: clocktesting.NewFakePassiveClock(noon), src: &stub{levels: map[string]float64{}}}
	scheme := runtime.NewScheme()
	_ = clientgoscheme.AddToScheme(scheme)
	_ = appsv1.AddToScheme(scheme)
	_ = v1alpha1.AddToScheme(scheme)
	gate := gateOf(v1alpha1.Signal{Name: "errors", Value: new("m"), Threshold: &v1alpha1.Threshold{Above: new(v1alpha1.Decimal("1"))}})
	gate.Namespace = "shop"
	gate.Generation = 1
	gate.Spec.ServiceRef.Name = "web"
	gate.Spec.PodLabel, gate.Spec.TrafficLabel = "pod", v1alpha1.LabelTraffic
	gate.Spec.Mode = v1alpha1.ModeEnforce
	gate.Finalizers = []string{v1alpha1.Finalizer}
	gate.Spec.Limits = v1alpha1.Limits{MaxGated: new(intstr.FromString("40%")), MinServing: 2, PerDomain: v1alpha1.DomainLimit{MaxGated: new(intstr.FromString("50%"))}}
	gate.Spec.Recovery = v1alpha1.Recovery{After: v1alpha1.DurationOf(time.Minute), MaxAfter: v1alpha1.DurationOf(30 * time.Minute), Retries: new(int32(3)), Then: v1alpha1.ThenHold}
	if edit != nil {
		edit(gate)
	}
	svc := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}, Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "web", v1alpha1.LabelTraffic: "yes"}}}
	objs := []client.Object{gate, svc}
	for i := range n {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprint("web-", i), UID: types.UID(fmt.Sprint("uid-", i)),
			Labels:          map[string]string{"app": "web", v1alpha1.LabelTraffic: "yes"},
			Annotations:     map[string]string{"x": "y"},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "rs", UID: "rs", Controller: new(true)}}},
			Status: corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(noon.Add(-time.Hour))}}}}
		if pods != nil {
			pods(i, p)
		}
		g.src.levels[p.Name] = 0
		objs = append(objs, p)
	}
	base := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objs...).WithStatusSubresource(gate).WithIndex(&corev1.Pod{}, notedIndex, indexNoted).Build()
	g.c = base
	wrapped := interceptor.NewClient(base, interceptor.Funcs{
		Patch: func(ctx context.Context, w client.WithWatch, obj client.Object, p client.Patch, opts ...client.PatchOption) error {
			data, _ := p.Data(obj)
			if g.patch != nil {
				if err := g.patch(obj, string(data)); err != nil {
					return err
				}
			}
			err := w.Patch(ctx, obj, p, opts...)
			if err != nil && strings.Contains(err.Error(), "testing value") { // as the API server says it
				return apierrors.NewInvalid(schema.GroupKind{Kind: "Pod"}, obj.GetName(), nil)
			}
			return err
		},
		SubResourcePatch: func(ctx context.Context, w client.Client, sub string, obj client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
			data, _ := p.Data(obj)
			if g.patch != nil {
				if err := g.patch(obj, string(data)); err != nil {
					return err
				}
			}
			return w.SubResource(sub).Patch(ctx, obj, p, opts...)
		},
		SubResourceApply: func(ctx context.Context, w client.Client, sub string, a runtime.ApplyConfiguration, opts ...client.SubResourceApplyOption) error {
			data, _ := json.Marshal(a)
			var sent v1alpha1.TrafficGate
			if err := json.Unmarshal(data, &sent); err != nil {
				return err
			}
			now := &v1alpha1.TrafficGate{}
			if err := base.Get(ctx, types.NamespacedName{Namespace: sent.Namespace, Name: sent.Name}, now); err != nil {
				return err
			}
			sent.Status.Gating = now.Status.Gating // another manager's field
			now.Status = sent.Status
			g.status = append(g.status, sent.Status)
			return base.Status().Update(ctx, now)
		},
		SubResourceCreate: func(ctx context.Context, w client.Client, sub string, obj, sr client.Object, opts ...client.SubResourceCreateOption) error {
			if g.evict != nil {
				return g.evict(obj.GetName(), sr.(*policyv1.Eviction))
			}
			return w.Delete(ctx, obj)
		},
	})
	g.registry = prometheus.NewPedanticRegistry()
	m, err := telemetry.New(g.registry)
	if err != nil {
		t.Fatal(err)
	}
	rec := events.NewFakeRecorder(10000)
	g.events = rec.Events
	g.r = &Reconciler{Client: wrapped, Live: base, Source: g.src, Events: rec, Clock: g.clock, metrics: m,
		wake: make(chan event.TypedGenericEvent[*v1alpha1.TrafficGate], 100), stopped: make(chan struct{})}
	return g
}

// reconcile runs one reconcile.
func (g *rig) reconcile() (ctrl.Result, error) {
	return g.r.Reconcile(context.Background(), ctrl.Request{NamespacedName: types.NamespacedName{Namespace: "shop", Name: "web"}})
}

// pass runs one reconcile, whenever the next may be due.
func (g *rig) pass() error {
	_, err := g.reconcile()
	return err
}

// gate is the gate as the API server has it.
func (g *rig) gate() *v1alpha1.TrafficGate {
	gate := &v1alpha1.TrafficGate{}
	if err := g.c.Get(context.Background(), types.NamespacedName{Namespace: "shop", Name: "web"}, gate); err != nil {
		g.t.Fatal(err)
	}
	return gate
}

// ready is the gate's Ready condition; nothing in it before the first report.
func (g *rig) ready() metav1.Condition {
	if c := meta.FindStatusCondition(g.gate().Status.Conditions, v1alpha1.ConditionReady); c != nil {
		return *c
	}
	return metav1.Condition{}
}

// look advances to the next tick, asks, waits for the answer, takes it.
func (g *rig) look() (ask, take error) {
	g.clock.SetTime(g.clock.Now().Add(15 * time.Second))
	ask = g.pass()
	select {
	case <-g.r.wake:
	case <-time.After(10 * time.Second):
		g.t.Log("nothing was asked")
	}
	return ask, g.pass()
}

// forbidGatings lets no pod be taken out from here on, and says why.
func (g *rig) forbidGatings(why string) {
	g.patch = func(obj client.Object, data string) error {
		if _, ok := obj.(*corev1.Pod); ok && strings.Contains(data, `"op":"add","path":"/metadata/labels/podgate.dev~1traffic","value":"no"`) {
			return apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, obj.GetName(), errors.New(why))
		}
		return nil
	}
}

// forbidGateWrites lets nobody write the gate from here on, as a policy may.
func (g *rig) forbidGateWrites() {
	g.patch = func(obj client.Object, data string) error {
		if _, ok := obj.(*v1alpha1.TrafficGate); ok {
			return apierrors.NewForbidden(schema.GroupResource{Resource: "trafficgates"}, "web", errors.New("policy: only GitOps writes TrafficGates"))
		}
		return nil
	}
}

// forbidWorkloads lets nobody read a workload while forbids is true.
func (g *rig) forbidWorkloads(forbids *bool, why string) {
	g.r.Live = interceptor.NewClient(g.c.(client.WithWatch), interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
			if _, ok := obj.(*unstructured.Unstructured); ok && *forbids {
				return apierrors.NewForbidden(schema.GroupResource{Group: "apps", Resource: "replicasets"}, key.Name, errors.New(why))
			}
			return c.Get(ctx, key, obj, opts...)
		},
	})
}

// cacheLists lets edit change what the controller's cache lists, from here on; the API
// server is as it was.
func (g *rig) cacheLists(edit func(client.ObjectList)) {
	g.r.Client = interceptor.NewClient(g.r.Client.(client.WithWatch), interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			err := c.List(ctx, list, opts...)
			edit(list)
			return err
		},
	})
}

func (g *rig) pod(name string) *corev1.Pod {
	p := &corev1.Pod{}
	if err := g.c.Get(context.Background(), types.NamespacedName{Namespace: "shop", Name: name}, p); err != nil {
		return nil
	}
	return p
}

func (g *rig) label(name, key, value string) {
	p := g.pod(name)
	p.Labels[key] = value
	if err := g.c.Update(context.Background(), p); err != nil {
		g.t.Fatal(err)
	}
}

func gatedPod(p *corev1.Pod, ago time.Duration, stay time.Duration, relapses int) {
	p.Labels[v1alpha1.LabelTraffic] = "no"
	p.Annotations[v1alpha1.AnnotationGate] = "web"
	p.Annotations[v1alpha1.AnnotationGatedAt] = noon.Add(-ago).Format(time.RFC3339)
	p.Annotations[v1alpha1.AnnotationGatedUntil] = noon.Add(stay - ago).Format(time.RFC3339)
	p.Annotations[v1alpha1.AnnotationRelapses] = fmt.Sprint(relapses)
}

// second returns another controller on the same API server.
func (g *rig) second() *rig {
	m, _ := telemetry.New(prometheus.NewRegistry())
	o := *g
	o.r = &Reconciler{Client: interceptor.NewClient(g.c.(client.WithWatch), interceptor.Funcs{
		Patch: func(ctx context.Context, w client.WithWatch, obj client.Object, p client.Patch, opts ...client.PatchOption) error {
			err := w.Patch(ctx, obj, p, opts...)
			if err != nil && strings.Contains(err.Error(), "testing value") {
				return apierrors.NewInvalid(schema.GroupKind{Kind: "Pod"}, obj.GetName(), nil)
			}
			return err
		},
		SubResourceApply: func(context.Context, client.Client, string, runtime.ApplyConfiguration, ...client.SubResourceApplyOption) error {
			return nil
		},
	}), Live: g.c, Source: g.src, Events: events.NewFakeRecorder(10000), Clock: g.clock, metrics: m,
		wake: make(chan event.TypedGenericEvent[*v1alpha1.TrafficGate], 100), stopped: make(chan struct{})}
	return &o
}

func (g *rig) out() (n int) {
	var list corev1.PodList
	_ = g.c.List(context.Background(), &list)
	for _, p := range list.Items {
		if p.Labels[v1alpha1.LabelTraffic] == "no" {
			n++
		}
	}
	return n
}
