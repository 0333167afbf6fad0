package controller

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
	"github.com/podgate/podgate/controller/fleet"
	"github.com/podgate/podgate/controller/telemetry"
)

// Options are what the operator decides about the controller.
type Options struct {
	// Source answers the gates' questions.
	Source Source
	// Concurrency is how many gates are looked after at once; at least 1.
	Concurrency int
	// Metrics is where the controller's metrics are registered.
	Metrics prometheus.Registerer
	// Tracer makes a trace of each look; none is made unless set.
	Tracer trace.Tracer
	// Clock tells the time; the machine's unless set.
	Clock clock.PassiveClock
	// Without leaves a rule out, to show that a test notices. Nobody should for any
	// other reason.
	Without decide.Rule
}

// New returns a reconciler that writes through c and reads from it what may be
// stale, such as a cache, and from live what may not. It tells of what it does by
// recorder. Start must run for as long as it is used.
func New(c client.Client, live client.Reader, recorder events.EventRecorder, o Options) (*Reconciler, error) {
	m, err := telemetry.New(o.Metrics)
	if err != nil {
		return nil, fmt.Errorf("registering metrics: %w", err)
	}
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	return &Reconciler{
		Client: c, Live: live, Source: o.Source, Events: recorder, Clock: o.Clock, Tracer: o.Tracer, Without: o.Without, metrics: m,
		wake: make(chan event.TypedGenericEvent[*v1alpha1.TrafficGate]), stopped: make(chan struct{}),
	}, nil
}

// SetupWithManager adds the reconciler of TrafficGates to a manager.
func SetupWithManager(mgr ctrl.Manager, o Options) error {
	r, err := New(mgr.GetClient(), mgr.GetAPIReader(), mgr.GetEventRecorder("podgate"), o)
	if err != nil {
		return err
	}
	r.nodes.cache = mgr.GetCache()
	if err := mgr.GetFieldIndexer().IndexField(context.Background(), &corev1.Pod{}, notedIndex, indexNoted); err != nil {
		return fmt.Errorf("indexing pods: %w", err)
	}
	if err := mgr.Add(r); err != nil {
		return err
	}
	watches := r.Watches()
	b := ctrl.NewControllerManagedBy(mgr).For(watches[0].Object, builder.WithPredicates(watches[0].Changes))
	for _, w := range watches[1:] {
		b = b.Watches(w.Object, handler.EnqueueRequestsFromMapFunc(w.Gates), builder.WithPredicates(w.Changes))
	}
	return b.
		WatchesRawSource(source.Channel(r.Answered(), &handler.TypedEnqueueRequestForObject[*v1alpha1.TrafficGate]{})).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: max(o.Concurrency, 1),
			RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](50*time.Millisecond, 10*time.Second),
		}).
		Complete(r)
}

// Start lets the goroutines that wait for Prometheus end with ctx. It implements
// manager.Runnable (sigs.k8s.io/controller-runtime/pkg/manager).
func (r *Reconciler) Start(ctx context.Context) error {
	r.metrics.Leading(true)
	<-ctx.Done()
	r.metrics.Leading(false)
	close(r.stopped)
	return nil
}

// Watch is a kind of object whose changes make gates due.
type Watch struct {
	Object client.Object
	// Gates finds the gates that an object matters to.
	Gates handler.MapFunc
	// Changes lets the events through that matter.
	Changes predicate.Predicate
}

// Watches are what makes a gate due besides the clock and Answered; the first is
// of the gate itself.
func (r *Reconciler) Watches() []Watch {
	return []Watch{
		{&v1alpha1.TrafficGate{}, itself, predicate.GenerationChangedPredicate{}},
		{&v1alpha1.TrafficGate{}, r.gatesOfNamespace, cameOrWent()},
		{&corev1.Pod{}, r.gatesOfPod, podChanged()},
		{&corev1.Service{}, r.gatesOfNamespace, predicate.Funcs{}},
	}
}

// Answered tells of each gate whose questions Prometheus has answered; the next
// pass takes the answer in.
func (r *Reconciler) Answered() <-chan event.TypedGenericEvent[*v1alpha1.TrafficGate] { return r.wake }

// itself is the request for a gate of its own.
func itself(_ context.Context, gate client.Object) []reconcile.Request {
	return []reconcile.Request{request(gate.GetNamespace(), gate.GetName())}
}

// podChanged lets changes through that matter to a decision: of labels, of our
// notes, of readiness, of the phase, and of deletion.
func podChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok1 := e.ObjectOld.(*corev1.Pod)
		after, ok2 := e.ObjectNew.(*corev1.Pod)
		if !ok1 || !ok2 {
			return true
		}
		readyBefore, _ := fleet.Readiness(before)
		readyAfter, _ := fleet.Readiness(after)
		return readyBefore != readyAfter || fleet.Member(before) != fleet.Member(after) ||
			!reflect.DeepEqual(before.Labels, after.Labels) || !reflect.DeepEqual(before.Annotations, after.Annotations)
	}}
}

// cameOrWent lets a gate wake the others of its namespace when it appears or
// goes: they may have refused because of it.
func cameOrWent() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		return e.ObjectOld.GetDeletionTimestamp().IsZero() != e.ObjectNew.GetDeletionTimestamp().IsZero()
	}}
}

// gatesOfPod finds the gates that a pod matters to: that of its notes, and those
// whose Service selects it.
func (r *Reconciler) gatesOfPod(ctx context.Context, pod client.Object) (out []reconcile.Request) {
	if name := pod.GetAnnotations()[v1alpha1.AnnotationGate]; name != "" {
		out = append(out, request(pod.GetNamespace(), name))
	}
	var gates v1alpha1.TrafficGateList
	if err := r.List(ctx, &gates, client.InNamespace(pod.GetNamespace())); err != nil {
		return out
	}
	for i := range gates.Items {
		gate := &gates.Items[i]
		var svc corev1.Service
		if err := r.Get(ctx, types.NamespacedName{Namespace: gate.Namespace, Name: gate.Spec.ServiceRef.Name}, &svc); err != nil {
			continue
		}
		bare := fleet.BareSelector(&svc, gate.Spec.TrafficLabel)
		if fleet.Selects(bare, pod.GetLabels()) {
			out = append(out, request(gate.Namespace, gate.Name))
		}
	}
	return out
}

// gatesOfNamespace finds all gates of an object's namespace.
func (r *Reconciler) gatesOfNamespace(ctx context.Context, obj client.Object) (out []reconcile.Request) {
	var gates v1alpha1.TrafficGateList
	if err := r.List(ctx, &gates, client.InNamespace(obj.GetNamespace())); err != nil {
		return nil
	}
	for i := range gates.Items {
		out = append(out, request(gates.Items[i].Namespace, gates.Items[i].Name))
	}
	return out
}

func request(namespace, name string) reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: name}}
}
