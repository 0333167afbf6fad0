package convert

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/gatefile"
)

// Kubervisor's defaults.
const (
	defaultPeriod    = 5 * time.Second  // of evaluation
	defaultStay      = 10 * time.Second // of an activator
	defaultRetries   = 3
	defaultPauses    = 1
	defaultTolerance = 50
	defaultActivity  = 2
	defaultDeviation = 75
)

// leastInterval is the least that a gate may have.
const leastInterval = 5 * time.Second

// Text turns each of Kubervisor's resources in some YAML or JSON into a TrafficGate.
// The API server would take what it returns. What cannot be converted is left out,
// and wrong says what it is, where it is and why.
func Text(text []byte) (gates []byte, wrong []error) {
	resources, others := read(text)
	var all [][]byte
	for _, f := range resources {
		gate, errs := f.gate()
		if len(errs) == 0 {
			all = append(all, gate)
		}
		for _, err := range errs {
			if called := f.called(); called != "" {
				err = fmt.Errorf("%s: %w", called, err)
			}
			wrong = append(wrong, err)
		}
	}
	switch {
	case len(resources) > 0:
	case len(others) > 0:
		wrong = append(wrong, fmt.Errorf("there is no KubervisorService (kubervisor.k8s.io) or BreakerConfig (breaker.kubervisor.io) in it, only: %s", strings.Join(others, ", ")))
	default:
		wrong = append(wrong, fmt.Errorf("there is nothing in it: it must hold a KubervisorService, as kubectl get kubervisorservice NAME -o yaml prints it"))
	}
	return bytes.Join(all, []byte("---\n")), wrong
}

// gate is that of what was found, if nothing is wrong with it.
func (f *found) gate() (gate []byte, wrong []error) {
	if len(f.wrong) > 0 {
		return nil, f.wrong
	}
	if gate, wrong = gateOf(f.resource); len(wrong) > 0 {
		return nil, wrong
	}
	if _, err := gatefile.Parse(gate); err != nil {
		return nil, []error{err}
	}
	return gate, nil
}

// whole says what a resource lacks as a whole.
func (r *resource) whole() []error {
	selector, _ := r.Spec.Selector.(map[string]any)
	switch {
	case r.Spec.Service == "" && len(selector) > 0:
		return []error{fmt.Errorf("spec.selector: a TrafficGate needs a Service, and a selector of pods is none: add spec.service, the name of a Service that selects these pods, and convert again")}
	case r.Spec.Service == "":
		return []error{fmt.Errorf("spec.service: it is empty: write the name of the Service")}
	case r.Spec.Breaker != nil && len(r.Spec.Breakers) > 0:
		return []error{fmt.Errorf("spec.breaker: there is spec.breakers too: leave one of them")}
	case r.Spec.Activator != nil && r.Spec.Retry != nil:
		return []error{fmt.Errorf("spec.retry: there is spec.activator too: leave one of them")}
	case r.Spec.Activator != nil && r.Spec.DefaultActivator != nil:
		return []error{fmt.Errorf("spec.activator: there is spec.defaultActivator too: leave one of them")}
	case len(r.breakers()) == 0:
		return []error{fmt.Errorf("spec: it has no breaker: there is nothing to convert")}
	}
	return nil
}

// gateOf is the gate of one resource.
func gateOf(r *resource) (gate []byte, wrong []error) {
	if wrong := r.whole(); len(wrong) > 0 {
		return nil, wrong
	}
	breakers := r.breakers()
	c := &conversion{resource: r, podLabel: cmp.Or(labelOf(breakers[0]), "pod")}
	signals := &document{}
	for _, b := range breakers {
		wrong = append(wrong, c.signal(signals, b)...)
	}
	if len(wrong) > 0 {
		return nil, wrong
	}
	c.head()
	c.times(breakers)
	d := &c.document
	d.line(1, "podLabel: %s", plain(c.podLabel))
	d.comment(1, "Where the Service selects on kubervisor/traffic already: delete the %s first, set pods that say pause or no to yes, and then write trafficLabel: kubervisor/traffic, or enrol the Service anew.", r.Kind)
	d.line(1, "signals:")
	d.WriteString(signals.String())
	c.limits(breakers)
	c.recovery(breakers)
	return []byte(d.String()), nil
}

