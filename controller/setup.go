package controller

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/podgate/podgate/api/v1alpha1"
)

// Options are what the operator decides about the controller.
type Options struct {
	// Source answers the gates' questions.
	Source Source
	// Concurrency is how many gates are looked after at once; at least 1.
	Concurrency int
	// Metrics is where the controller's metrics are registered.
	Metrics prometheus.Registerer
}

// SetupWithManager adds the reconciler of TrafficGates to a manager.
func SetupWithManager(mgr ctrl.Manager, o Options) error {
	m, err := newMetrics(o.Metrics)
	if err != nil {
		return fmt.Errorf("registering metrics: %w", err)
	}
	r := &Reconciler{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Source: o.Source,
		Events: mgr.GetEventRecorder("podgate"), Clock: clock.RealClock{}, metrics: m,
		wake: make(chan event.TypedGenericEvent[*v1alpha1.TrafficGate]), stopped: make(chan struct{}),
	}
	if err := mgr.GetFieldIndexer().IndexField(context.Background(), &corev1.Pod{}, notedIndex, indexNoted); err != nil {
		return fmt.Errorf("indexing pods: %w", err)
	}
	if err := mgr.Add(manager.RunnableFunc(r.untilStopped)); err != nil {
		return err
	}
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.TrafficGate{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(r.gatesOfPod), builder.WithPredicates(podChanged())).
		Watches(&corev1.Service{}, handler.EnqueueRequestsFromMapFunc(r.gatesOfNamespace)).
		Watches(&v1alpha1.TrafficGate{}, handler.EnqueueRequestsFromMapFunc(r.gatesOfNamespace), builder.WithPredicates(cameOrWent())).
		WatchesRawSource(source.Channel(r.wake, &handler.TypedEnqueueRequestForObject[*v1alpha1.TrafficGate]{})).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: max(o.Concurrency, 1),
			RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](50*time.Millisecond, 10*time.Second),
		}).
		Complete(r)
}

// untilStopped lets the goroutines that wait for Prometheus end with the
// manager.
func (r *Reconciler) untilStopped(ctx context.Context) error {
	<-ctx.Done()
	close(r.stopped)
	return nil
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
		readyBefore, _ := readiness(before)
		readyAfter, _ := readiness(after)
		return readyBefore != readyAfter || inFleet(before) != inFleet(after) ||
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
		bare := bareSelector(&svc, gate.Spec.TrafficLabel)
		if len(bare) > 0 && bare.AsSelector().Matches(labels.Set(pod.GetLabels())) {
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
