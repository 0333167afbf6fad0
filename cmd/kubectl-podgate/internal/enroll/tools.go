package enroll

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Tool is something that manages an object and may put it back to what its own
// source says.
type Tool struct {
	Name string
	// Sign is how it is known.
	Sign string
}

// sign is how a tool marks what it manages: a label or annotation (any value, or
// the one given), or the name under which it writes.
type sign struct {
	tool                       string
	annotation, label, manager string
	value                      string
}

// signs of tools. The first of a tool that an object bears is the one told.
var signs = []sign{
	{tool: "Argo CD", annotation: "argocd.argoproj.io/tracking-id"},
	{tool: "Argo CD", label: "argocd.argoproj.io/instance"},
	{tool: "Argo CD", manager: "argocd-controller"},
	{tool: "Argo CD", manager: "argocd-application-controller"},
	{tool: "Flux", label: "kustomize.toolkit.fluxcd.io/name"},
	{tool: "Flux", label: "helm.toolkit.fluxcd.io/name"},
	{tool: "Flux", manager: "kustomize-controller"},
	{tool: "Flux", manager: "helm-controller"},
	{tool: "Helm", annotation: "meta.helm.sh/release-name"},
	{tool: "Helm", label: "app.kubernetes.io/managed-by", value: "Helm"},
	{tool: "Helm", manager: "helm"},
	{tool: "Config Sync", annotation: "configmanagement.gke.io/managed", value: "enabled"},
	{tool: "Fleet", annotation: "objectset.rio.cattle.io/id"},
	{tool: "kapp", label: "kapp.k14s.io/app"},
	{tool: "Terraform", manager: "Terraform"},
	{tool: "Pulumi", manager: "pulumi-kubernetes"},
}

// Tools are those that manage an object, as its labels, annotations and
// managedFields tell, and what it belongs to.
func Tools(obj metav1.Object) (out []Tool) {
	for _, s := range signs {
		told := slices.ContainsFunc(out, func(t Tool) bool { return t.Name == s.tool })
		if how := s.on(obj); how != "" && !told {
			out = append(out, Tool{s.tool, how})
		}
	}
	if owner := metav1.GetControllerOf(obj); owner != nil {
		out = append(out, Tool{owner.Kind + " " + owner.Name, "it owns it"})
	}
	return out
}

// on says how an object bears the sign; empty if it does not.
func (s sign) on(obj metav1.Object) string {
	for _, here := range []struct {
		kind, key string
		have      map[string]string
	}{{"annotation", s.annotation, obj.GetAnnotations()}, {"label", s.label, obj.GetLabels()}} {
		if v, ok := here.have[here.key]; ok && here.key != "" && (s.value == "" || s.value == v) {
			return fmt.Sprintf("%s %s=%s", here.kind, here.key, v)
		}
	}
	if s.manager == "" {
		return ""
	}
	for _, f := range obj.GetManagedFields() {
		if strings.EqualFold(f.Manager, s.manager) && f.Subresource == "" {
			return "field manager " + f.Manager
		}
	}
	return ""
}