// head writes what a gate begins with.
func (c *conversion) head() {
	r := c.resource
	d := &c.document
	d.comment(0, "Converted from %s %s %s. It is a dry run: see what it would do with kubectl podgate backtest and status, enrol the Service with kubectl podgate enroll %s, then set mode: Enforce.",
		r.APIVersion, r.Kind, r.Metadata.Name, r.Spec.Service)
	d.line(0, "apiVersion: podgate.dev/v1alpha1")
	d.line(0, "kind: TrafficGate")
	d.line(0, "metadata:")
	d.line(1, "name: %s", plain(cmp.Or(r.Metadata.Name, r.Spec.Service)))
	if r.Metadata.Namespace != "" {
		d.line(1, "namespace: %s", plain(r.Metadata.Namespace))
	}
	d.line(0, "spec:")
	d.line(1, "serviceRef:")
	d.line(2, "name: %s", plain(r.Spec.Service))
	d.line(1, "mode: DryRun")
	if selector, _ := r.Spec.Selector.(map[string]any); len(selector) > 0 {
		d.comment(1, "The selector is not carried over: which pods are watched, the Service's own selector says.")
	}
}

// conversion is a gate that is being written.
type conversion struct {
	document
	*resource
	podLabel string
	window   time.Duration
	servers  []string
}

// labelOf is the label in which a breaker's query has the pod's name.
func labelOf(b breaker) string {
	switch {
	case b.DiscreteValueOutOfList != nil:
		return b.DiscreteValueOutOfList.PodNameKey
	case b.ContinuousDeviation != nil:
		return b.ContinuousDeviation.PodNameKey
	}
	return ""
}

// asks notes which Prometheus a query went to, and how far back it looks.
func (c *conversion) asks(server string, q parser.Expr) {
	if server != "" && !slices.Contains(c.servers, server) {
		c.servers = append(c.servers, server)
	}
	c.window = max(c.window, reach(q))
}

// signal writes one breaker.
func (c *conversion) signal(d *document, b breaker) []error {
	d.line(1, "- name: %s", plain(b.Name))
	detectors := 0
	for _, there := range []bool{b.DiscreteValueOutOfList != nil, b.ContinuousDeviation != nil, b.CustomService != ""} {
		if there {
			detectors++
		}
	}
	switch {
	case detectors != 1:
		return []error{fmt.Errorf("%s: it has %d detectors where it needs one of discreteValueOutOfList, continuousValueDeviation and customService: correct it", b.path, detectors)}
	case b.DiscreteValueOutOfList != nil:
		return c.discrete(d, b.path+".discreteValueOutOfList", *b.DiscreteValueOutOfList)
	case b.ContinuousDeviation != nil:
		return c.continuous(d, b.path+".continuousValueDeviation", *b.ContinuousDeviation)
	}
	c.custom(d, b.CustomService)
	return nil
}

// needed is a field that must not be empty, and what to write in it.
type needed struct{ name, value, write string }

// query is what a detector asks, if it says all that it must.
func query(path, promQL, podLabel string, more ...needed) (q parser.Expr, wrong []error) {
	for _, n := range append(more, needed{"podNamekey", podLabel, "the label of the query's answers that holds the pod's name, such as pod"}, needed{"promQL", promQL, "the query"}) {
		if n.value == "" {
			wrong = append(wrong, fmt.Errorf("%s.%s: it is empty: write %s", path, n.name, n.write))
		}
	}
	if promQL == "" {
		return nil, wrong
	}
	q, err := parse(promQL)
	if err != nil {
		return nil, append(wrong, fmt.Errorf("%s.promQL: %w", path, err))
	}
	if podLabel != "" && drops(q, podLabel) {
		wrong = append(wrong, fmt.Errorf("%s.podNamekey: no answer of the query %q has the label %s: keep that label in the query, as in sum by (%s), or name the one that holds the pod's name", path, q, podLabel, podLabel))
	}
	return q, wrong
}

