package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
)

// errChanged: the pod is not what the decision saw any more.
var errChanged = errors.New("the pod has changed since the decision")

// act carries decisions out in their order, and returns those that it did,
// together with those that write nothing. It goes on after a failure: bringing
// one pod back must not hang on another; but it does not gate any more.
func (r *Reconciler) act(ctx context.Context, trafficLabel string, w *world, decisions []decide.Decision) ([]decide.Decision, error) {
	var done []decide.Decision
	var failures []error
	for _, d := range decisions {
		if !d.Writes() {
			done = append(done, d)
			continue
		}
		if d.Action == decide.Gate && len(failures) > 0 {
			continue
		}
		key := trafficLabel
		if d.Reason == decide.ReasonLeftFleet {
			key = trafficLabelOf(w.objects[d.UID])
		}
		err := r.write(ctx, w.objects[d.UID], key, d)
		r.metrics.observeWrite(err)
		switch {
		case apierrors.IsNotFound(err): // the pod is gone: nothing is left to do
		case err != nil:
			failures = append(failures, fmt.Errorf("%s pod %s: %w", strings.ToLower(string(d.Action)), d.Pod, err))
		default:
			done = append(done, d)
		}
	}
	return done, errors.Join(failures...)
}

// write changes one pod's traffic label and our notes on it in one patch, on
// condition that it is the same pod, with the label as the decision saw it.
func (r *Reconciler) write(ctx context.Context, pod *corev1.Pod, trafficLabel string, d decide.Decision) error {
	patch, err := json.Marshal(patchOf(pod, trafficLabel, d))
	if err != nil {
		return err
	}
	target := &corev1.Pod{}
	target.Namespace, target.Name = pod.Namespace, pod.Name
	err = r.Patch(ctx, target, client.RawPatch(types.JSONPatchType, patch), client.FieldOwner(v1alpha1.FieldManager))
	if apierrors.IsInvalid(err) {
		return fmt.Errorf("%w (%s)", errChanged, err.Error())
	}
	return err
}

// operation is one step of a JSON patch (RFC 6902).
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

func patchOf(pod *corev1.Pod, trafficLabel string, d decide.Decision) []operation {
	label := "/metadata/labels/" + escape(trafficLabel)
	ops := []operation{{"test", "/metadata/uid", d.UID}}
	if d.Before.Labelled {
		ops = append(ops, operation{"test", label, d.Before.Traffic})
		if len(pod.Annotations) == 0 { // the map is made below, and must not replace one
			ops = append(ops, operation{"test", "/metadata/resourceVersion", pod.ResourceVersion})
		}
	} else { // there is no testing for a label that isn't there
		ops = append(ops, operation{"test", "/metadata/resourceVersion", pod.ResourceVersion})
	}
	if relabels := d.Action != decide.Note && (d.Traffic != d.Before.Traffic || !d.Before.Labelled); relabels {
		if len(pod.Labels) == 0 {
			ops = append(ops, operation{"add", "/metadata/labels", map[string]string{}})
		}
		ops = append(ops, operation{"add", label, d.Traffic})
	}
	return append(ops, annotationOps(pod.Annotations, annotationsOf(d.Memory, trafficLabel))...)
}

func annotationOps(have, want map[string]string) (ops []operation) {
	for _, key := range slices.Sorted(maps.Keys(want)) {
		path := "/metadata/annotations/" + escape(key)
		_, present := have[key]
		switch {
		case want[key] == "" && present:
			ops = append(ops, operation{"remove", path, nil})
		case want[key] != "" && have[key] != want[key]:
			ops = append(ops, operation{"add", path, want[key]})
		}
	}
	if len(have) == 0 && len(ops) > 0 {
		ops = append([]operation{{"add", "/metadata/annotations", map[string]string{}}}, ops...)
	}
	return ops
}

// escape writes a key as a token of a JSON pointer (RFC 6901).
func escape(key string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
}

// releaseOrphans brings back pods whose gate is gone: it was deleted without
// its finalizer, or while no controller ran. The API server is asked, because
// the cache may not have heard of a new gate yet.
func (r *Reconciler) releaseOrphans(ctx context.Context, key types.NamespacedName) error {
	gone := &v1alpha1.TrafficGate{}
	if err := r.Live.Get(ctx, key, gone); !apierrors.IsNotFound(err) {
		return err
	}
	gone.Namespace, gone.Name = key.Namespace, key.Name
	w := &world{objects: map[string]*corev1.Pod{}}
	if err := r.loadStrays(ctx, r.cached(), gone, w); err != nil {
		return err
	}
	done, err := r.act(ctx, "", w, decide.Decide(decide.Input{Gate: key.Name, Strays: w.strays}).Decisions)
	r.announce(gone, w, done)
	return err
}
