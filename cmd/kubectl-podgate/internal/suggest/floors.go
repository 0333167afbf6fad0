package suggest

import (
	"fmt"
	"slices"

	"github.com/podgate/podgate/anomaly"
	"github.com/podgate/podgate/api/v1alpha1"
)

// The floors that are tried, from the least on. Less than the first is seldom worth
// a pod, whatever the history says.
var (
	ratioRungs = map[anomaly.Kind][]string{
		anomaly.Ratio:     {"1.5", "1.75", "2", "2.5", "3", "4", "5", "7", "10"},
		anomaly.Histogram: {"1.2", "1.3", "1.4", "1.5", "1.75", "2", "2.5", "3", "4"},
		anomaly.Value:     {"1.2", "1.3", "1.4", "1.5", "1.75", "2", "2.5", "3", "4"},
	}
	// Only shares have a scale of their own; for the others minRatio does it.
	differenceRungs = []string{"0.002", "0.005", "0.01", "0.02", "0.05", "0.1"}
)

// climb tries one rung after the other for each signal that has rungs, until
// nobody comes too close. It returns the rung of each, or how many there are if
// none would do, and how close somebody came at each rung that was tried.
func (s *search) climb(rungs [][]string, set func(o *v1alpha1.Outlier, rung v1alpha1.Decimal)) (at []int, tried [][]closest, err error) {
	at, tried = make([]int, len(rungs)), make([][]closest, len(rungs))
	open := func(k int) bool {
		n := len(tried[k])
		return at[k] < len(rungs[k]) && (n == 0 || !tried[k][n-1].clear())
	}
	for {
		gate, any := s.Gate.DeepCopy(), false
		for k := range rungs {
			if at[k] < len(rungs[k]) {
				set(gate.Spec.Signals[k].Outlier, v1alpha1.Decimal(rungs[k][at[k]]))
			}
			any = any || open(k)
		}
		if !any {
			s.Gate = gate
			return at, tried, nil
		}
		came, err := s.run(gate, nil)
		if err != nil {
			return nil, nil, err
		}
		for k := range rungs {
			if open(k) {
				if tried[k] = append(tried[k], came[k]); !came[k].clear() {
					at[k]++
				}
			}
		}
	}
}

// ratios proposes minRatio: the least with which nobody comes too close, with the
// gate's own minDifference.
func (s *search) ratios(p *Proposal) error {
	rungs := make([][]string, len(p.Signals))
	for k, sig := range s.Gate.Spec.Signals {
		if sig.Outlier != nil && !p.Signals[k].Silent {
			rungs[k] = ratioRungs[kindOf(sig)]
		}
	}
	at, tried, err := s.climb(rungs, func(o *v1alpha1.Outlier, rung v1alpha1.Decimal) { o.MinRatio = &rung })
	if err != nil {
		return err
	}
	for k := range rungs {
		sig := &p.Signals[k]
		switch {
		case rungs[k] == nil:
		case at[k] < len(rungs[k]):
			sig.MinRatio = rungs[k][at[k]]
			sig.Reasons = append(sig.Reasons, reason("minRatio", rungs[k], at[k], tried[k]))
		default: // none does it alone
			sig.MinRatio = sig.MinRatioWas
			s.Gate.Spec.Signals[k].Outlier.MinRatio = new(v1alpha1.Decimal(sig.MinRatio))
			sig.Reasons = append(sig.Reasons, fmt.Sprintf("minRatio: none keeps the pods clear with minDifference %s; even at %s %s", sig.MinDifferenceWas, rungs[k][len(rungs[k])-1], tried[k][len(tried[k])-1]))
			sig.Unhealthy = true
		}
	}
	return nil
}

// differences proposes minDifference of shares, with the minRatio that is proposed.
func (s *search) differences(p *Proposal) error {
	rungs := make([][]string, len(p.Signals))
	for k, sig := range s.Gate.Spec.Signals {
		if sig.Outlier != nil && sig.Ratio != nil && !p.Signals[k].Silent {
			rungs[k] = differenceRungs
		}
	}
	at, tried, err := s.climb(rungs, func(o *v1alpha1.Outlier, rung v1alpha1.Decimal) { o.MinDifference = &rung })
	if err != nil {
		return err
	}
	for k := range rungs {
		sig := &p.Signals[k]
		switch {
		case sig.MinRatio == "":
		case rungs[k] == nil:
			sig.MinDifference = sig.MinDifferenceWas
			if !sig.Unhealthy {
				sig.Reasons = append(sig.Reasons, fmt.Sprintf("minDifference %s: as it is; minRatio keeps the pods clear without more", sig.MinDifference))
			}
		case at[k] < len(rungs[k]):
			sig.MinDifference, sig.Unhealthy = rungs[k][at[k]], false
			sig.Reasons = append(sig.Reasons, reason("minDifference", rungs[k], at[k], tried[k]))
		default:
			sig.MinDifference, sig.Unhealthy = sig.MinDifferenceWas, true
			s.Gate.Spec.Signals[k].Outlier.MinDifference = new(v1alpha1.Decimal(sig.MinDifference))
			sig.Reasons = append(sig.Reasons, fmt.Sprintf("minDifference: none keeps the pods clear; even at %s %s", rungs[k][len(rungs[k])-1], tried[k][len(tried[k])-1]))
		}
	}
	for k := range p.Signals {
		if sig := &p.Signals[k]; sig.Unhealthy {
			sig.Reasons = append(sig.Reasons, "so this is no healthy fleet: leave that time out with --from and --to, or a pod that is unlike the others with --pods; pods that are meant to differ are compared among their like with spec.stratumLabel")
		}
	}
	return nil
}

// reason says why it is this rung.
func reason(what string, rungs []string, at int, tried []closest) string {
	out := fmt.Sprintf("%s %s: ", what, rungs[at])
	if at == 0 {
		return out + fmt.Sprintf("%s; less is seldom worth a pod", tried[0])
	}
	return out + fmt.Sprintf("with %s %s, which is too close; with %s %s", rungs[at-1], tried[at-1], rungs[at], tried[at])
}

// Changed reports whether anything is proposed that the gate does not have.
func (p *Proposal) Changed() bool {
	return p.Window.Proposed != p.Window.Was || slices.ContainsFunc(p.Signals, func(s Signal) bool {
		return s.MinRatio != s.MinRatioWas || s.MinDifference != s.MinDifferenceWas
	})
}
