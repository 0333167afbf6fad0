package backtest

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/replay"
	"github.com/podgate/podgate/controller/source"
)

// filtered is a source that knows only some pods.
type filtered struct {
	replay.Source
	flag string
	keep *regexp.Regexp

	mu sync.Mutex // answers are read ahead
	// kept and left are the pods of which a signal spoke.
	kept, left map[string]bool
}

// History implements replay.Source.
func (f *filtered) History(ctx context.Context, questions []source.Question, from, to time.Time, step time.Duration) ([]source.Moment, error) {
	moments, err := f.Source.History(ctx, questions, from, to, step)
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range moments {
		for k, a := range m.Answers {
			for pod := range a.ByPod {
				kept := f.keep.MatchString(pod)
				if !kept {
					delete(a.ByPod, pod)
				}
				// What is asked for no signal, such as who is Ready, speaks of other pods too.
				if signal := questions[k].Signal != ""; signal && kept {
					f.kept[pod] = true
				} else if signal {
					f.left[pod] = true
				}
			}
		}
	}
	return moments, err
}

// fewest is how many pods it takes before one can be gated: those that are out are
// always fewer than the rest.
const fewest = 3

// warning says that so few pods are left that nobody can be gated; empty otherwise.
func (f *filtered) warning() string {
	if f == nil {
		return ""
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := len(f.kept); n == 0 || n >= fewest {
		return ""
	}
	return fmt.Sprintf("warning: --pods %q leaves %s of %d pods: nobody can be gated of fewer than %d, so leave fewer pods out",
		f.flag, several(f.kept), len(f.kept)+len(f.left), fewest)
}

// nobody says that no pod is left of those that there are; empty otherwise.
func (f *filtered) nobody() string {
	if f == nil {
		return ""
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.kept) > 0 || len(f.left) == 0 {
		return ""
	}
	return fmt.Sprintf("--pods %q leaves none of the pods that there are, %s: correct it", f.flag, several(f.left))
}

// several are the first of some names, and how many there are.
func several(names map[string]bool) string {
	const shown = 5
	sorted := slices.Sorted(maps.Keys(names))
	if n := len(sorted); n > shown {
		return fmt.Sprintf("%s and %d others", strings.Join(sorted[:shown], ", "), n-shown)
	}
	return strings.Join(sorted, ", ")
}
