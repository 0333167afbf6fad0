package gatefile

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/podgate/podgate/api/v1alpha1"
)

// Stdin is the name that stands for the standard input.
const Stdin = "-"

// Read reads the one TrafficGate of a file, or of stdin if the name is "-". Other
// objects in the file are passed over. A gate without a namespace is given the
// one that is passed.
func Read(name string, stdin io.Reader, namespace string) (*v1alpha1.TrafficGate, error) {
	text, err := Text(name, stdin)
	if err != nil {
		return nil, err
	}
	gate, err := Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if gate.Namespace == "" {
		gate.Namespace = namespace
	}
	return gate, nil
}

// Text is what is in a file, or on stdin if its name is "-".
func Text(name string, stdin io.Reader) ([]byte, error) {
	if name == Stdin {
		return io.ReadAll(stdin)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		var path *os.PathError
		if errors.As(err, &path) {
			err = path.Err
		}
		return nil, fmt.Errorf("%s cannot be read: %w: name a file that is there and that you may read, or - for the standard input", name, err)
	}
	return text, nil
}

// Parse reads the one TrafficGate of some YAML or JSON.
func Parse(text []byte) (*v1alpha1.TrafficGate, error) {
	objects, err := split(text)
	if err != nil {
		return nil, err
	}
	var gates []map[string]any
	var kinds []string
	for _, obj := range objects {
		kind, _ := obj["kind"].(string)
		version, _ := obj["apiVersion"].(string)
		if kind == "TrafficGate" && version == v1alpha1.GroupVersion.String() {
			gates = append(gates, obj)
		}
		kinds = append(kinds, strings.TrimSpace(version+" "+kind))
	}
	switch {
	case len(gates) == 0 && len(kinds) == 0:
		return nil, fmt.Errorf("there is nothing in it: it must hold a TrafficGate (apiVersion: %s)", v1alpha1.GroupVersion)
	case len(gates) == 0:
		return nil, fmt.Errorf("there is no TrafficGate (apiVersion: %s) in it, only: %s", v1alpha1.GroupVersion, strings.Join(kinds, ", "))
	case len(gates) > 1:
		return nil, fmt.Errorf("there are %d TrafficGates in it: leave one", len(gates))
	}
	return admit(gates[0])
}

// split reads each document of some YAML or JSON.
func split(text []byte) (out []map[string]any, err error) {
	documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("it is not YAML: %w", err)
		}
		obj, err := object(document)
		if err != nil {
			return nil, fmt.Errorf("it is not a Kubernetes object in YAML: %w", err)
		}
		if len(obj) > 0 {
			out = append(out, obj)
		}
	}
}

// object reads one document; whole numbers become int64, as the API server's
// decoder has them.
func object(document []byte) (map[string]any, error) {
	j, err := yaml.YAMLToJSONStrict(document)
	if err != nil {
		return nil, err
	}
	var obj map[string]any
	return obj, utiljson.Unmarshal(j, &obj)
}

func admit(obj map[string]any) (*v1alpha1.TrafficGate, error) {
	s, err := theSchema()
	if err != nil {
		return nil, fmt.Errorf("the CRD in this program cannot be used: %w", err)
	}
	delete(obj, "status")
	if refused := append(misnamed(obj), s.admit(obj)...); len(refused) > 0 {
		return nil, fmt.Errorf("the API server would refuse this TrafficGate: correct it:\n  %s", strings.Join(refused, "\n  "))
	}
	gate := &v1alpha1.TrafficGate{}
	return gate, runtime.DefaultUnstructuredConverter.FromUnstructured(obj, gate)
}

// misnamed says what is wrong with an object's name: the schema does not know of it.
func misnamed(obj map[string]any) (refused []string) {
	name, _, err := unstructured.NestedString(obj, "metadata", "name")
	switch {
	case err != nil:
		return []string{"metadata.name: it must be text, such as checkout"}
	case name == "":
		return []string{"metadata.name: there is none: give the gate a name, such as that of its Service"}
	}
	for _, what := range validation.NameIsDNSSubdomain(name, false) {
		refused = append(refused, fmt.Sprintf("metadata.name: Invalid value: %q: %s", name, what))
	}
	return refused
}

// Format renders a gate's spec as YAML with every default, as it is decided by.
func Format(gate *v1alpha1.TrafficGate) (string, error) {
	j, err := json.Marshal(map[string]any{
		"apiVersion": v1alpha1.GroupVersion.String(), "kind": "TrafficGate",
		"metadata": map[string]string{"name": gate.Name, "namespace": gate.Namespace},
		"spec":     gate.Spec,
	})
	if err != nil {
		return "", err
	}
	text, err := yaml.JSONToYAML(j)
	return string(text), err
}
