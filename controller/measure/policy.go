package measure

import (
	"fmt"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
)

// Policy reads a spec as plain values. It is an error if the spec lacks what the
// API server fills in.
func Policy(spec v1alpha1.TrafficGateSpec) (decide.Policy, error) {
	p := decide.Policy{
		Interval: spec.Interval.Std(), Window: spec.Window.Std(),
		WarmUp:     spec.Limits.WarmUp.Std(),
		MinServing: int(spec.Limits.MinServing),
		After:      spec.Recovery.After.Std(), MaxAfter: spec.Recovery.MaxAfter.Std(),
		Then: spec.Recovery.Then,
	}
	if p.Interval <= 0 || p.Window <= 0 || p.After <= 0 || p.MaxAfter < p.After || spec.Recovery.Retries == nil {
		return p, fmt.Errorf("the spec lacks its defaults (interval %s, window %s, recovery.after %s, recovery.maxAfter %s): apply the CRD of this version, then the TrafficGate again",
			p.Interval, p.Window, p.After, p.MaxAfter)
	}
	p.Retries = int(*spec.Recovery.Retries)
	var err error
	if p.MaxGated, err = limitOf("limits.maxGated", spec.Limits.MaxGated); err != nil {
		return p, err
	}
	p.PerDomain, err = limitOf("limits.perDomain.maxGated", spec.Limits.PerDomain.MaxGated)
	return p, err
}

func limitOf(field string, v *intstr.IntOrString) (decide.Limit, error) {
	if v == nil {
		return decide.Limit{}, fmt.Errorf("spec.%s is missing: apply the CRD of this version, then the TrafficGate again", field)
	}
	if v.Type == intstr.Int {
		return decide.Limit{Max: v.IntValue()}, nil
	}
	n, err := strconv.Atoi(strings.TrimSuffix(v.StrVal, "%"))
	if err != nil {
		return decide.Limit{}, fmt.Errorf("spec.%s %q: must be a number of pods such as 2, or a percentage such as \"20%%\"", field, v.StrVal)
	}
	return decide.Limit{Max: n, Percent: true}, nil
}
