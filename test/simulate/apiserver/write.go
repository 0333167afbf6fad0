package apiserver

import (
	"encoding/json"
	"fmt"
	"net/http"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/api/v1alpha1"
)

// Patch applies a JSON patch or a merge patch to the object that obj names, and
// fills the outcome into obj.
func (s *Server) Patch(by string, obj client.Object, patch client.Patch) error {
	return s.patch(by, obj, patch, false)
}

// PatchStatus is Patch for a TrafficGate's status.
func (s *Server) PatchStatus(by string, obj client.Object, patch client.Patch) error {
	return s.patch(by, obj, patch, true)
}

func (s *Server) patch(by string, obj client.Object, patch client.Patch, status bool) error {
	k, key := KindOf(obj), client.ObjectKeyFromObject(obj)
	before := s.Find(k, key)
	if before == nil {
		return apierrors.NewNotFound(k.resource(), key.Name)
	}
	data, err := patch.Data(obj)
	if err != nil {
		return err
	}
	text, err := json.Marshal(before)
	if err != nil {
		return err
	}
	switch patch.Type() {
	case types.JSONPatchType:
		text, err = applyJSONPatch(text, data)
	case types.MergePatchType:
		text, err = s.applyMergePatch(k, before, text, data)
	default:
		err = fmt.Errorf("the simulated API server knows no %s", patch.Type())
	}
	if err != nil {
		return err
	}
	after := newObject(k)
	if err := json.Unmarshal(text, after); err != nil {
		return err
	}
	if gate, ok := after.(*v1alpha1.TrafficGate); ok { // the status has an address of its own
		had := before.(*v1alpha1.TrafficGate)
		if status {
			after = had.DeepCopy()
			after.(*v1alpha1.TrafficGate).Status = gate.Status
		} else {
			gate.Status = had.Status
		}
	}
	after.SetManagedFields(before.GetManagedFields())
	s.replace(by, before, after)
	if now := s.Find(k, key); now != nil {
		copyInto(now, obj)
	}
	return nil
}

func newObject(k Kind) client.Object {
	if k == Pod {
		return &corev1.Pod{}
	}
	return &v1alpha1.TrafficGate{}
}

// applyJSONPatch answers as the API server does when a test fails or a path is
// missing.
func applyJSONPatch(text, patch []byte) ([]byte, error) {
	ops, err := jsonpatch.DecodePatch(patch)
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	out, err := ops.Apply(text)
	if err != nil {
		return nil, apierrors.NewGenericServerResponse(http.StatusUnprocessableEntity, "", Pod.resource(), "", err.Error(), 0, false)
	}
	return out, nil
}

// applyMergePatch holds a resource version in the patch against the object's.
func (s *Server) applyMergePatch(k Kind, before client.Object, text, patch []byte) ([]byte, error) {
	var lock struct {
		Metadata struct{ ResourceVersion string }
	}
	if err := json.Unmarshal(patch, &lock); err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	if v := lock.Metadata.ResourceVersion; v != "" && v != before.GetResourceVersion() {
		return nil, apierrors.NewConflict(k.resource(), before.GetName(), fmt.Errorf("the object has been modified"))
	}
	return jsonpatch.MergePatch(text, patch)
}

// ApplyStatus is a server-side apply of a TrafficGate's status: what is not in it
// goes, but for what was patched there before and has never been applied.
func (s *Server) ApplyStatus(by string, content map[string]any) error {
	var want v1alpha1.TrafficGate
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(content, &want); err != nil {
		return err
	}
	key := client.ObjectKeyFromObject(&want)
	found := s.Find(TrafficGate, key)
	if found == nil {
		return apierrors.NewNotFound(TrafficGate.resource(), key.Name)
	}
	before := found.(*v1alpha1.TrafficGate)
	if want.UID != "" && want.UID != before.UID {
		return apierrors.NewConflict(TrafficGate.resource(), key.Name, fmt.Errorf("precondition failed: UID in precondition: %s, UID in object meta: %s", want.UID, before.UID))
	}
	after := before.DeepCopy()
	after.Status = want.Status
	if after.Status.Gating == "" {
		after.Status.Gating = before.Status.Gating
	}
	s.replace(by, before, after)
	return nil
}

// Evict marks a pod for deletion, as the eviction API does where no
// PodDisruptionBudget forbids it.
func (s *Server) Evict(by string, pod client.Object, e *policyv1.Eviction) error {
	key := client.ObjectKeyFromObject(pod)
	found := s.Find(Pod, key)
	if found == nil {
		return apierrors.NewNotFound(Pod.resource(), key.Name)
	}
	if p := e.DeleteOptions.Preconditions; p != nil {
		if p.UID != nil && *p.UID != found.GetUID() {
			return apierrors.NewConflict(Pod.resource(), key.Name, fmt.Errorf("the UID in the precondition (%s) does not match the UID in record (%s)", *p.UID, found.GetUID()))
		}
		if p.ResourceVersion != nil && *p.ResourceVersion != found.GetResourceVersion() {
			return apierrors.NewConflict(Pod.resource(), key.Name, fmt.Errorf("the resource version in the precondition does not match"))
		}
	}
	return s.Delete(by, pod, true)
}

// BudgetSpent is how the eviction API refuses for a PodDisruptionBudget.
func BudgetSpent() error {
	err := apierrors.NewTooManyRequests("Cannot evict pod as it would violate the pod's disruption budget.", 0)
	err.ErrStatus.Details.Causes = append(err.ErrStatus.Details.Causes, metav1.StatusCause{Type: policyv1.DisruptionBudgetCause,
		Message: "The disruption budget needs more healthy pods"})
	return err
}