// discrete writes the share of bad values.
func (c *conversion) discrete(d *document, path string, of discrete) []error {
	q, wrong := query(path, of.PromQL, of.PodNameKey, needed{"key", of.Key, "the label whose values goodValues or badValues list, such as code"})
	if (len(of.GoodValues) == 0) == (len(of.BadValues) == 0) {
		wrong = append(wrong, fmt.Errorf("%s: it has exactly one of goodValues and badValues: correct it", path))
	}
	if q != nil && of.Key != "" && drops(q, of.Key) {
		wrong = append(wrong, fmt.Errorf("%s.key: no answer of the query %q has the label %s, so that no value of it can be told: keep that label in the query, as in sum by (%s, %s)", path, q, of.Key, of.PodNameKey, of.Key))
	}
	if len(wrong) > 0 {
		return wrong
	}
	c.asks(of.PrometheusService, q)
	bad, inside := bad(q, of)
	if inside {
		d.comment(2, "The condition on %s is inside of the query now: check that it is a label of the metric itself.", of.Key)
	} else {
		d.comment(2, "The query joins, or makes labels, so that the condition on %s is on its answers: label_replace marks those whose %s is listed, and what follows leaves the bad ones.", of.Key, of.Key)
	}
	d.comment(2, "Samples were cut to whole numbers one by one, now they are added as they are.")
	d.line(2, "ratio:")
	d.line(3, "bad: %q", by(bad, of.PodNameKey, c.podLabel))
	d.line(3, "total: %q", by(written(of.PromQL, q), of.PodNameKey, c.podLabel))
	tolerance := or(of.Tolerance, defaultTolerance)
	d.comment(2, "tolerance %d: a pod was bad from %d %% on, since the percentage was cut; now it is above %d %%. outlier: {} in place of threshold compares pods with their peers instead, and is right at low shares too.", tolerance, tolerance+1, tolerance)
	d.line(2, "threshold:")
	d.line(3, "above: %s", decimal(float64(tolerance)/100))
	d.comment(2, "minActivity, in what the queries count: with rate() that is events a second, with increase() events.")
	d.line(2, "minSamples: %s", decimal(float64(or(of.MinActivity, defaultActivity))))
	return nil
}

// continuous writes the distance from the fleet's middle.
func (c *conversion) continuous(d *document, path string, of continuous) []error {
	q, wrong := query(path, of.PromQL, of.PodNameKey)
	if len(wrong) > 0 {
		return wrong
	}
	c.asks(of.PrometheusService, q)
	if dividesByMean(q) {
		d.comment(2, "The query divides each pod by the mean of the fleet. That changes nothing any more, but does no harm: what a pod is held against is the fleet's median, which a few bad pods cannot move. The mean called healthy pods bad beside a very bad one; from: Mean would still be that.")
	} else {
		d.comment(2, "CHECK THIS: Kubervisor took each answer for the pod's ratio to the fleet's mean, 1 for a pod like the others. The query does not look so: it does not divide by one mean of all pods. Here a pod is held against the median of all answers, which is right for such a ratio and for the amount itself, such as the seconds a request takes, but not for a difference from the mean.")
	}
	d.line(2, "value: %q", named(written(of.PromQL, q), of.PodNameKey, c.podLabel))
	d.line(2, "deviation:")
	d.line(3, "percent: %s", decimal(or(of.MaxDeviationPercent, defaultDeviation)))
	d.line(3, "from: Median")
	return nil
}

