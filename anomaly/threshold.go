package anomaly

import (
	"math"
	"time"
)

// OfLimit is the unit of the evidence of NewThreshold: how often the limit goes
// into what the pod has beyond it, plus one.
const OfLimit = "× the limit"

// NewThreshold returns a detector for pods beyond a fixed limit: above it for
// direction High, below it for Low.
func NewThreshold(o RuleOptions, d Direction, limit float64) Detector {
	return newRule(o, threshold{d, limit})
}

// threshold has no peers: the limit stands in their place. The evidence is the
// pod's distance beyond the limit in units of the limit, plus one, so that it
// passes its bar of one exactly at the limit, and orders pods by how bad they
// are.
type threshold struct {
	direction Direction
	limit     float64
}

func (threshold) unit() string { return OfLimit }
func (threshold) needs() int   { return 1 }
func (threshold) looks() int   { return 1 }

func (t threshold) score(_ time.Time, judged []*Verdict) Fleet {
	scale := math.Max(math.Abs(t.limit), 1e-9)
	for _, v := range judged {
		beyond := v.Level - t.limit
		if t.direction == Low {
			beyond = -beyond
		}
		v.Peers, v.Bar = t.limit, 1
		if beyond > 0 {
			v.Evidence = 1 + beyond/scale
		} else {
			v.Evidence = math.Max(0, math.Nextafter(1, 0)+beyond/scale)
		}
	}
	return Fleet{Level: median(levels(judged)), Usual: math.NaN()}
}

// within changes nothing: the limit is everybody's.
func (threshold) within([]*Verdict) {}
