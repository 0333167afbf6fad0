package simulate

import (
	"context"
	"errors"
	"math/rand/v2"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// fault is what becomes of a replica's next call, or its next write.
type fault struct {
	armed, writes bool
	// after says that the call is made all the same.
	after bool
	// kills says that the process dies at it; err is what it is told otherwise.
	kills bool
	err   error
}

// meets reports whether a call is the one that the fault waits for.
func (f fault) meets(writes bool) bool { return f.armed && (writes || !f.writes) }

func newFault(r *rand.Rand) fault {
	f := fault{armed: true, writes: r.IntN(3) > 0, after: r.IntN(2) == 0, kills: r.IntN(4) == 0}
	pods := schema.GroupResource{Resource: "pods"}
	errs := []error{
		apierrors.NewInternalError(errors.New("etcdserver: request timed out")),
		apierrors.NewTooManyRequests("slow down", 1),
		apierrors.NewServerTimeout(pods, "patch", 1),
		context.DeadlineExceeded,
		apierrors.NewConflict(pods, "any", errors.New("the object has been modified")),
	}
	if f.after {
		errs = errs[:4] // what was done is not told to be in conflict
	}
	f.err = errs[r.IntN(len(errs))]
	return f
}
