package rival

import (
	"math"
	"slices"

	"github.com/podgate/podgate/anomaly"
	"github.com/podgate/podgate/test/bench/stream"
)

// MAD is Datadog's outlier algorithm of that name: of all points of all series
// together, those further from the median than tolerance scaled deviations; a
// series is an outlier if more than so many percent of its points are.
type MAD struct {
	Tolerance, Percent float64
	series             *series
}

// Tick implements Method.
func (m *MAD) Tick(r *stream.Run, step int) ([]Flag, bool) {
	m.series.add(scalars(r, step))
	var all []float64
	for i := range r.Pods {
		all = append(all, m.series.points[i]...)
	}
	if len(all) == 0 {
		return nil, false
	}
	centre, limit := medianMAD(all)
	limit *= m.Tolerance
	var flags []Flag
	for i := range r.Pods {
		p, out := m.series.points[i], 0.0
		for _, x := range p {
			if math.Abs(x-centre) > limit {
				out++
			}
		}
		if len(p) > 0 && 100*out/float64(len(p)) > m.Percent && r.Known(i, step) {
			flags = append(flags, Flag{i, out / float64(len(p))})
		}
	}
	return flags, false
}

// medianMAD are the median and 1.4826 times the median absolute deviation.
func medianMAD(x []float64) (centre, mad float64) {
	s := slices.Clone(x)
	centre = middle(s)
	for i := range s {
		s[i] = math.Abs(s[i] - centre)
	}
	return centre, 1.4826 * middle(s)
}

