package faults

import (
	"context"
	"time"
)

// Fault is one way to break something.
type Fault struct {
	// Name is short, for tests and flags; What says what is done.
	Name, What string
	// Rounds is how often the whole benchmark plays it.
	Rounds int
	// Earliest and Latest are when the fault may begin, after the pods began to
	// fail. It takes a gate some 10 to 16 s to take out a pod.
	Earliest, Latest time.Duration
	// Sick is how many pods fail; at least 1.
	Sick int
	// Says is the reason of Ready that the gate must give while the fault lasts;
	// empty if the gate is well, or cannot say anything.
	Says string
	// Play begins the fault and ends it. It leaves nothing broken behind, also if
	// it fails.
	Play func(ctx context.Context, a *Arena, r *Round) error
	// Prepare and Restore, if set, come before and after the round. Check, if set,
	// checks what is particular to this fault once the gate works again.
	Prepare, Restore func(ctx context.Context, a *Arena) error
	Check            func(ctx context.Context, a *Arena, r *Round) error
	// Instead, if set, is the whole round.
	Instead func(ctx context.Context, a *Arena, r *Round) error
	// NeedsProxy says that it is about kube-proxy, which a box without namespaces
	// does not have.
	NeedsProxy bool
}

// All are all faults, in the order of the table.
func All() []Fault {
	var all []Fault
	all = append(all, kills()...)
	all = append(all, leaders()...)
	all = append(all, apiServers()...)
	all = append(all, prometheuses()...)
	return append(all, looks()...)
}
