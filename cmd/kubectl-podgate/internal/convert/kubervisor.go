package convert

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// resource is a KubervisorService of kubervisor.k8s.io/v1alpha1, or of the schemas
// before it: kubervisor.k8s.io/v1 with one breaker and one activator, and the
// BreakerConfig of breaker.kubervisor.io/v1, whose durations are nanoseconds.
type resource struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	} `json:"metadata"`
	Spec struct {
		Service          string     `json:"service"`
		Breakers         []breaker  `json:"breakers"`
		DefaultActivator *activator `json:"defaultActivator"`
		Breaker          *breaker   `json:"breaker"`
		Activator        *activator `json:"activator"`
		Retry            *activator `json:"retry"`
		Selector         any        `json:"selector"`
	} `json:"spec"`
}

type breaker struct {
	Name                   string      `json:"name"`
	EvaluationPeriod       float64     `json:"evaluationPeriod"`
	MinPodsAvailableCount  *int        `json:"minPodsAvailableCount"`
	MinPodsAvailableRatio  *int        `json:"minPodsAvailableRatio"`
	DiscreteValueOutOfList *discrete   `json:"discreteValueOutOfList"`
	ContinuousDeviation    *continuous `json:"continuousValueDeviation"`
	CustomService          string      `json:"customService"`
	Activator              *activator  `json:"activator"`
	path                   string
}

type discrete struct {
	PrometheusService string   `json:"prometheusService"`
	PromQL            string   `json:"promQL"`
	Key               string   `json:"key"`
	PodNameKey        string   `json:"podNamekey"`
	GoodValues        []string `json:"goodValues"`
	BadValues         []string `json:"badValues"`
	Tolerance         *int     `json:"tolerance"`
	MinActivity       *int     `json:"minActivity"`
}

type continuous struct {
	PrometheusService   string   `json:"prometheusService"`
	PromQL              string   `json:"promQL"`
	PodNameKey          string   `json:"podNamekey"`
	MaxDeviationPercent *float64 `json:"maxDeviationPercent"`
}

// found is what there is at one place of a text: a resource, or what is wrong
// with it.
type found struct {
	// where it is; empty if it is all that there is.
	where string
	*resource
	wrong []error
}

// called is what an error calls it.
func (f *found) called() string {
	var parts []string
	if f.where != "" {
		parts = append(parts, f.where)
	}
	if f.resource != nil {
		name := cmp.Or(f.Metadata.Name, "without a name")
		if f.Metadata.Namespace != "" {
			name = f.Metadata.Namespace + "/" + name
		}
		parts = append(parts, strings.TrimSpace(f.Kind+" "+name))
	}
	return strings.Join(parts, ": ")
}

// read finds Kubervisor's resources in some YAML or JSON, and names the kinds of
// what is none.
func read(text []byte) (out []found, others []string) {
	documents := split(text)
	for i, document := range documents {
		where := ""
		if len(documents) > 1 {
			where = fmt.Sprintf("document %d", i+1)
		}
		obj, err := document()
		if err != nil {
			out = append(out, found{where: where, wrong: []error{fmt.Errorf("it is not a Kubernetes object in YAML: %w", err)}})
			continue
		}
		for _, p := range placed(where, obj) {
			if f, ok := recognised(p.where, p.obj); ok {
				out = append(out, f)
			} else {
				others = append(others, kindOf(p.obj))
			}
		}
	}
	return out, others
}

// split reads each document of some YAML or JSON.
func split(text []byte) (out []func() (map[string]any, error)) {
	documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return out
		}
		out = append(out, func() (obj map[string]any, _ error) {
			if err != nil {
				return nil, err
			}
			j, err := yaml.YAMLToJSONStrict(document)
			if err != nil {
				return nil, err
			}
			return obj, json.Unmarshal(j, &obj)
		})
	}
}

type place struct {
	where string
	obj   map[string]any
}

// placed are the objects of a list, as kubectl get prints it, or the object, if
// there is one.
func placed(where string, obj map[string]any) (out []place) {
	kind, _ := obj["kind"].(string)
	items, ok := obj["items"].([]any)
	if len(obj) == 0 {
		return nil
	}
	if !ok || !strings.HasSuffix(kind, "List") {
		return []place{{where, obj}}
	}
	for i, item := range items {
		member, _ := item.(map[string]any)
		if kind != "List" && member != nil && member["kind"] == nil {
			member = maps.Clone(member)
			member["kind"], member["apiVersion"] = strings.TrimSuffix(kind, "List"), obj["apiVersion"]
		}
		out = append(out, place{strings.TrimSpace(fmt.Sprintf("%s items[%d]", where, i)), member})
	}
	return out
}

func kindOf(obj map[string]any) string {
	version, _ := obj["apiVersion"].(string)
	kind, _ := obj["kind"].(string)
	return strings.TrimSpace(version + " " + kind)
}

// recognised is a resource of Kubervisor's, and whether it is one.
func recognised(where string, obj map[string]any) (f found, ok bool) {
	kind := kindOf(obj)
	group, _, _ := strings.Cut(kind, "/")
	check, known := generations[kind]
	if obj["apiVersion"] == nil || obj["kind"] == nil {
		return found{where: where, wrong: []error{fmt.Errorf("it has no apiVersion or no kind: it must be an object as kubectl get -o yaml prints it")}}, true
	}
	if !known && group != "kubervisor.k8s.io" && group != "breaker.kubervisor.io" {
		return found{}, false
	}
	f = found{where: where, resource: &resource{}}
	f.Kind, _ = obj["kind"].(string)
	if meta, ok := obj["metadata"].(map[string]any); ok {
		f.Metadata.Name, _ = meta["name"].(string)
		f.Metadata.Namespace, _ = meta["namespace"].(string)
	}
	if !known {
		f.wrong = []error{fmt.Errorf("apiVersion and kind: there is no %s; there are %s", kind, strings.Join(slices.Sorted(maps.Keys(generations)), ", "))}
		return f, true
	}
	if f.wrong = check("", obj); len(f.wrong) == 0 {
		f.wrong = f.decode(obj)
	}
	return f, true
}

// decode is of an object that was checked.
func (r *resource) decode(obj map[string]any) []error {
	j, err := json.Marshal(obj)
	if err == nil {
		err = json.Unmarshal(j, r)
	}
	if err != nil {
		return []error{fmt.Errorf("it cannot be read: %w", err)}
	}
	return nil
}

// breakers are all of them, whatever the schema.
func (r *resource) breakers() (out []breaker) {
	for i, b := range r.Spec.Breakers {
		b.path = fmt.Sprintf("spec.breakers[%d]", i)
		out = append(out, b)
	}
	if r.Spec.Breaker != nil {
		b := *r.Spec.Breaker
		b.path = "spec.breaker"
		out = append(out, b)
	}
	for i := range out {
		out[i].Name = cmp.Or(out[i].Name, fmt.Sprintf("breaker-%d", i+1))
	}
	return out
}

// or is a number, or what stands for none.
func or[T any](x *T, before T) T {
	if x == nil {
		return before
	}
	return *x
}