func middle(s []float64) float64 {
	slices.Sort(s)
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// DBSCAN is Datadog's: series as vectors, within reach of each other when
// closer than tolerance times the median distance to the median series; those
// outside the largest cluster are outliers.
type DBSCAN struct {
	Tolerance float64
	series    *series
}

// Tick implements Method.
func (m *DBSCAN) Tick(r *stream.Run, step int) ([]Flag, bool) {
	m.series.add(scalars(r, step))
	var pods []int
	var vectors [][]float64
	for i := range r.Pods {
		if p := m.series.points[i]; len(p) == m.series.length && r.Known(i, step) {
			pods, vectors = append(pods, i), append(vectors, p)
		}
	}
	if len(pods) < 3 {
		return nil, false
	}
	var flags []Flag
	for k, out := range Outside(vectors, m.Tolerance) {
		if out {
			flags = append(flags, Flag{pods[k], 1})
		}
	}
	return flags, false
}

// Outside says which vectors are not in the largest cluster.
func Outside(vectors [][]float64, tolerance float64) []bool {
	typical := make([]float64, len(vectors[0]))
	column := make([]float64, len(vectors))
	for j := range typical {
		for i, v := range vectors {
			column[i] = v[j]
		}
		typical[j] = middle(column)
	}
	distances := make([]float64, len(vectors))
	for i, v := range vectors {
		distances[i] = distance(v, typical)
	}
	reach := tolerance * middle(distances)
	cluster := make([]int, len(vectors))
	sizes := []int{0}
	for i := range vectors {
		if cluster[i] != 0 {
			continue
		}
		id := len(sizes)
		sizes = append(sizes, 0)
		queue := []int{i}
		cluster[i] = id
		for len(queue) > 0 {
			at := queue[0]
			queue = queue[1:]
			sizes[id]++
			for j := range vectors {
				if cluster[j] == 0 && distance(vectors[at], vectors[j]) <= reach {
					cluster[j] = id
					queue = append(queue, j)
				}
			}
		}
	}
	largest := 1
	for id := range sizes {
		if sizes[id] > sizes[largest] {
			largest = id
		}
	}
	out := make([]bool, len(vectors))
	for i := range out {
		out[i] = cluster[i] != largest
	}
	return out
}

func distance(a, b []float64) float64 {
	sum := 0.0
	for i := range a {
		sum += (a[i] - b[i]) * (a[i] - b[i])
	}
	return math.Sqrt(sum)
}

// AWS finds the availability zone, here the pod, that stands out: by a
// chi-squared test of bad counts in proportion to requests, the one with the
// largest difference; or by a z-score on values.
type AWS struct {
	P, Z float64
	Last int
	runs map[int]int
}

// Tick implements Method.
func (m *AWS) Tick(r *stream.Run, step int) ([]Flag, bool) {
	var found []Flag
	if r.Scenario.Kind == anomaly.Ratio {
		pods := running(r, step)
		bad, total := make([]float64, len(pods)), make([]float64, len(pods))
		for k, i := range pods {
			bad[k], total[k] = r.Counts(i, step, minute)
		}
		if k, p := LargestDifference(bad, total); k >= 0 && p <= m.P {
			found = append(found, Flag{pods[k], 1})
		}
	} else {
		pods, values := scalars(r, step)
		mean, sd := meanSD(values)
		for k, i := range pods {
			if sd > 0 && (values[k]-mean)/sd >= m.Z {
				found = append(found, Flag{i, (values[k] - mean) / sd})
			}
		}
	}
	next := map[int]int{}
	var flags []Flag
	for _, f := range found {
		next[f.Pod] = m.runs[f.Pod] + 1
		if next[f.Pod] >= m.Last {
			flags = append(flags, f)
		}
	}
	m.runs = next
	return flags, false
}

// LargestDifference is the pod whose bad count is furthest above or below its
// share, and the p-value of the chi-squared test of them all.
func LargestDifference(bad, total []float64) (worst int, p float64) {
	var sumBad, sumTotal float64
	for k := range bad {
		sumBad, sumTotal = sumBad+bad[k], sumTotal+total[k]
	}
	if sumBad == 0 || sumTotal == 0 {
		return -1, 1
	}
	worst, chi, largest := -1, 0.0, 0.0
	n := 0
	for k := range bad {
		expected := sumBad * total[k] / sumTotal
		if expected == 0 {
			continue
		}
		n++
		d := bad[k] - expected
		chi += d * d / expected
		if math.Abs(d) > largest {
			worst, largest = k, math.Abs(d)
		}
	}
	return worst, ChiSquaredTail(chi, float64(n-1))
}

// MannWhitney is Kayenta's judge: the pod's window against its peers' is higher
// by a Mann–Whitney test, and by a Hodges–Lehmann shift of more than a share of
// the peers' median.
type MannWhitney struct {
	Confidence, Shift float64
	series            *series
}

// Tick implements Method.
func (m *MannWhitney) Tick(r *stream.Run, step int) ([]Flag, bool) {
	m.series.add(scalars(r, step))
	var all []float64
	for i := range r.Pods {
		all = append(all, m.series.points[i]...)
	}
	slices.Sort(all)
	var flags []Flag
	for i := range r.Pods {
		p := m.series.points[i]
		if len(p) < m.series.length || !r.Known(i, step) {
			continue
		}
		if z := rankZ(p, all); phi(z) < 1-(1-m.Confidence)/2 {
			continue
		}
		if shift, centre := hodgesLehmann(p, all); shift > m.Shift*math.Abs(centre) {
			flags = append(flags, Flag{i, shift})
		}
	}
	return flags, false
}

// rankZ is the normal approximation of Mann and Whitney's U of own against the
// rest of all, which is sorted and contains own.
func rankZ(own, all []float64) float64 {
	n, m := float64(len(own)), float64(len(all)-len(own))
	if m < 1 {
		return 0
	}
	ranks := 0.0
	for _, x := range own {
		low, _ := slices.BinarySearch(all, x)
		high := low
		for high < len(all) && all[high] == x {
			high++
		}
		ranks += (float64(low+high) + 1) / 2
	}
	// The rest's share of U: own ranks in all, less own ranks in own.
	u := ranks - n*(n+1)/2
	return (u - n*m/2) / math.Sqrt(n*m*(n+m+1)/12)
}

// hodgesLehmann is the median difference between own and all points, of which
// a regular sample stands for all when there are many, and the median of all.
func hodgesLehmann(own, all []float64) (shift, centre float64) {
	stride := max(len(all)/60, 1)
	var differences []float64
	for _, x := range own {
		for j := 0; j < len(all); j += stride {
			differences = append(differences, x-all[j])
		}
	}
	return middle(differences), all[len(all)/2]
}

// RobustZ is the distance from the median in units of the scaled median
// absolute deviation, beyond the same floors that Podgate has, for so many
// ticks in a row.
type RobustZ struct {
	Z, Ratio float64
	Last     int
	runs     map[int]int
}

// Tick implements Method.
func (m *RobustZ) Tick(r *stream.Run, step int) ([]Flag, bool) {
	pods, values := scalars(r, step)
	if len(pods) < 3 {
		return nil, false
	}
	difference, ratio := floors(r.Scenario.Kind)
	ratio = max(ratio, m.Ratio)
	centre, mad := medianMAD(values)
	next := map[int]int{}
	var flags []Flag
	for k, i := range pods {
		d := values[k] - centre
		z := d / max(mad, 1e-12)
		if z > m.Z && d > difference && values[k] > ratio*centre {
			next[i] = m.runs[i] + 1
			if next[i] >= m.Last {
				flags = append(flags, Flag{i, z})
			}
		}
	}
	m.runs = next
	return flags, false
}

func phi(z float64) float64 { return 0.5 * math.Erfc(-z/math.Sqrt2) }

// ChiSquaredTail is the share of a chi-squared distribution beyond x, by
// Wilson and Hilferty's cube root, to within 0.003.
func ChiSquaredTail(x, freedom float64) float64 {
	if freedom <= 0 || x <= 0 {
		return 1
	}
	k := 2 / (9 * freedom)
	return 1 - phi((math.Cbrt(x/freedom)-(1-k))/math.Sqrt(k))
}
