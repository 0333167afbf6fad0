package anomaly

import (
	"math"
	"time"

	"gonum.org/v1/gonum/stat"
)

// NewDeviation returns a detector for pods that are away from the middle of the
// fleet, on either side, by more than percent of it. The middle is the median
// of the judged pods, or their mean.
func NewDeviation(o RuleOptions, percent float64, fromMean bool) Detector {
	return newRule(o, deviation{percent, fromMean})
}

type deviation struct {
	percent  float64
	fromMean bool
}

func (deviation) unit() string { return "% away" }
func (deviation) needs() int   { return 3 }
func (deviation) looks() int   { return 1 }

func (d deviation) score(_ time.Time, judged []*Verdict) Fleet {
	d.within(judged)
	return Fleet{Level: judged[0].Peers, Usual: math.NaN()}
}

func (d deviation) within(judged []*Verdict) {
	sorted := levels(judged)
	centre := median(sorted)
	if d.fromMean {
		centre = stat.Mean(sorted, nil)
	}
	for _, v := range judged {
		v.Peers, v.Bar = centre, d.percent
		v.Evidence = percentAway(v.Level, centre)
		// A pod exactly at the limit is not beyond it, whatever the last bits of
		// 100·(1.3 − 1) are.
		if v.Evidence <= d.percent*(1+1e-9) {
			v.Evidence = math.Min(v.Evidence, math.Nextafter(d.percent, 0))
		}
	}
}

// percentAway is how far x is from the centre in percent of it; far beyond any
// limit, but finite, where the centre is zero and x is not.
func percentAway(x, centre float64) float64 {
	if x == centre {
		return 0
	}
	return math.Min(100*math.Abs(x-centre)/math.Abs(centre), 1e9)
}
