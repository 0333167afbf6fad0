package page

import (
	"fmt"
	"math"
	"regexp"
	"strconv"

	"github.com/podgate/podgate/anomaly"
	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/source"
)

// quantile of a histogram that stands for a pod in a plot.
const quantile = 0.95

// level is a sample as the one number that is drawn; NaN if there is none.
func level(kind anomaly.Kind, s source.Sample) float64 {
	switch kind {
	case anomaly.Ratio:
		return s.Bad / s.Total // NaN without events
	case anomaly.Histogram:
		return s.Quantile(quantile)
	}
	return s.Value
}

// unit is how numbers of a signal are written.
type unit string

const (
	shares  unit = "share"
	seconds unit = "seconds"
	bytes   unit = "bytes"
	numbers unit = ""
)

var (
	namesSeconds = regexp.MustCompile(`_seconds(_bucket|_sum|_total)?\b`)
	namesBytes   = regexp.MustCompile(`_bytes(_bucket|_sum|_total)?\b`)
)

// unitOf a signal, by the names of its metrics.
func unitOf(s v1alpha1.Signal) unit {
	query := ""
	switch {
	case s.Ratio != nil:
		return shares
	case s.Histogram != nil:
		query = *s.Histogram
	case s.Value != nil:
		query = *s.Value
	}
	sec, byt := namesSeconds.MatchString(query), namesBytes.MatchString(query)
	switch {
	case sec && !byt:
		return seconds
	case byt && !sec:
		return bytes
	}
	return numbers
}

// format writes a number in its unit, with three significant digits.
func (u unit) format(x float64) string {
	switch {
	case math.IsNaN(x):
		return "none"
	case u == shares:
		return digits(100*x) + " %"
	case u == seconds && math.Abs(x) < 1 && x != 0:
		return digits(1000*x) + " ms"
	case u == seconds:
		return digits(x) + " s"
	case u == bytes:
		for i, name := range []string{"B", "KiB", "MiB", "GiB", "TiB"} {
			if limit := math.Exp2(float64(10 * i)); math.Abs(x) < 1024*limit || name == "TiB" {
				return digits(x/limit) + " " + name
			}
		}
	}
	return digits(x)
}

// digits writes a number with three significant digits, and no exponent where it
// can be read without.
func digits(x float64) string {
	switch a := math.Abs(x); {
	case x == 0:
		return "0"
	case a >= 1e6 || a < 1e-4:
		return strconv.FormatFloat(x, 'g', 3, 64)
	case a >= 100:
		return fmt.Sprintf("%.0f", x)
	}
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 3, 64), 64)
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}
