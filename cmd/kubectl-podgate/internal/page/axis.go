package page

import (
	"fmt"
	"math"
	"time"
)

// scale maps numbers to pixels.
type scale struct{ from, to, at, until float64 }

func (s scale) px(x float64) float64 {
	if s.to == s.from {
		return s.at
	}
	return s.at + (x-s.from)/(s.to-s.from)*(s.until-s.at)
}

// timeScale maps a stretch of time to pixels.
type timeScale struct {
	from, to  time.Time
	at, until float64
}

func (s timeScale) px(t time.Time) float64 {
	whole := s.to.Sub(s.from).Seconds()
	if whole <= 0 {
		return s.at
	}
	x := s.at + t.Sub(s.from).Seconds()/whole*(s.until-s.at)
	return math.Max(s.at, math.Min(s.until, x))
}

// tick is a place on an axis with its label.
type tick struct {
	px    float64
	label string
}

// steps of a time axis.
var steps = []time.Duration{time.Second, 5 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute,
	10 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	24 * time.Hour, 2 * 24 * time.Hour, 7 * 24 * time.Hour, 14 * 24 * time.Hour, 28 * 24 * time.Hour, 91 * 24 * time.Hour, 365 * 24 * time.Hour}

// ticks are at most n round times.
func (s timeScale) ticks(n int) (out []tick) {
	step := steps[len(steps)-1]
	for _, candidate := range steps {
		if s.to.Sub(s.from)/candidate <= time.Duration(n) {
			step = candidate
			break
		}
	}
	for t := s.from.UTC().Truncate(step); !t.After(s.to); t = t.Add(step) {
		if t.Before(s.from) {
			continue
		}
		label := t.Format("15:04")
		switch {
		case step < time.Minute:
			label = t.Format("15:04:05")
		case t.Equal(t.Truncate(24 * time.Hour)):
			label = t.Format("Jan 2")
		}
		out = append(out, tick{s.px(t), label})
	}
	return out
}

// ticks are at most n+1 round numbers of a scale, written in a unit.
func (s scale) ticks(n int, u unit) (out []tick) {
	step := roundStep((s.to-s.from)/float64(n), u)
	if !(step > 0) || math.IsInf(step, 0) {
		return nil
	}
	for k := math.Ceil(s.from/step - 1e-9); k*step <= s.to*(1+1e-9); k++ {
		out = append(out, tick{s.px(k * step), u.format(k * step)})
	}
	return out
}

// roundStep is the next 1, 2 or 5 times a power of ten; bytes are rounded in their
// binary multiples.
func roundStep(x float64, u unit) float64 {
	base := 1.0
	if u == bytes {
		for x/base >= 1024 {
			base *= 1024
		}
	}
	x /= base
	power := math.Pow(10, math.Floor(math.Log10(x)))
	for _, m := range []float64{1, 2, 5, 10} {
		if m*power >= x*(1-1e-9) {
			return m * power * base
		}
	}
	return 10 * power * base
}

// whenLong writes an instant for people, with the day.
func whenLong(t time.Time) string { return t.UTC().Format("Mon Jan 2 15:04:05") }

func num(x float64) string { return fmt.Sprintf("%.1f", x) }
