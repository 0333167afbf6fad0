package convert

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// field says what is wrong with the value at some path of a resource. Kubervisor's
// CRDs had no schema, and its decoder passed over what it did not know: a limit
// whose name was misspelt was the default, and nobody was told.
type field func(path string, value any) []error

// generations are the schemas that Kubervisor had, by apiVersion and kind.
var generations = map[string]field{
	"kubervisor.k8s.io/v1alpha1 KubervisorService": resourceWith(fields{
		"breakers": list(object(breakerFields)), "defaultActivator": object(activatorFields), "service": text,
	}),
	// It had one breaker and one activator at first and several later, and for a
	// while a detector whose name began with a capital letter.
	"kubervisor.k8s.io/v1 KubervisorService": resourceWith(fields{
		"breaker": object(breakerFields.and("ContinuousValueDeviation", object(continuousFields))), "activator": object(activatorFields),
		"breakers": list(object(breakerFields)), "defaultActivator": object(activatorFields), "service": text,
	}),
	// It had retry and selector at first, activator and service later.
	"breaker.kubervisor.io/v1 BreakerConfig": resourceWith(fields{
		"breaker":   object(breakerFields.and("discreteValueOutOfList", object(discreteFields.and("PrometheusService", text)))),
		"activator": object(activatorFields), "retry": object(activatorFields.and("maxRetry", number)),
		"service": text, "selector": anything,
	}),
}

var breakerFields = fields{
	"name": text, "evaluationPeriod": number, "minPodsAvailableCount": count, "minPodsAvailableRatio": percent,
	"discreteValueOutOfList": object(discreteFields), "continuousValueDeviation": object(continuousFields), "customService": text,
	"activator": object(activatorFields),
}

var discreteFields = fields{
	"prometheusService": text, "promQL": text, "key": text, "podNamekey": text,
	"goodValues": list(text), "badValues": list(text), "tolerance": percent, "minActivity": count,
}

var continuousFields = fields{"prometheusService": text, "promQL": text, "podNamekey": text, "maxDeviationPercent": number}

var activatorFields = fields{"mode": mode, "period": number, "maxRetryCount": count, "maxPauseCount": count}

// fields are those that an object may have.
type fields map[string]field

// and is with one field more, or another one of that name.
func (f fields) and(name string, check field) fields {
	more := maps.Clone(f)
	more[name] = check
	return more
}

// instead is what may have been meant by a field that there is not.
func (f fields) instead(name string) string {
	names := slices.Sorted(maps.Keys(f))
	nearest := slices.MinFunc(names, func(a, b string) int { return distance(name, a) - distance(name, b) })
	if distance(name, nearest) <= 2 {
		return "did you mean " + nearest + "?"
	}
	return "there are " + strings.Join(names, ", ")
}

// distance is how many letters are to be put in, left out or changed to make one
// word the other (Levenshtein), capitals or not.
func distance(a, b string) int {
	a, b = strings.ToLower(a), strings.ToLower(b)
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

// resourceWith is a whole resource with such a spec.
func resourceWith(spec fields) field {
	return object(fields{"apiVersion": text, "kind": text, "metadata": metadata, "spec": object(spec), "status": anything})
}

func object(f fields) field {
	return func(path string, value any) (wrong []error) {
		members, ok := value.(map[string]any)
		if !ok {
			return must(path, value, "hold fields: "+strings.Join(slices.Sorted(maps.Keys(f)), ", "))
		}
		for _, name := range slices.Sorted(maps.Keys(members)) {
			at := strings.TrimPrefix(path+"."+name, ".")
			check, known := f[name]
			switch {
			case !known:
				wrong = append(wrong, fmt.Errorf("%s: no such field; %s", at, f.instead(name)))
			case members[name] != nil:
				wrong = append(wrong, check(at, members[name])...)
			}
		}
		return wrong
	}
}

func list(of field) field {
	return func(path string, value any) (wrong []error) {
		members, ok := value.([]any)
		if !ok {
			return must(path, value, "be a list")
		}
		for i, member := range members {
			wrong = append(wrong, of(fmt.Sprintf("%s[%d]", path, i), member)...)
		}
		return wrong
	}
}

// metadata is the API server's; two fields of it are read.
func metadata(path string, value any) []error {
	members, ok := value.(map[string]any)
	if !ok {
		return must(path, value, "hold name and namespace")
	}
	read := map[string]any{}
	for _, name := range []string{"name", "namespace"} {
		read[name] = members[name]
	}
	return object(fields{"name": text, "namespace": text})(path, read)
}

func anything(string, any) []error { return nil }

func text(path string, value any) []error {
	if _, ok := value.(string); !ok {
		return must(path, value, fmt.Sprintf("be a text: write it in quotes, such as %q", fmt.Sprint(value)))
	}
	return nil
}

// number is one above nothing.
func number(path string, value any) []error {
	if x, ok := value.(float64); !ok || x <= 0 {
		return must(path, value, "be a number above 0")
	}
	return nil
}

func count(path string, value any) []error {
	if x, ok := value.(float64); !ok || x < 0 || x != math.Trunc(x) || x > math.MaxInt32 {
		return must(path, value, "be a whole number, 0 or more")
	}
	return nil
}

func percent(path string, value any) []error {
	if x, ok := value.(float64); !ok || x < 0 || x != math.Trunc(x) || x > 100 {
		return must(path, value, "be a whole number of percent, from 0 to 100")
	}
	return nil
}

func mode(path string, value any) []error {
	if value != "" && value != periodic && value != retryAndKill && value != retryAndPause {
		return must(path, value, "be one of periodic, retryAndKill and retryAndPause")
	}
	return nil
}

func must(path string, value any, what string) []error {
	shown, err := json.Marshal(value)
	if err != nil {
		shown = fmt.Append(nil, value)
	}
	return []error{fmt.Errorf("%s: %s must %s", path, shown, what)}
}
