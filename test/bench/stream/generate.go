package stream

import (
	"math"
	"time"

	"github.com/podgate/podgate/anomaly"
)

// fleet is what all pods of a run share over time.
type fleet struct {
	load     []float64
	errors   []float64
	slow     []float64
	incident []float64
}

const faultLasts = 30 * time.Minute

// Generate makes a scenario's stream from a seed.
func Generate(s Scenario, seed uint64) *Run {
	rnd := newSource(seed, s.Name)
	r := &Run{Scenario: s, Seed: seed, Steps: int(s.Hours * float64(time.Hour/Step))}
	f := makeFleet(rnd, s, r.Steps)
	starts := lifetimes(rnd, s, r.Steps)
	from := r.Steps/2 + rnd.IntN(max(r.Steps/4-Steps(faultLasts), 1))
	to := from + Steps(faultLasts)
	bad := map[int]bool{}
	for _, i := range rnd.Perm(s.Pods)[:s.Faulty] {
		bad[i] = true
	}
	for i, life := range starts {
		p := Pod{Name: podName(i), From: life[0], To: life[1], Missing: make([]bool, r.Steps)}
		faulty := fault{}
		if bad[i] {
			faulty = fault{from, to, s.Flapping}
			if !s.MustNotAct {
				r.Faults = append(r.Faults, Fault{i, from, to})
			}
		}
		if s.Dependency {
			faulty = fault{from, to, false}
		}
		fill(rnd, s, &p, f, i, faulty, r.Steps)
		for step := range p.Missing {
			if step%Steps(15*time.Second) == 0 || step == 0 {
				p.Missing[step] = rnd.chance(s.Missing)
			} else {
				p.Missing[step] = p.Missing[step-1]
			}
		}
		r.Pods = append(r.Pods, p)
	}
	return r
}

// fault is when a pod is at fault.
type fault struct {
	from, to int
	flapping bool
}

func (f fault) at(step int) bool {
	if step < f.from || step >= f.to {
		return false
	}
	return !f.flapping || (step-f.from)/Steps(time.Minute)%2 == 0
}

func makeFleet(rnd source, s Scenario, steps int) *fleet {
	f := &fleet{make([]float64, steps), make([]float64, steps), make([]float64, steps), make([]float64, steps)}
	phase := rnd.Float64() * 2 * math.Pi
	log := rnd.walk(0.99, s.ErrorSD)
	slow := rnd.walk(0.99, 0.05)
	until, kind, strength := 0, 0, 0.0
	for t := range steps {
		day := 2*math.Pi*float64(t)*Step.Hours()/24 + phase
		f.load[t] = 1 + 0.5*math.Sin(day)
		f.errors[t] = math.Exp(log.next(rnd))
		f.slow[t] = math.Exp(slow.next(rnd))
		if t >= until && rnd.chance(s.Incidents*Step.Hours()) {
			until = t + Steps(time.Duration(rnd.between(1, 5)*float64(time.Minute)))
			kind, strength = 1, rnd.Float64()
		}
		if t < until && kind == 1 {
			if s.Kind == anomaly.Ratio {
				f.incident[t] = 0.02 + 0.08*strength
			} else {
				f.incident[t] = 1.5 + 2*strength
			}
		}
	}
	return f
}

// lifetimes are the first and last step of each pod. In a deployment each of
// the first pods goes, one after the other, and a new one comes.
func lifetimes(rnd source, s Scenario, steps int) (all [][2]int) {
	for range s.Pods {
		all = append(all, [2]int{0, steps})
	}
	if !s.Deploy {
		return all
	}
	at := steps / 2
	for i := range s.Pods {
		at += Steps(time.Duration(rnd.between(40, 100)) * time.Second)
		all[i][1] = at
		all = append(all, [2]int{at - Steps(30*time.Second), steps})
	}
	return all
}

// cold is how bad a pod's cold start is, from 1 down to 0 within 100 seconds.
func cold(p *Pod, step int) float64 {
	if p.From == 0 {
		return 0
	}
	return max(1-float64(step-p.From)/float64(Steps(100*time.Second)), 0)
}

func fill(rnd source, s Scenario, p *Pod, f *fleet, i int, bad fault, steps int) {
	switch s.Kind {
	case anomaly.Ratio:
		fillErrors(rnd, s, p, f, bad, steps)
	case anomaly.Histogram:
		fillLatency(rnd, s, p, f, i, bad, steps)
	case anomaly.Value:
		fillGauge(rnd, s, p, f, i, bad, steps)
	}
}

