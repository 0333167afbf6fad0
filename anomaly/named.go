package anomaly

import (
	"math"
	"time"
)

// Naming is the unit of the evidence of NewNamed: a pod is named, or it is not.
const Naming = "naming"

// NewNamed returns a detector for pods that somebody else has judged: a value
// above 0 says that the pod was named as bad, 0 that it was not. A pod is an
// outlier once it was named for so long, and in two looks in a row at least.
func NewNamed(long time.Duration) Detector {
	return newRule(RuleOptions{Kind: Value, For: long}, named{})
}

// named believes what it is told; that must not be told once only. The fleet's
// level is how many pods are named.
type named struct{}

func (named) unit() string { return Naming }
func (named) needs() int   { return 1 }
func (named) looks() int   { return 2 }

func (named) score(_ time.Time, judged []*Verdict) Fleet {
	for _, v := range judged {
		v.Peers, v.Bar = 0, 1
		if v.Level > 0 {
			v.Evidence = 1
		}
	}
	return Fleet{Level: float64(countBad(judged)), Usual: math.NaN()}
}

// within changes nothing: nobody is compared.
func (named) within([]*Verdict) {}
