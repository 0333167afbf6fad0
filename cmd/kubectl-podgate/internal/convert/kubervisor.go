package convert

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

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
	} `json:"spec"`
	// Items are those of a list, as kubectl get prints it.
	Items []resource `json:"items"`
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

type activator struct {
	Mode          string  `json:"mode"`
	Period        float64 `json:"period"`
	MaxRetryCount *int    `json:"maxRetryCount"`
	MaxPauseCount *int    `json:"maxPauseCount"`
}

// read finds Kubervisor's resources in some YAML or JSON.
func read(text []byte) (out []resource, err error) {
	var kinds []string
	documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		var r resource
		if err == nil {
			err = yaml.Unmarshal(document, &r)
		}
		if err != nil {
			return nil, fmt.Errorf("it is not a Kubernetes object in YAML: %w", err)
		}
		for _, r := range append(r.Items, r) {
			switch group, _, _ := strings.Cut(r.APIVersion, "/"); {
			case r.Kind == "KubervisorService" && group == "kubervisor.k8s.io", r.Kind == "BreakerConfig" && group == "breaker.kubervisor.io":
				out = append(out, r)
			case r.Kind != "" && !strings.HasSuffix(r.Kind, "List"):
				kinds = append(kinds, strings.TrimSpace(r.APIVersion+" "+r.Kind))
			}
		}
	}
	switch {
	case len(out) > 0:
		return out, nil
	case len(kinds) > 0:
		return nil, fmt.Errorf("there is no KubervisorService (kubervisor.k8s.io) or BreakerConfig (breaker.kubervisor.io) in it, only: %s", strings.Join(kinds, ", "))
	}
	return nil, fmt.Errorf("there is nothing in it: it must hold a KubervisorService, as kubectl get kubervisorservice NAME -o yaml prints it")
}

// breakers are all of them, whatever the schema.
func (r *resource) breakers() []breaker {
	out := r.Spec.Breakers
	if r.Spec.Breaker != nil {
		out = append(out, *r.Spec.Breaker)
	}
	return out
}

// activator is the one that holds for the first breaker, and whether others have
// other ones.
func (r *resource) activator() (first activator, others bool) {
	found := false
	for _, b := range r.breakers() {
		a := b.Activator
		if a == nil {
			a = r.Spec.DefaultActivator
		}
		if a == nil {
			a = r.Spec.Activator
		}
		if a == nil {
			a = &activator{}
		}
		if !found {
			first, found = *a, true
		} else if a.Mode != first.Mode || a.Period != first.Period {
			others = true
		}
	}
	return first, others
}

// seconds is a duration of the resource; before stands for none.
func (r *resource) seconds(x float64, before time.Duration) time.Duration {
	switch {
	case x <= 0:
		return before
	case r.Kind == "BreakerConfig":
		return time.Duration(x)
	}
	return time.Duration(x * float64(time.Second))
}

// or is a number, or what stands for none.
func or[T any](x *T, before T) T {
	if x == nil {
		return before
	}
	return *x
}
