package agent

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// environment is a container's environment: what every container has, then
// envFrom, then env, in which later ones may use earlier ones as $(NAME).
func (a *Agent) environment(ctx context.Context, pod *core.Pod, container core.Container, ip string) (map[string]string, error) {
	variables := map[string]string{
		"PATH":                          "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME":                          "/tmp",
		"HOSTNAME":                      pod.Name,
		"KUBERNETES_SERVICE_HOST":       a.options.APIHost,
		"KUBERNETES_SERVICE_PORT":       a.options.APIPort,
		"KUBERNETES_SERVICE_PORT_HTTPS": a.options.APIPort,
	}
	refs := references{client: a.options.Client, namespace: pod.Namespace}
	for _, source := range container.EnvFrom {
		data, err := refs.all(ctx, source)
		if err != nil {
			return nil, err
		}
		for key, value := range data {
			variables[source.Prefix+key] = value
		}
	}
	for _, env := range container.Env {
		value, found, err := a.value(ctx, pod, env, ip, refs)
		if err != nil {
			return nil, fmt.Errorf("environment variable %s: %w", env.Name, err)
		}
		if found {
			variables[env.Name] = expand(value, variables)
		}
	}
	return variables, nil
}

func (a *Agent) value(ctx context.Context, pod *core.Pod, env core.EnvVar, ip string, refs references) (string, bool, error) {
	from := env.ValueFrom
	switch {
	case from == nil:
		return env.Value, true, nil
	case from.FieldRef != nil:
		value, err := field(pod, from.FieldRef.FieldPath, ip)
		return value, true, err
	case from.ConfigMapKeyRef != nil:
		ref := from.ConfigMapKeyRef
		return pick(ref.Key, optional(ref.Optional), func() (map[string]string, error) { return refs.configMap(ctx, ref.Name) })
	case from.SecretKeyRef != nil:
		ref := from.SecretKeyRef
		return pick(ref.Key, optional(ref.Optional), func() (map[string]string, error) { return refs.secret(ctx, ref.Name) })
	}
	return "", false, nil // resources mean nothing here
}

// field is the downward API: the value of one of the pod's fields.
func field(pod *core.Pod, path, ip string) (string, error) {
	switch path {
	case "metadata.name":
		return pod.Name, nil
	case "metadata.namespace":
		return pod.Namespace, nil
	case "metadata.uid":
		return string(pod.UID), nil
	case "status.podIP", "status.podIPs":
		return ip, nil
	case "status.hostIP":
		return pod.Status.HostIP, nil
	case "spec.nodeName":
		return pod.Spec.NodeName, nil
	case "spec.serviceAccountName":
		return pod.Spec.ServiceAccountName, nil
	}
	for prefix, values := range map[string]map[string]string{"metadata.labels": pod.Labels, "metadata.annotations": pod.Annotations} {
		if key, ok := strings.CutPrefix(path, prefix+"['"); ok {
			return values[strings.TrimSuffix(key, "']")], nil
		}
	}
	return "", fmt.Errorf("field %s is not supported by the test cluster's node agent", path)
}

// references reads what a pod refers to in its namespace.
type references struct {
	client    kubernetes.Interface
	namespace string
}

func (r references) configMap(ctx context.Context, name string) (map[string]string, error) {
	object, err := r.client.CoreV1().ConfigMaps(r.namespace).Get(ctx, name, meta.GetOptions{})
	if err != nil {
		return nil, err
	}
	return object.Data, nil
}

func (r references) secret(ctx context.Context, name string) (map[string]string, error) {
	object, err := r.client.CoreV1().Secrets(r.namespace).Get(ctx, name, meta.GetOptions{})
	if err != nil {
		return nil, err
	}
	data := map[string]string{}
	for key, value := range object.Data {
		data[key] = string(value)
	}
	return data, nil
}

// all is the content of an envFrom source.
func (r references) all(ctx context.Context, source core.EnvFromSource) (data map[string]string, err error) {
	var mayMiss bool
	switch {
	case source.ConfigMapRef != nil:
		mayMiss = optional(source.ConfigMapRef.Optional)
		data, err = r.configMap(ctx, source.ConfigMapRef.Name)
	case source.SecretRef != nil:
		mayMiss = optional(source.SecretRef.Optional)
		data, err = r.secret(ctx, source.SecretRef.Name)
	}
	if mayMiss && errors.IsNotFound(err) {
		return nil, nil
	}
	return data, err
}

// pick takes one key of what read returns.
func pick(key string, mayMiss bool, read func() (map[string]string, error)) (string, bool, error) {
	data, err := read()
	if err != nil && !(mayMiss && errors.IsNotFound(err)) {
		return "", false, err
	}
	value, found := data[key]
	if !found && !mayMiss {
		return "", false, fmt.Errorf("there is no key %q", key)
	}
	return value, found, nil
}

func optional(flag *bool) bool { return flag != nil && *flag }

// list is the environment as os/exec takes it, in a stable order.
func list(variables map[string]string) []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		all = append(all, name+"="+variables[name])
	}
	return all
}
