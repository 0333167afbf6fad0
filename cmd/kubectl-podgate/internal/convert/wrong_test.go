package convert_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/convert"
)

// service is a KubervisorService with such a spec.
func service(spec string) string {
	return "{apiVersion: kubervisor.k8s.io/v1alpha1, kind: KubervisorService, metadata: {name: checkout, namespace: shop}, spec: {service: checkout, " + spec + "}}"
}

// ofDiscrete is one with a breaker that counts values, with such fields more.
func ofDiscrete(more string) string {
	return service("breakers: [{name: codes, discreteValueOutOfList: {promQL: 'sum by (pod, code) (rate(x[1m]))', " + more + "}}]")
}

// TestWrongInput: what is wrong is told with its object, its field, its value and
// what to do, and no gate is made of it.
func TestWrongInput(t *testing.T) {
	const (
		whose    = "KubervisorService shop/checkout: "
		discrete = whose + "spec.breakers[0].discreteValueOutOfList"
		complete = "key: code, podNamekey: pod, badValues: ['500']"
	)
	for name, row := range map[string]struct{ text, want string }{
		"nothing":                 {"", "there is nothing in it: it must hold a KubervisorService, as kubectl get"},
		"no YAML":                 {"a: [", "it is not a Kubernetes object in YAML"},
		"a field twice":           {service("service: b"), `key "service" already set in map`},
		"something else":          {"apiVersion: v1\nkind: Service\n", "there is no KubervisorService (kubervisor.k8s.io) or BreakerConfig (breaker.kubervisor.io) in it, only: v1 Service"},
		"another's":               {"apiVersion: example.com/v1\nkind: KubervisorService\n", "only: example.com/v1 KubervisorService"},
		"another version":         {"{apiVersion: kubervisor.k8s.io/v2, kind: KubervisorService, metadata: {name: a}}", "KubervisorService a: apiVersion and kind: there is no kubervisor.k8s.io/v2 KubervisorService; there are breaker.kubervisor.io/v1 BreakerConfig, "},
		"no apiVersion":           {"kind: KubervisorService", "it has no apiVersion or no kind: it must be an object as kubectl get -o yaml prints it"},
		"a misspelt kind":         {"{apiVersion: kubervisor.k8s.io/v1alpha1, kind: KubervisorServce, metadata: {name: a}}", "there is no kubervisor.k8s.io/v1alpha1 KubervisorServce"},
		"a tolerance misspelt":    {ofDiscrete(complete + ", tolerence: 5"), discrete + ".tolerence: no such field; did you mean tolerance?"},
		"an activity misspelt":    {ofDiscrete(complete + ", minActivty: 100"), discrete + ".minActivty: no such field; did you mean minActivity?"},
		"another capital":         {ofDiscrete("key: code, podNameKey: pod, badValues: ['500']"), discrete + ".podNameKey: no such field; did you mean podNamekey?"},
		"a field of nothing":      {ofDiscrete(complete + ", percentage: 5"), discrete + ".percentage: no such field; there are badValues, goodValues, key, minActivity, podNamekey, "},
		"a field of another kind": {service("breakers: [{customService: a}], retry: {mode: periodic}"), whose + "spec.retry: no such field; there are breakers, defaultActivator, service"},
		"one breaker":             {service("breaker: {customService: a}"), whose + "spec.breaker: no such field; did you mean breakers?"},
		"a top field misspelt":    {strings.Replace(service(""), "spec:", "spce:", 1), whose + "spce: no such field; did you mean spec?"},
		"a mode misspelt":         {service("breakers: [{customService: a}], defaultActivator: {mode: retryAndKil}"), whose + `spec.defaultActivator.mode: "retryAndKil" must be one of periodic, retryAndKill and retryAndPause`},
		"a mode of old":           {service("breakers: [{customService: a, activator: {mode: disabled}}]"), whose + `spec.breakers[0].activator.mode: "disabled" must be one of periodic, retryAndKill and retryAndPause`},
		"a text for a number":     {ofDiscrete(complete + ", minActivity: '100'"), discrete + `.minActivity: "100" must be a whole number, 0 or more`},
		"a number for a text":     {ofDiscrete("key: code, podNamekey: pod, badValues: [500]"), discrete + `.badValues[0]: 500 must be a text: write it in quotes, such as "500"`},
		"a negative count":        {service("breakers: [{customService: a, minPodsAvailableCount: -1}]"), whose + "spec.breakers[0].minPodsAvailableCount: -1 must be a whole number, 0 or more"},
		"too many percent":        {ofDiscrete(complete + ", tolerance: 500"), discrete + ".tolerance: 500 must be a whole number of percent, from 0 to 100"},
		"a unit":                  {service("breakers: [{customService: a}], defaultActivator: {period: 10s}"), whose + `spec.defaultActivator.period: "10s" must be a number above 0`},
		"a list that is none":     {service("breakers: {customService: a}"), whose + `spec.breakers: {"customService":"a"} must be a list`},
		"an object that is none":  {service("breakers: [a]"), whose + `spec.breakers[0]: "a" must hold fields: activator, continuousValueDeviation, `},
		"no key":                  {ofDiscrete("podNamekey: pod, badValues: ['500']"), discrete + ".key: it is empty: write the label whose values goodValues or badValues list, such as code"},
		"an empty key":            {ofDiscrete("key: '', podNamekey: pod, badValues: ['500']"), discrete + ".key: it is empty"},
		"no podNamekey":           {ofDiscrete("key: code, badValues: ['500']"), discrete + ".podNamekey: it is empty: write the label of the query's answers that holds the pod's name, such as pod"},
		"no podNamekey either":    {service("breakers: [{continuousValueDeviation: {promQL: x}}]"), whose + "spec.breakers[0].continuousValueDeviation.podNamekey: it is empty"},
		"no query":                {service("breakers: [{continuousValueDeviation: {podNamekey: pod}}]"), whose + "spec.breakers[0].continuousValueDeviation.promQL: it is empty: write the query"},
		"no service":              {strings.Replace(service("breakers: [{customService: a}]"), "service: checkout, ", "", 1), whose + "spec.service: it is empty: write the name of the Service"},
		"no breaker":              {service(""), whose + "spec: it has no breaker: there is nothing to convert"},
		"no detector":             {service("breakers: [{name: b}]"), whose + "spec.breakers[0]: it has 0 detectors where it needs one of"},
		"two detectors":           {service("breakers: [{customService: a, continuousValueDeviation: {promQL: x}}]"), "spec.breakers[0]: it has 2 detectors"},
		"good and bad values":     {ofDiscrete("key: code, podNamekey: pod, goodValues: [a], badValues: [b]"), discrete + ": it has exactly one of goodValues and badValues: correct it"},
		"no PromQL":               {service("breakers: [{continuousValueDeviation: {promQL: 'sum(', podNamekey: pod}}]"), `.continuousValueDeviation.promQL: "sum(" cannot be parsed`},
		"a number for a query":    {service("breakers: [{continuousValueDeviation: {promQL: '1', podNamekey: pod}}]"), `.promQL: "1" answers with a scalar, where one value a pod is needed: correct the query`},
		"too many breakers":       {service("breakers: [" + strings.Repeat("{customService: a},", 9) + "]"), "the API server would refuse this TrafficGate"},
		"a selector": {"{apiVersion: breaker.kubervisor.io/v1, kind: BreakerConfig, metadata: {name: old}, spec: {selector: {app: a}, breaker: {customService: a}}}",
			"BreakerConfig old: spec.selector: a TrafficGate needs a Service, and a selector of pods is none: add spec.service, "},
		"retry and activator": {"{apiVersion: breaker.kubervisor.io/v1, kind: BreakerConfig, metadata: {name: old}, spec: {service: a, retry: {}, activator: {}, breaker: {customService: a}}}",
			"BreakerConfig old: spec.retry: there is spec.activator too: leave one of them"},
	} {
		out, wrong := convert.Text([]byte(row.text))
		if err := errors.Join(wrong...); err == nil || len(out) > 0 || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %s %v, want %s", name, out, err, row.want)
		}
	}
}