// custom writes a detector that is a service of its own.
func (c *conversion) custom(d *document, address string) {
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	d.comment(2, "The controller's operator must allow this host with --external-detectors. A pod goes only after it was named in two looks in a row, if it is the Service's, and within every limit. There is no history of such answers: backtest leaves them out.")
	d.line(2, "external:")
	d.line(3, "url: %q", address)
	d.line(3, "timeout: 1s")
}

// times writes interval and window.
func (c *conversion) times(breakers []breaker) {
	d := &c.document
	var interval time.Duration
	c.nanoseconds(breakers)
	for _, b := range breakers {
		if p := c.seconds(b.EvaluationPeriod, defaultPeriod); interval == 0 || p < interval {
			interval = p
		}
	}
	switch {
	case interval < leastInterval:
		d.comment(1, "evaluationPeriod was %s; %s is the least.", duration(interval), leastInterval)
		interval = leastInterval
	case interval > time.Hour:
		d.comment(1, "evaluationPeriod was %s; an hour is the most.", duration(interval))
		interval = time.Hour
	case len(breakers) > 1:
		d.comment(1, "The shortest evaluationPeriod of all breakers.")
	}
	d.line(1, "interval: %s", duration(interval))
	if c.window > time.Hour {
		d.comment(1, "Queries look back %s; an hour is the most for a window.", duration(c.window))
	}
	c.window = min(max(c.window, leastInterval), time.Hour)
	d.comment(1, "As far back as the queries look: pods are not judged before they are that old, and not by what they did before they went out. In a query $__window stands for it.")
	d.line(1, "window: %s", duration(c.window))
	if len(c.servers) > 0 {
		d.comment(1, "Prometheus was %s. Which one Podgate asks is a flag of the controller, --prometheus-url.", strings.Join(c.servers, " and "))
	}
}

// nanoseconds says that durations were read as such where they could be seconds.
func (c *conversion) nanoseconds(breakers []breaker) {
	durations := []float64{}
	for _, b := range breakers {
		durations = append(durations, b.EvaluationPeriod)
		if b.Activator != nil {
			durations = append(durations, b.Activator.Period)
		}
	}
	for _, a := range []*activator{c.Spec.Activator, c.Spec.DefaultActivator} {
		if a != nil {
			durations = append(durations, a.Period)
		}
	}
	if c.Kind != "BreakerConfig" && slices.ContainsFunc(durations, c.inNanoseconds) {
		c.comment(1, "Durations of a million and more are nanoseconds, as in the first releases of %s.", c.APIVersion)
	}
}

// limits writes how many pods may be out.
func (c *conversion) limits(breakers []breaker) {
	d := &c.document
	least, ratio, hasRatio := 1, 0, false
	for _, b := range breakers {
		least = max(least, or(b.MinPodsAvailableCount, 1))
		if b.MinPodsAvailableRatio != nil {
			ratio, hasRatio = max(ratio, min(*b.MinPodsAvailableRatio, 100)), true
		}
	}
	d.line(1, "limits:")
	if len(breakers) > 1 {
		d.comment(2, "The strictest of all breakers, for all of them together.")
	}
	if hasRatio {
		d.comment(2, "minPodsAvailableRatio %d %% was taken of the pods that were still in traffic, so that it eroded look by look (10, 5, 2, 1 at 50 %%). maxGated is a share of all pods, gated ones included, and half of them or more are never out.", ratio)
		d.line(2, "maxGated: \"%d%%\"", 100-ratio)
	} else {
		d.comment(2, "There was no minPodsAvailableRatio, so all but minPodsAvailableCount pods could go at once. 20 %% is the default now; half of the pods or more are never out, whatever is written here.")
		d.line(2, "maxGated: \"20%%\"")
	}
	d.comment(2, "minPodsAvailableCount")
	d.line(2, "minServing: %d", least)
}
