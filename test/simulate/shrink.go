package simulate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Shrink leaves actions of a script out for as long as it still fails, and
// returns what is left, in at most so many tries: halves first, then ever
// smaller parts (Zeller and Hildebrandt, Simplifying and Isolating
// Failure-Inducing Input, 2002).
func Shrink(script Script, tries int, fails func(Script) bool) Script {
	for part := len(script.Actions) / 2; part >= 1 && tries > 0; {
		removed := false
		for at := 0; at < len(script.Actions) && tries > 0; {
			shorter := script
			shorter.Actions = slices.Concat(script.Actions[:at], script.Actions[min(at+part, len(script.Actions)):])
			tries--
			if fails(shorter) {
				script, removed = shorter, true
				continue
			}
			at += part
		}
		if !removed || part > len(script.Actions) {
			part /= 2
		}
	}
	return script
}

// String writes a script so that Parse reads it: the seed, the number of steps,
// and which of them are left.
func (s Script) String() string {
	var parts []string
	for i := 0; i < len(s.Actions); {
		from, to := s.Actions[i].Step, s.Actions[i].Step
		for i++; i < len(s.Actions) && s.Actions[i].Step == to+1; i++ {
			to++
		}
		if from == to {
			parts = append(parts, strconv.Itoa(from))
		} else {
			parts = append(parts, fmt.Sprintf("%d-%d", from, to))
		}
	}
	return fmt.Sprintf("%d:%d:%s", s.Config.Seed, s.Config.Steps, strings.Join(parts, ","))
}

// Parse reads what String writes. A seed alone is a script of the usual length.
func Parse(text string) (Script, error) {
	fields := strings.Split(text, ":")
	seed, err := strconv.ParseUint(fields[0], 10, 64)
	if err != nil || len(fields) == 2 || len(fields) > 3 {
		return Script{}, fmt.Errorf("script %q: want SEED, or SEED:STEPS:3,7-9 as a failure prints it", text)
	}
	if len(fields) == 1 {
		return NewScript(seed, Episode), nil
	}
	steps, err := strconv.Atoi(fields[1])
	if err != nil || steps < 0 || steps > 1_000_000 {
		return Script{}, fmt.Errorf("script %q: %q is no number of steps", text, fields[1])
	}
	script := NewScript(seed, steps)
	all := script.Actions
	script.Actions = nil
	for part := range strings.SplitSeq(fields[2], ",") {
		if part == "" {
			continue
		}
		first, last, isRange := strings.Cut(part, "-")
		from, err := strconv.Atoi(first)
		to := from
		if err == nil && isRange {
			to, err = strconv.Atoi(last)
		}
		if err != nil || from < 0 || to < from || to >= len(all) {
			return Script{}, fmt.Errorf("script %q: %q is no range of its %d steps", text, part, len(all))
		}
		script.Actions = append(script.Actions, all[from:to+1]...)
	}
	return script, nil
}
