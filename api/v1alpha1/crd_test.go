package v1alpha1_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	crdvalidation "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"

	podgate "github.com/podgate/podgate/api/v1alpha1"
)

// crd is the API server's own machinery for one custom resource, in process.
type crd struct {
	schema    *structural.Structural
	openapi   validation.SchemaValidator
	validator *cel.Validator
}

func loadCRD(t *testing.T) crd {
	t.Helper()
	text, err := os.ReadFile("../../config/crd/podgate.dev_trafficgates.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var v1 apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(text, &v1); err != nil {
		t.Fatal(err)
	}
	var internal apiextensions.CustomResourceDefinition
	apiextensionsv1.SetDefaults_CustomResourceDefinition(&v1)
	apiextensionsv1.SetDefaults_CustomResourceDefinitionSpec(&v1.Spec)
	if err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(&v1, &internal, nil); err != nil {
		t.Fatal(err)
	}
	// What the API server would say to the CRD itself.
	if errs := crdvalidation.ValidateCustomResourceDefinition(t.Context(), &internal); len(errs) > 0 {
		t.Fatal(errs)
	}
	var props apiextensions.JSONSchemaProps
	err = apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(
		v1.Spec.Versions[0].Schema.OpenAPIV3Schema, &props, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := structural.NewStructural(&props)
	if err != nil {
		t.Fatal(err)
	}
	openapi, _, err := validation.NewSchemaValidator(&props)
	if err != nil {
		t.Fatal(err)
	}
	return crd{s, openapi, cel.NewValidator(s, true, celconfig.PerCallLimit)}
}

func parse(t *testing.T, text string) map[string]any {
	t.Helper()
	j, err := yaml.YAMLToJSONStrict([]byte(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	var obj map[string]any
	if err := json.Unmarshal(j, &obj); err != nil {
		t.Fatal(err)
	}
	normalise(obj)
	return obj
}

// normalise turns whole JSON numbers into int64, as the API server's decoder does.
func normalise(m map[string]any) {
	for k, v := range m {
		switch x := v.(type) {
		case float64:
			if x == float64(int64(x)) {
				m[k] = int64(x)
			}
		case map[string]any:
			normalise(x)
		case []any:
			for _, e := range x {
				if c, ok := e.(map[string]any); ok {
					normalise(c)
				}
			}
		}
	}
}

// admit prunes, fills in defaults and validates, and returns what a user would
// be told; old is nil on creation.
func (c crd) admit(obj, old map[string]any) field.ErrorList {
	pruning.Prune(obj, c.schema, true)
	defaulting.Default(obj, c.schema)
	errs := validation.ValidateCustomResource(nil, obj, c.openapi)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, c.schema, obj)...)
	celErrs, _ := c.validator.Validate(context.Background(), nil, c.schema, obj, untyped(old), celconfig.RuntimeCELCostBudget)
	return append(errs, celErrs...)
}

// untyped keeps a nil map from becoming a non-nil interface.
func untyped(m map[string]any) any {
	if m == nil {
		return nil
	}
	return m
}

// gate is a valid gate with one part of its spec replaced.
func gate(replace, with string) string {
	const valid = `
apiVersion: podgate.dev/v1alpha1
kind: TrafficGate
metadata: {name: checkout, namespace: shop}
spec:
  serviceRef: {name: checkout}
  signals:
  - name: errors
    ratio: {bad: "x", total: "y"}
    outlier: {}
`
	if !strings.Contains(valid, replace) {
		panic("no such part: " + replace)
	}
	return strings.Replace(valid, replace, with, 1)
}

func TestDefaults(t *testing.T) {
	c := loadCRD(t)
	obj := parse(t, gate("outlier: {}", "outlier: {}\n  - {name: memory, value: z, deviation: {percent: \"30\"}}"))
	if errs := c.admit(obj, nil); len(errs) > 0 {
		t.Fatal(errs)
	}
	got, err := yaml.Marshal(obj["spec"])
	if err != nil {
		t.Fatal(err)
	}
	want := `falseAlarms:
  podDays: 30
interval: 15s
limits:
  maxGated: 20%
  minServing: 2
  perDomain:
    maxGated: 50%
    topologyKey: topology.kubernetes.io/zone
  warmUp: 2m
mode: DryRun
podLabel: pod
recovery:
  after: 1m
  maxAfter: 30m
  retries: 3
  then: Hold
serviceRef:
  name: checkout
signals:
- minSamples: "5"
  name: errors
  outlier:
    direction: High
  ratio:
    bad: x
    total: "y"
- deviation:
    from: Median
    percent: "30"
  minSamples: "5"
  name: memory
  value: z
trafficLabel: podgate.dev/traffic
window: 1m
`
	if string(got) != want {
		t.Errorf("defaults:\n%s\nwant:\n%s", got, want)
	}
}

// TestAccepted lists what must be let through.
func TestAccepted(t *testing.T) {
	c := loadCRD(t)
	spec := func(line string) string { return gate("spec:\n", "spec:\n  "+line+"\n") }
	for name, text := range map[string]string{
		"the smallest gate":            gate("outlier: {}", "outlier: {}"),
		"enforcing":                    spec("mode: Enforce"),
		"suspended":                    spec("mode: Suspended"),
		"the shortest interval":        spec("interval: 5s"),
		"the longest interval":         spec("interval: 1h"),
		"compound durations":           spec("interval: 1m30s"),
		"a number of pods":             spec("limits: {maxGated: 3}"),
		"nobody out":                   spec("limits: {maxGated: 0}"),
		"a percentage":                 spec("limits: {maxGated: 5%}"),
		"all, which the minority caps": spec("limits: {maxGated: 100%}"),
		"no warm-up":                   spec("limits: {warmUp: 0s}"),
		"Kubervisor's traffic label":   spec("trafficLabel: kubervisor/traffic"),
		"a key without a prefix":       spec("trafficLabel: traffic"),
		"recovery after one window":    spec("recovery: {after: 1m}"),
		"a threshold above":            gate("outlier: {}", `threshold: {above: "0.05", for: 1m}`),
		"a threshold below zero":       gate("ratio: {bad: \"x\", total: \"y\"}\n    outlier: {}", "value: z\n    threshold: {below: \"-3.5\"}"),
		"a deviation from the mean":    gate("outlier: {}", `deviation: {percent: "75", from: Mean}`),
		"an outlier on the low side":   gate("outlier: {}", `outlier: {direction: Low, minDifference: "0", minRatio: "1.01"}`),
		"a histogram":                  gate(`ratio: {bad: "x", total: "y"}`, "histogram: h"),
		"a robust rule":                gate("outlier: {}", `robust: {k: "5", minRatio: "1.75", for: 3m}`),
		"a wide budget":                spec("falseAlarms: {podDays: 3650}"),
		"strata":                       spec("stratumLabel: pod-template-hash"),
		"an external detector":         external("url: \"https://detector.shop.svc:8443/bad?service=$service\", timeout: 500ms, for: 1m, caBundle: aGVsbG8="),
		"a detector by address":        external("url: \"http://10.0.0.1\""),
		"a value":                      gate(`ratio: {bad: "x", total: "y"}`, "value: z"),
	} {
		t.Run(name, func(t *testing.T) {
			if errs := c.admit(parse(t, text), nil); len(errs) > 0 {
				t.Error(errs)
			}
		})
	}
}

// external is a gate whose only signal is an external detector with some fields.
func external(fields string) string {
	return gate("ratio: {bad: \"x\", total: \"y\"}\n    outlier: {}", "external: {"+fields+"}")
}

// TestRefused lists what must be refused, with the message that a user reads.
func TestRefused(t *testing.T) {
	c := loadCRD(t)
	spec := func(line string) string { return gate("spec:\n", "spec:\n  "+line+"\n") }
	for name, row := range map[string]struct{ text, want string }{
		"no service":                  {gate("  serviceRef: {name: checkout}\n", ""), `spec.serviceRef: Required value`},
		"an empty service":            {gate("{name: checkout}\n  sig", "{name: \"\"}\n  sig"), `spec.serviceRef.name: Invalid value: "": must be the name of a Service: lower-case letters, digits and dashes`},
		"no signals":                  {gate("signals:\n  - name: errors\n    ratio: {bad: \"x\", total: \"y\"}\n    outlier: {}", "signals: []"), `spec.signals: Invalid value: 0: spec.signals in body should have at least 1 items`},
		"an unknown mode":             {spec("mode: Enforced"), `spec.mode: Unsupported value: "Enforced": supported values: "DryRun", "Enforce", "Suspended"`},
		"too short an interval":       {spec("interval: 1s"), `spec.interval: Invalid value: "1s": must be a duration from 5s to 1h, such as 30s or 1h30m`},
		"too long an interval":        {spec("interval: 2h"), `spec.interval: Invalid value: "2h": must be a duration from 5s to 1h, such as 30s or 1h30m`},
		"an interval without unit":    {spec(`interval: "15"`), `spec.interval: Invalid value: "15": must be a duration from 5s to 1h, such as 30s or 1h30m`},
		"a window without unit":       {spec(`window: "15"`), `spec.window: Invalid value: "15": must be a duration from 5s to 1h`},
		"a stay as a word":            {spec(`recovery: {after: soon}`), `spec.recovery.after: Invalid value: "soon": must be a duration`},
		"an interval as a number":     {spec("interval: 15"), `spec.interval: Invalid value: "integer": spec.interval in body must be of type string`},
		"a window of nothing":         {spec("window: 0s"), `spec.window: Invalid value: "0s": must be a duration from 5s to 1h, such as 30s or 1h30m`},
		"a pod label with a dash":     {spec("podLabel: pod-name"), `spec.podLabel in body should match`},
		"a traffic label with space":  {spec(`trafficLabel: "a b"`), `spec.trafficLabel in body should match`},
		"the override as traffic":     {spec("trafficLabel: podgate.dev/override"), `podgate.dev/override is the label for people's overrides: choose another key`},
		"a negative limit":            {spec("limits: {maxGated: -1}"), `must be a number of pods such as 2, or a percentage such as "20%"`},
		"a limit that is a word":      {spec("limits: {maxGated: most}"), `must be a number of pods such as 2, or a percentage such as "20%"`},
		"more than all":               {spec("limits: {maxGated: 120%}"), `must be a number of pods such as 2, or a percentage such as "20%"`},
		"nobody serving":              {spec("limits: {minServing: 0}"), `spec.limits.minServing in body should be greater than or equal to 1`},
		"a warm-up of days":           {spec("limits: {warmUp: 48h}"), `must be a duration from 0s to 24h, such as 30s or 1h30m`},
		"retries out of range":        {spec("recovery: {retries: 101}"), `spec.recovery.retries in body should be less than or equal to 100`},
		"an unknown then":             {spec("recovery: {then: Restart}"), `Unsupported value: "Restart": supported values: "Hold", "Evict", "Retry"`},
		"headroom without a query":    {spec("limits: {headroom: {max: \"0.8\"}}"), `spec.limits.headroom.query: Required value`},
		"headroom without a limit":    {spec("limits: {headroom: {query: x}}"), `spec.limits.headroom.max: Required value`},
		"headroom of nothing":         {spec("limits: {headroom: {query: x, max: \"0\"}}"), `must be a decimal number above 0, such as "0.8"`},
		"headroom as a percentage":    {spec("limits: {headroom: {query: x, max: 80%}}"), `must be a decimal number above 0, such as "0.8"`},
		"a domain's limit in words":   {spec("limits: {perDomain: {maxGated: half}}"), `must be a number of pods such as 2, or a percentage such as "50%"`},
		"a topology key with a space": {spec("limits: {perDomain: {topologyKey: \"a b\"}}"), `spec.limits.perDomain.topologyKey in body should match`},
		"maxAfter below after":        {spec("recovery: {after: 2m, maxAfter: 1m}"), `maxAfter must be at least after`},
		"after below window":          {spec("recovery: {after: 30s}"), `recovery.after must be at least window`},
		"after out of range":          {spec("recovery: {after: 25h, maxAfter: 26h}"), `must be a duration from 5s to 24h, such as 30s or 1h30m`},
		"maxAfter out of range":       {spec("recovery: {maxAfter: 169h}"), `must be a duration from 5s to 168h, such as 30s or 1h30m`},
		"two questions":               {gate(`outlier: {}`, "outlier: {}\n    value: z"), `a signal has exactly one of ratio (bad events out of all), histogram (bucket counts), value (one number a pod) and external (a detector over HTTP)`},
		"no question":                 {gate(`    ratio: {bad: "x", total: "y"}`+"\n", ""), `a signal has exactly one of ratio (bad events out of all), histogram (bucket counts), value (one number a pod) and external (a detector over HTTP)`},
		"half a ratio":                {gate(`, total: "y"`, ""), `spec.signals[0].ratio.total: Required value`},
		"an empty query":              {gate(`ratio: {bad: "x", total: "y"}`, `value: ""`), `spec.signals[0].value in body should be at least 1 chars long`},
		"no rule":                     {gate("    outlier: {}\n", ""), `a signal has exactly one of outlier (worse than its peers; recommended), robust (the same in standard deviations), threshold (a fixed limit) and deviation`},
		"two rules":                   {gate("outlier: {}", `outlier: {}`+"\n    "+`threshold: {above: "1"}`), `a signal has exactly one of outlier`},
		"a threshold of nothing":      {gate("outlier: {}", "threshold: {for: 1m}"), `a threshold has exactly one of above and below`},
		"a threshold both ways":       {gate("outlier: {}", `threshold: {above: "1", below: "0"}`), `a threshold has exactly one of above and below`},
		"a threshold as a float":      {gate("outlier: {}", "threshold: {above: 0.5}"), `spec.signals[0].threshold.above in body must be of type string`},
		"a threshold as a word":       {gate("outlier: {}", "threshold: {above: high}"), `spec.signals[0].threshold.above: Invalid value: "high": must be a decimal number in quotes, such as "0.05"`},
		"a threshold for years":       {gate("outlier: {}", `threshold: {above: "1", for: 9000h}`), `must be a duration from 0s to 24h, such as 30s or 1h30m`},
		"a deviation of nothing":      {gate("outlier: {}", `deviation: {percent: "0"}`), `must be greater than 0`},
		"a deviation from the mode":   {gate("outlier: {}", `deviation: {percent: "10", from: Mode}`), `supported values: "Median", "Mean"`},
		"a sideways outlier":          {gate("outlier: {}", "outlier: {direction: Sideways}"), `supported values: "High", "Low", "Both"`},
		"a ratio below one":           {gate("outlier: {}", `outlier: {minRatio: "1"}`), `must be greater than 1`},
		"a negative difference":       {gate("outlier: {}", `outlier: {minDifference: "-0.1"}`), `must not be negative`},
		"negative samples":            {gate("outlier: {}", `outlier: {}`+"\n    "+`minSamples: "-1"`), `must not be negative`},
		"a signal name with capitals": {gate("name: errors", "name: Errors"), `spec.signals[0].name: Invalid value: "Errors": must be lower-case letters, digits and dashes, such as slow-requests`},
		"two signals of one name":     {gate("outlier: {}", "outlier: {}\n  - {name: errors, value: z, outlier: {}}"), `spec.signals[1]: Duplicate value: {"name":"errors"}`},
		"an outlier for years":        {gate("outlier: {}", `robust: {for: 9000h}`), `must be a duration from 0s to 24h, such as 30s or 1h30m`},
		"a robust rule of nothing":    {gate("outlier: {}", `robust: {k: "0"}`), `must be greater than 0`},
		"no budget":                   {spec("falseAlarms: {podDays: 0}"), `spec.falseAlarms.podDays in body should be greater than or equal to 1`},
		"a histogram beyond a limit":  {gate(`ratio: {bad: "x", total: "y"}`+"\n    outlier: {}", "histogram: h\n    threshold: {above: \"1\"}"), `a histogram goes with outlier only`},
		"five percent as 5":           {gate("outlier: {}", `threshold: {above: "5"}`), `a threshold of a ratio is a share from "0" to "1": five percent is "0.05"`},
		"a share below nothing":       {gate("outlier: {}", `threshold: {below: "-3"}`), `a threshold of a ratio is a share`},
		"a difference of 500 %":       {gate("outlier: {}", `outlier: {minDifference: "5"}`), `minDifference of a ratio is a share below "1"`},
		"a key with two dots":         {spec("trafficLabel: a..b/traffic"), `spec.trafficLabel in body should match`},
		"a stratum with a space":      {spec(`stratumLabel: "a b"`), `spec.stratumLabel in body should match`},
		"a detector without address":  {external("timeout: 1s"), `spec.signals[0].external.url: Required value`},
		"a detector by name only":     {external("url: detector.shop.svc"), `must be an address such as https://detector.shop.svc:8443/bad-pods, without user and password`},
		"a detector in a file":        {external("url: file:///etc/passwd"), `must be an address such as https://detector.shop.svc:8443/bad-pods, without user and password`},
		"a detector with a password":  {external("url: https://me:secret@detector"), `must be an address such as https://detector.shop.svc:8443/bad-pods, without user and password`},
		"a detector that may hang":    {external("url: http://d, timeout: 1m"), `spec.signals[0].external.timeout: Invalid value: "1m": must be a duration from 100ms to 5s`},
		"a CA for plain HTTP":         {external("url: http://d, caBundle: aGVsbG8="), `caBundle needs a url that begins with https://`},
		"a CA that is not base64":     {external("url: https://d, caBundle: \"-----\""), `spec.signals[0].external.caBundle`},
		"a detector with a rule":      {external("url: http://d") + "    outlier: {}\n", `an external detector says itself which pods are bad: leave outlier, robust, threshold and deviation out`},
		"a detector and a query":      {external("url: http://d") + "    value: x\n", `a signal has exactly one of ratio`},
		"a deviation for years":       {gate("outlier: {}", `deviation: {percent: "1", for: 9000h}`), `must be a duration from 0s to 24h, such as 30s or 1h30m`},
	} {
		t.Run(name, func(t *testing.T) {
			errs := c.admit(parse(t, row.text), nil)
			if strings.Contains(fmt.Sprint(errs), "type conversion error") {
				t.Errorf("told in the words of a machine: %v", errs)
			}
			if len(errs) == 0 || !strings.Contains(errs.ToAggregate().Error(), row.want) {
				t.Errorf("told: %v\nwant: %s", errs, row.want)
			}
		})
	}
}

func TestImmutable(t *testing.T) {
	c := loadCRD(t)
	for name, row := range map[string]struct{ text, want string }{
		"the service":       {gate("{name: checkout}\n  sig", "{name: cart}\n  sig"), "serviceRef cannot be changed: delete this TrafficGate (its pods come back) and create another one"},
		"the traffic label": {gate("spec:\n", "spec:\n  trafficLabel: other/traffic\n"), "trafficLabel cannot be changed"},
	} {
		t.Run(name, func(t *testing.T) {
			old := parse(t, gate("spec:", "spec:"))
			if errs := c.admit(old, nil); len(errs) > 0 {
				t.Fatal(errs)
			}
			errs := c.admit(parse(t, row.text), old)
			if len(errs) == 0 || !strings.Contains(errs.ToAggregate().Error(), row.want) {
				t.Errorf("told: %v\nwant: %s", errs, row.want)
			}
		})
	}
}

// TestSamplesAreAccepted: what people copy from must be right, to the letter.
func TestSamplesAreAccepted(t *testing.T) {
	c := loadCRD(t)
	for _, name := range []string{"gate.yaml", "production.yaml", "external.yaml"} {
		text, err := os.ReadFile("../../config/samples/" + name)
		if err != nil {
			t.Fatal(err)
		}
		obj := parse(t, string(text))
		if errs := c.admit(obj, nil); len(errs) > 0 {
			t.Errorf("%s: %v", name, errs)
		}
		if unknown := pruning.PruneWithOptions(parse(t, string(text)), c.schema, true, structural.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}); len(unknown) > 0 {
			t.Errorf("%s has unknown fields: %v", name, unknown)
		}
	}
}

// TestGoZeroValuesTakeDefaults holds that a gate made in Go, with fields left
// out, is sent without them, so that the API server fills in its defaults.
func TestGoZeroValuesTakeDefaults(t *testing.T) {
	g := podgate.TrafficGate{Spec: podgate.TrafficGateSpec{ServiceRef: podgate.ServiceReference{Name: "a"}}}
	got, err := json.Marshal(g)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"spec":{"serviceRef":{"name":"a"},"signals":null}}`; string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
