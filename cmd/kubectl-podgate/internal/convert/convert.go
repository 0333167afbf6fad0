package convert

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"

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
// The API server would take what it returns.
func Text(text []byte) ([]byte, error) {
	resources, err := read(text)
	if err != nil {
		return nil, err
	}
	var all [][]byte
	for _, r := range resources {
		gate, err := gateOf(&r)
		if err == nil {
			_, err = gatefile.Parse(gate)
		}
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", r.Kind, cmp.Or(r.Metadata.Name, "without a name"), err)
		}
		all = append(all, gate)
	}
	return bytes.Join(all, []byte("---\n")), nil
}

// gateOf is the gate of one resource.
func gateOf(r *resource) ([]byte, error) {
	breakers := r.breakers()
	switch {
	case r.Spec.Service == "":
		return nil, fmt.Errorf("spec.service is empty: name the Service in it")
	case len(breakers) == 0:
		return nil, fmt.Errorf("it has no breaker: there is nothing to convert")
	}
	c := &conversion{resource: r, podLabel: "pod"}
	if label := labelOf(breakers[0]); label != "" {
		c.podLabel = label
	}
	signals := &document{}
	for i, b := range breakers {
		if err := c.signal(signals, b, i); err != nil {
			return nil, err
		}
	}
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
	c.times(breakers)
	d.line(1, "podLabel: %s", plain(c.podLabel))
	d.comment(1, "Where the Service selects on kubervisor/traffic already: delete the %s first, set pods that say pause or no to yes, and then write trafficLabel: kubervisor/traffic, or enrol the Service anew.", r.Kind)
	d.line(1, "signals:")
	d.WriteString(signals.String())
	c.limits(breakers)
	c.recovery()
	return []byte(d.String()), nil
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
func (c *conversion) asks(server, query string) error {
	if server != "" && !slices.Contains(c.servers, server) {
		c.servers = append(c.servers, server)
	}
	back, err := reach(query)
	c.window = max(c.window, back)
	return err
}

// signal writes one breaker.
func (c *conversion) signal(d *document, b breaker, i int) error {
	name := cmp.Or(b.Name, fmt.Sprintf("breaker-%d", i+1))
	d.line(1, "- name: %s", plain(name))
	detectors := 0
	for _, there := range []bool{b.DiscreteValueOutOfList != nil, b.ContinuousDeviation != nil, b.CustomService != ""} {
		if there {
			detectors++
		}
	}
	if detectors != 1 {
		return fmt.Errorf("breaker %s has %d detectors where it needs one of discreteValueOutOfList, continuousValueDeviation and customService: correct it", name, detectors)
	}
	var err error
	switch {
	case b.DiscreteValueOutOfList != nil:
		err = c.discrete(d, *b.DiscreteValueOutOfList)
	case b.ContinuousDeviation != nil:
		err = c.continuous(d, *b.ContinuousDeviation)
	default:
		c.custom(d, b.CustomService)
	}
	if err != nil {
		return fmt.Errorf("breaker %s: %w", name, err)
	}
	return nil
}

// discrete writes the share of bad values.
func (c *conversion) discrete(d *document, of discrete) error {
	if (len(of.GoodValues) == 0) == (len(of.BadValues) == 0) {
		return fmt.Errorf("discreteValueOutOfList has exactly one of goodValues and badValues: correct it")
	}
	if err := c.asks(of.PrometheusService, of.PromQL); err != nil {
		return err
	}
	kind, values := labels.MatchRegexp, of.BadValues
	if len(of.GoodValues) > 0 {
		kind, values = labels.MatchNotRegexp, of.GoodValues
	}
	bad, err := only(of.PromQL, kind, of.Key, values)
	if err != nil {
		return err
	}
	label := cmp.Or(of.PodNameKey, c.podLabel)
	d.comment(2, "The condition on %s is inside of the query now: check that it is a label of the metric itself. Samples were cut to whole numbers one by one, now they are added as they are.", of.Key)
	d.line(2, "ratio:")
	d.line(3, "bad: %q", by(bad, label, c.podLabel))
	d.line(3, "total: %q", by(of.PromQL, label, c.podLabel))
	tolerance := or(of.Tolerance, defaultTolerance)
	d.comment(2, "tolerance %d: a pod was bad from %d %% on, since the percentage was cut; now it is above %d %%. outlier: {} in place of threshold compares pods with their peers instead, and is right at low shares too.", tolerance, tolerance+1, tolerance)
	d.line(2, "threshold:")
	d.line(3, "above: %s", decimal(float64(tolerance)/100))
	d.comment(2, "minActivity, in what the queries count: with rate() that is events a second, with increase() events.")
	d.line(2, "minSamples: %s", decimal(float64(or(of.MinActivity, defaultActivity))))
	return nil
}

// continuous writes the distance from the fleet's middle.
func (c *conversion) continuous(d *document, of continuous) error {
	if err := c.asks(of.PrometheusService, of.PromQL); err != nil {
		return err
	}
	d.comment(2, "The query divides each pod by the mean of the fleet. That changes nothing any more, but does no harm: what a pod is held against is the fleet's median, which a few bad pods cannot move. The mean called healthy pods bad beside a very bad one; from: Mean would still be that.")
	d.line(2, "value: %q", named(of.PromQL, cmp.Or(of.PodNameKey, c.podLabel), c.podLabel))
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
	c.window = min(max(c.window, leastInterval), time.Hour)
	d.comment(1, "As far back as the queries look: pods are not judged before they are that old, and not by what they did before they went out. In a query $__window stands for it.")
	d.line(1, "window: %s", duration(c.window))
	if len(c.servers) > 0 {
		d.comment(1, "Prometheus was %s. Which one Podgate asks is a flag of the controller, --prometheus-url.", strings.Join(c.servers, " and "))
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

// recovery writes the activator.
func (c *conversion) recovery() {
	d := &c.document
	a, others := c.activator()
	stay := min(c.seconds(a.Period, defaultStay), 24*time.Hour)
	retries := or(a.MaxRetryCount, defaultRetries)
	d.line(1, "recovery:")
	if others {
		d.comment(2, "Breakers had activators of their own; a gate has one way back, that of the first breaker.")
	}
	if stay < c.window {
		d.comment(2, "period was %s; a pod that comes back before %s would be judged by what it did before it went out.", duration(stay), duration(c.window))
		stay = c.window
	}
	d.comment(2, "Pods come back one at a time, on trial, and go out again at once if they are still bad.")
	switch a.Mode {
	case "retryAndKill", "retryAndPause":
		d.comment(2, "A stay was retryCount times the period; now it doubles with each relapse. Relapses were never forgiven; now they are after maxAfter of health.")
		d.line(2, "after: %s", duration(stay))
		d.line(2, "maxAfter: %s", duration(min(stay*time.Duration(max(retries, 1)), 24*time.Hour)))
		d.line(2, "retries: %d", retries)
		if a.Mode == "retryAndKill" {
			d.comment(2, "The pod was deleted. Now it is evicted, so that PodDisruptionBudgets count.")
			d.line(2, "then: Evict")
			return
		}
		d.comment(2, "Paused pods stay out for a person. That only %d of them were paused and the others deleted (maxPauseCount) cannot be carried over: limits.maxGated bounds all that are out.", or(a.MaxPauseCount, defaultPauses))
		d.line(2, "then: Hold")
	default:
		d.comment(2, "periodic: the same stay each time, for ever. With a longer maxAfter it doubles with each relapse.")
		d.line(2, "after: %s", duration(stay))
		d.line(2, "maxAfter: %s", duration(stay))
		d.line(2, "then: Retry")
	}
}