func fillErrors(rnd source, s Scenario, p *Pod, f *fleet, bad fault, steps int) {
	p.Bad, p.Total = make([]float64, steps+1), make([]float64, steps+1)
	own := math.Exp(rnd.normal(s.Uneven) - s.Uneven*s.Uneven/2)
	noise := rnd.walk(0.97, 0.15)
	skill := math.Exp(rnd.normal(s.PodSD))
	common := rnd.between(0.05, 0.3)
	for t := range steps {
		p.Bad[t+1], p.Total[t+1] = p.Bad[t], p.Total[t]
		load := own * f.load[t] * math.Exp(noise.next(rnd)) * s.Rate * Step.Seconds()
		if t < p.From || t >= p.To {
			continue
		}
		share := s.Errors*f.errors[t]*skill + f.incident[t] + 0.3*cold(p, t)
		if bad.at(t) {
			if s.Dependency {
				share = common
			} else {
				share = max(share, s.Effect)
			}
		}
		n := rnd.poisson(load)
		x := rnd.binomial(n, min(share, 1))
		if rnd.chance(s.Bursts * Step.Hours()) {
			burst := float64(5 + rnd.IntN(11))
			x, n = x+burst, n+burst
		}
		p.Bad[t+1] += x
		p.Total[t+1] += n
	}
}

func fillLatency(rnd source, s Scenario, p *Pod, f *fleet, i int, bad fault, steps int) {
	b := len(Bounds)
	p.Buckets = make([]float64, (steps+1)*b)
	own := math.Exp(rnd.normal(s.Uneven) - s.Uneven*s.Uneven/2)
	noise, slow := rnd.walk(0.97, 0.15), rnd.walk(0.99, 0.03)
	factor := math.Exp(rnd.normal(0.03))
	if len(s.Types) > 0 {
		factor *= s.Types[i%len(s.Types)]
	}
	counts := make([]float64, b)
	for t := range steps {
		copy(p.Buckets[(t+1)*b:], p.Buckets[t*b:(t+1)*b])
		n := rnd.poisson(own * f.load[t] * math.Exp(noise.next(rnd)) * s.Rate * Step.Seconds())
		k := factor * f.slow[t] * math.Exp(slow.next(rnd)) * max(f.incident[t], 1) * (1 + 3*cold(p, t))
		gc := 0.0
		if rnd.chance(s.GC) {
			gc = rnd.between(0.1, 0.4)
		}
		if t < p.From || t >= p.To {
			continue
		}
		if s.Canary > 0 && t > steps/2 && float64(i) < s.Canary*float64(s.Pods) {
			k *= s.CanaryEffect
		}
		slower := 0.0
		if bad.at(t) {
			k, slower = k*s.Effect, s.SlowShare
		}
		drawLatencies(rnd, counts, n, k, s.Tail, gc, slower)
		sum := 0.0
		for j, c := range counts {
			sum += c
			p.Buckets[(t+1)*b+j] += sum
		}
	}
}

// drawLatencies draws n requests into buckets: log-normal with median 60 ms and
// σ 0.7, times k; a share in a Pareto tail from 300 ms on; a share gc that
// waits 200 ms, and a share slower that takes 300 ms more.
func drawLatencies(rnd source, counts []float64, n, k, tail, gc, slower float64) {
	cdf := func(x float64) float64 {
		if x <= 0 {
			return 0
		}
		z := (math.Log(x) - math.Log(0.06*k)) / 0.7
		return 0.5 * math.Erfc(-z/math.Sqrt2)
	}
	before := 0.0
	for j, b := range Bounds {
		share := 1.0
		if !math.IsInf(b, 1) {
			share = cdf(b)*(1-gc-slower) + cdf(b-0.2)*gc + cdf(b-0.3)*slower
			pareto := 0.0
			if x := 0.3 * k; b > x {
				pareto = 1 - math.Pow(x/b, 1.5)
			}
			share = share*(1-tail) + pareto*tail
		}
		c := n
		if before < 1 && share < 1 {
			c = rnd.binomial(n, min(max((share-before)/(1-before), 0), 1))
		}
		counts[j] = c
		n -= c
		before = share
	}
}

func fillGauge(rnd source, s Scenario, p *Pod, f *fleet, i int, bad fault, steps int) {
	p.Gauge = make([]float64, steps)
	noise := rnd.walk(s.AR, s.Noise)
	factor := math.Exp(rnd.normal(0.05))
	if len(s.Types) > 0 {
		factor *= s.Types[i%len(s.Types)]
	}
	scrape := Steps(15 * time.Second)
	spike, until := 1.0, 0
	for t := range steps {
		if t%scrape != 0 {
			p.Gauge[t] = p.Gauge[t-1]
			continue
		}
		x := noise.next(rnd)
		if t >= until {
			spike = 1
			if rnd.chance(s.Spikes * 15 / 3600) {
				spike, until = rnd.between(1.5, 3), t+scrape*(1+rnd.IntN(3))
			}
		}
		v := 2 * factor * f.load[t] * math.Exp(x) * spike
		if s.Quantised {
			v = 2 + rnd.normal(0.35) + (spike - 1)
		}
		if bad.at(t) {
			v = v*s.Effect + s.Add
		}
		if s.Quantised {
			v = math.Round(max(v, 0))
		}
		p.Gauge[t] = v
	}
}
