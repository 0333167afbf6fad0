package simulate

import (
	"fmt"
	"math/rand/v2"
)

// Script is all that happens in one run. The same script gives the same run, to
// the last write.
type Script struct {
	Config  Config
	Actions []Action
}

// Config is how a run's world begins.
type Config struct {
	Seed uint64
	// Steps is how many actions the script was written with.
	Steps int
	// Fleets is how many fleets there are, 1 to 3; Pods how many pods the first
	// has, 1 to 200; the others have fewer.
	Fleets, Pods int
}

// Action is one step: something that happens, or somebody's turn. What it does
// follows from its seed and the world alone, so that actions before it can be
// left out.
type Action struct {
	Kind Kind
	Seed uint64
	// Step is its number in the script as it was written.
	Step int
}

func (a Action) String() string { return fmt.Sprintf("%s:%d", a.Kind, a.Seed) }

func (a Action) dice() *rand.Rand { return rand.New(rand.NewPCG(a.Seed, 1)) }

// Episode is how many steps a run usually has.
const Episode = 400

// NewScript writes a run of n steps. In each some kinds of action are frequent
// and some don't occur, because what is always mixed with everything else never
// gets far (Groce and others, Swarm Testing, 2012).
func NewScript(seed uint64, n int) Script {
	dice := rand.New(rand.NewPCG(seed, 0))
	s := Script{Config: Config{Seed: seed, Steps: n, Fleets: 1 + max(0, dice.IntN(6)-3), Pods: fleetSize(dice)}}
	total := 0.0
	weights := make([]float64, len(kinds))
	for i, k := range kinds {
		weights[i] = k.weight * pick(dice, []float64{0, 0.3, 1, 1, 3})
		if k.always {
			weights[i] = max(weights[i], k.weight)
		}
		total += weights[i]
	}
	for step := range n {
		at, i := dice.Float64()*total, 0
		for ; i < len(kinds)-1 && at >= weights[i]; i++ {
			at -= weights[i]
		}
		s.Actions = append(s.Actions, Action{Kind: kinds[i].name, Seed: dice.Uint64(), Step: step})
	}
	return s
}

// fleetSize is mostly small, because small fleets have the narrow limits.
func fleetSize(dice *rand.Rand) int {
	switch dice.IntN(20) {
	case 0:
		return 30 + dice.IntN(171)
	case 1, 2, 3, 4:
		return 10 + dice.IntN(20)
	}
	return 1 + dice.IntN(12)
}
