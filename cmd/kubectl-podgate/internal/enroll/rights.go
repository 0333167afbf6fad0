package enroll

import (
	"context"
	"fmt"
	"slices"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// escape writes a key as a token of a JSON pointer (RFC 6901).
func escape(key string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
}

// MissingRights are the rights that the steps need and the caller has not, in
// alphabetical order, so that nothing stops half-way.
func MissingRights(ctx context.Context, c client.Client, w *World, steps []Step) (out []string, err error) {
	need := map[string]schema.GroupVersionKind{}
	for _, s := range steps {
		switch s.Do {
		case LabelPods, UnlabelPods, AwaitLabels:
			need["pods"] = schema.GroupVersionKind{Version: "v1", Kind: "Pod"}
		case Select, Unselect:
			need["services"] = schema.GroupVersionKind{Version: "v1", Kind: "Service"}
		case Template, Untemplate:
			for _, load := range w.Workloads {
				need[load.String()] = load.GroupVersionKind()
			}
		}
	}
	for _, gvk := range need {
		mapping, err := c.RESTMapper().RESTMapping(gvk.GroupKind(), gvk.Version)
		if err != nil {
			return nil, err
		}
		review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
			ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: w.Service.Namespace, Verb: "patch",
				Group: mapping.Resource.Group, Resource: mapping.Resource.Resource}}}
		if err := c.Create(ctx, review); err != nil {
			return nil, err
		}
		if !review.Status.Allowed {
			out = append(out, fmt.Sprintf("patch %s", mapping.Resource.GroupResource()))
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}