// TestAllThatIsWrong: each wrong field of a resource is told at once.
func TestAllThatIsWrong(t *testing.T) {
	_, wrong := convert.Text([]byte(ofDiscrete("kye: code, tolerence: 5") + "\n"))
	if len(wrong) != 2 {
		t.Errorf("%d errors: %v", len(wrong), wrong)
	}
}

// TestSomeOfSeveral: what can be converted is, and each of the others is told with
// its place.
func TestSomeOfSeveral(t *testing.T) {
	good, bad := service("breakers: [{customService: a}]"), service("")
	list := func(kind string, items ...string) string {
		return "{apiVersion: v1, kind: " + kind + ", items: [" + strings.Join(items, ", ") + "]}"
	}
	for name, row := range map[string]struct {
		text  string
		gates int
		wrong []string
	}{
		"documents":                      {good + "\n---\n" + bad + "\n---\na: [\n---\n" + good, 2, []string{"document 2: KubervisorService shop/checkout: spec: it has no breaker", "document 3: it is not a Kubernetes object"}},
		"a list":                         {list("List", bad, good), 1, []string{"items[0]: KubervisorService shop/checkout: spec: it has no breaker"}},
		"a list among documents":         {good + "\n---\n" + list("List", good, bad), 2, []string{"document 2 items[1]: KubervisorService shop/checkout: spec: "}},
		"something else beside it":       {good + "\n---\n{apiVersion: v1, kind: Service}", 1, nil},
		"a list of items without a kind": {`{apiVersion: kubervisor.k8s.io/v1alpha1, kind: KubervisorServiceList, items: [{spec: {service: a, breakers: [{customService: a}]}}]}`, 1, nil},
		"an item that is no object":      {list("List", "1", good), 1, []string{"items[0]: it has no apiVersion or no kind"}},
	} {
		out, wrong := convert.Text([]byte(row.text))
		if gates := strings.Count(string(out), "kind: TrafficGate\n"); gates != row.gates || len(wrong) != len(row.wrong) {
			t.Errorf("%s: %d gates and %v, want %d and %v", name, gates, wrong, row.gates, row.wrong)
			continue
		}
		for i, want := range row.wrong {
			if !strings.HasPrefix(wrong[i].Error(), want) {
				t.Errorf("%s: %v, want %s", name, wrong[i], want)
			}
		}
	}
}
