package anomaly_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/podgate/podgate/anomaly"
)

// Garbage never panics, never makes an outlier of a pod without usable data,
// and each sample gets one verdict with numbers that make sense.
func FuzzOutlier(f *testing.F) {
	f.Add([]byte("any bytes will do, the longer the better: 0123456789 0123456789"), int64(15))
	f.Add([]byte{0xff, 0xf0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8}, int64(-15))
	f.Add([]byte{}, int64(0))
	f.Add([]byte("12111\x067"), int64(-30))
	f.Fuzz(func(t *testing.T, data []byte, stride int64) {
		for _, kind := range []anomaly.Kind{anomaly.Ratio, anomaly.Histogram, anomaly.Value} {
			for _, direction := range []anomaly.Direction{anomaly.High, anomaly.Low, anomaly.Both} {
				d := newOutlier(t, anomaly.Config{Kind: kind, Direction: direction})
				r := reader{data: data}
				now := at(0)
				for range 12 {
					samples := r.samples(kind)
					now = now.Add(time.Duration(stride%1e6+int64(r.byte())) * time.Second)
					check(t, samples, d.Step(now, samples))
				}
			}
		}
	})
}

func check(t *testing.T, samples []anomaly.Sample, result anomaly.Result) {
	t.Helper()
	if len(result.Verdicts) != len(samples) {
		t.Fatalf("%d verdicts for %d samples", len(result.Verdicts), len(samples))
	}
	for i, v := range result.Verdicts {
		s := samples[i]
		if v.Pod != s.Pod || math.IsNaN(v.Evidence) || v.Evidence < 0 || math.IsInf(v.Evidence, 0) || !(v.Bar > 0) {
			t.Fatalf("verdict %+v of %+v", v, s)
		}
		usable := s.Judged && s.Known && !(s.Bad < 0 || s.Total < 0 || s.Bad > s.Total*(1+1e-6) || math.IsNaN(s.Bad+s.Total+s.Value) || math.IsInf(s.Bad+s.Total+s.Value, 0))
		if !usable && v.Class != anomaly.Unknown || (v.Class == anomaly.Unknown) != (v.Missing != "") {
			t.Fatalf("verdict %+v of %+v", v, s)
		}
	}
	if f := result.Fleet; f.Moved > f.Known || f.Known > f.Judged || f.Judged > len(samples) {
		t.Fatalf("fleet %+v of %d samples", f, len(samples))
	}
}

// reader makes samples of bytes, round and round.
type reader struct {
	data []byte
	at   int
}

func (r *reader) byte() byte {
	if len(r.data) == 0 {
		return 0
	}
	r.at++
	return r.data[r.at%len(r.data)]
}

// number is often an ordinary one, sometimes any float there is.
func (r *reader) number() float64 {
	switch b := r.byte(); {
	case b < 200:
		return float64(b)
	case b < 210:
		return math.NaN()
	case b < 220:
		return math.Inf(int(b)%2*2 - 1)
	}
	var raw [8]byte
	for i := range raw {
		raw[i] = r.byte()
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(raw[:]))
}

func (r *reader) samples(kind anomaly.Kind) []anomaly.Sample {
	var out []anomaly.Sample
	for range r.byte() % 12 {
		s := anomaly.Sample{Pod: fmt.Sprint("pod-", r.byte()%8), Judged: r.byte()%8 > 0, Known: r.byte()%8 > 0}
		if r.byte()%4 == 0 {
			s.Stratum = fmt.Sprint(r.byte() % 3)
		}
		switch kind {
		case anomaly.Ratio:
			s.Bad, s.Total = r.number(), r.number()
		case anomaly.Value:
			s.Value = r.number()
		default:
			count := 0.0
			for range r.byte() % 6 {
				count += r.number()
				s.Bounds, s.Counts = append(s.Bounds, r.number()), append(s.Counts, count)
			}
			s.Bounds, s.Counts = append(s.Bounds, math.Inf(1)), append(s.Counts, count+r.number())
			if r.byte()%8 == 0 {
				s.Bounds = s.Bounds[1:]
			}
		}
		out = append(out, s)
	}
	return out
}

// Time that stands still or runs backwards brings no evidence, and does not
// stop the detector for good.
func TestTime(t *testing.T) {
	d := newOutlier(t, anomaly.Config{Kind: anomaly.Ratio, MinDifference: 0.01})
	samples := func() (out []anomaly.Sample) {
		for i := range 10 {
			s := sample(i)
			s.Total = 600
			if i == 0 {
				s.Bad = 300
			}
			out = append(out, s)
		}
		return out
	}
	d.Step(at(100), samples())
	for range 50 {
		if v := d.Step(at(100), samples()).Verdicts[0]; v.Class == anomaly.Outlier {
			t.Fatalf("an outlier while time stood still: %+v", v)
		}
	}
	for i := range 50 {
		if v := d.Step(at(99-i), samples()).Verdicts[0]; v.Class == anomaly.Outlier {
			t.Fatalf("an outlier while time ran backwards: %+v", v)
		}
	}
	class := anomaly.Unknown
	for i := range 10 {
		class = d.Step(at(51+i), samples()).Verdicts[0].Class
	}
	if class != anomaly.Outlier {
		t.Errorf("%s after time went on", class)
	}
}

// A pod that leaves is forgotten: its name says nothing about the next one.
func TestForget(t *testing.T) {
	d := newOutlier(t, anomaly.Config{Kind: anomaly.Ratio, Window: 15 * time.Second, MinDifference: 0.01})
	fleet := func(bad float64, from int) (out []anomaly.Sample) {
		for i := from; i < 10; i++ {
			s := sample(i)
			s.Total = 600
			if i == 0 {
				s.Bad = bad
			}
			out = append(out, s)
		}
		return out
	}
	for i := range 10 {
		d.Step(at(i), fleet(300, 0))
	}
	for i := 10; i < 60; i++ {
		d.Step(at(i), fleet(0, 1))
	}
	if v := d.Step(at(60), fleet(0, 0)).Verdicts[0]; v.Evidence != 0 || v.Class != anomaly.Normal {
		t.Errorf("a new pod of the same name: %+v", v)
	}
}

// The order of the samples does not matter.
func TestOrder(t *testing.T) {
	for kind, s := range map[anomaly.Kind]script{
		anomaly.Ratio:     shares(12, 150, from(0.002, 0.1, 2)),
		anomaly.Histogram: latencies(6, 60, from(1, 3, 1)),
		anomaly.Value:     gauges(12, 0.12, from(1, 2.5, 2)),
	} {
		t.Run(string(kind), func(t *testing.T) {
			cfg := anomaly.Config{Kind: kind, Window: 15 * time.Second}
			straight, mixed := newOutlier(t, cfg), newOutlier(t, cfg)
			rnd := rand.New(rand.NewPCG(1, 2))
			for i := range 830 {
				samples := s(rnd, i)
				want := map[string]anomaly.Class{}
				for _, v := range straight.Step(at(i), samples).Verdicts {
					want[v.Pod] = v.Class
				}
				rnd.Shuffle(len(samples), func(a, b int) { samples[a], samples[b] = samples[b], samples[a] })
				for _, v := range mixed.Step(at(i), samples).Verdicts {
					if v.Class != want[v.Pod] {
						t.Fatalf("tick %d: %s is %s, want %s", i, v.Pod, v.Class, want[v.Pod])
					}
				}
			}
		})
	}
}
