package simulate

import (
	"context"
	"runtime"

	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kruntime "k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/test/simulate/apiserver"
)

// passKey is the context's key for the pass that a call belongs to.
type passKey struct{}

// call makes one call of a pass: do is run when it is the pass's turn. Calls
// that belong to no pass, such as those that ask which gates a pod matters to,
// are made at once.
func (r *replica) call(ctx context.Context, what string, writes bool, do func() error) error {
	p, ok := ctx.Value(passKey{}).(*pass)
	if !ok {
		return do()
	}
	p.waits = what
	p.awaitTurn()
	r.sim.outcome.Calls++
	f := r.fault
	if !f.meets(writes) {
		r.sim.pass = p
		err := do()
		r.sim.pass = nil
		if what != "" || err != nil {
			r.sim.tracef("%s %s: %s%s", r, p.gate, what, outcome(err))
		}
		return err
	}
	r.fault = fault{}
	if f.after {
		r.sim.pass = p
		_ = do()
		r.sim.pass = nil
	}
	p.faulted = true
	if f.kills {
		r.sim.tracef("%s %s: dies at: %s (done: %t)", r, p.gate, what, f.after)
		r.died = true
		runtime.Goexit()
	}
	r.sim.tracef("%s %s: %s fails: %v (done: %t)", r, p.gate, what, f.err, f.after)
	return f.err
}

func outcome(err error) string {
	if err == nil {
		return ""
	}
	return ": " + err.Error()
}

// reader reads from a replica's cache or, live, from the API server.
type reader struct {
	*replica
	live bool
}

func (c reader) Get(ctx context.Context, key client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	if !c.live {
		return c.call(ctx, "", false, func() error { return c.cache.Get(key, obj) })
	}
	return c.call(ctx, "get "+key.String(), false, func() error {
		c.sim.readLive(obj)
		return c.sim.server.Get(key, obj)
	})
}

func (c reader) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	if !c.live {
		return c.call(ctx, "", false, func() error { return c.cache.List(list, opts...) })
	}
	return c.call(ctx, "list", false, func() error {
		c.sim.readLive(list)
		return c.sim.server.List(list, opts...)
	})
}

// writer is the replica's client: it reads from the cache, and writes.
type writer struct {
	client.Client // nil: what is not here must not be called
	*replica
}

func (c writer) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	return reader{replica: c.replica}.Get(ctx, key, obj, opts...)
}

func (c writer) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	return reader{replica: c.replica}.List(ctx, list, opts...)
}

func (c writer) Patch(ctx context.Context, obj client.Object, patch client.Patch, _ ...client.PatchOption) error {
	data, _ := patch.Data(obj)
	what := "patch " + string(apiserver.KindOf(obj)) + " " + obj.GetName() + " " + string(data)
	return c.call(ctx, what, true, func() error { return c.sim.server.Patch(v1alpha1.FieldManager, obj, patch) })
}

func (c writer) Status() client.SubResourceWriter {
	return subresource{replica: c.replica, name: "status"}
}

func (c writer) SubResource(name string) client.SubResourceClient {
	return subresource{replica: c.replica, name: name}
}

// subresource is the gates' status and the pods' eviction.
type subresource struct {
	client.SubResourceClient // nil: what is not here must not be called
	*replica
	name string
}

func (s subresource) Apply(ctx context.Context, obj kruntime.ApplyConfiguration, _ ...client.SubResourceApplyOption) error {
	content := obj.(interface{ UnstructuredContent() map[string]any }).UnstructuredContent()
	return s.call(ctx, "apply status", true, func() error { return s.sim.server.ApplyStatus(v1alpha1.FieldManager, content) })
}

func (s subresource) Patch(ctx context.Context, obj client.Object, patch client.Patch, _ ...client.SubResourcePatchOption) error {
	data, _ := patch.Data(obj)
	return s.call(ctx, "patch status "+string(data), true, func() error { return s.sim.server.PatchStatus(v1alpha1.FieldManager, obj, patch) })
}

func (s subresource) Create(ctx context.Context, obj, sub client.Object, _ ...client.SubResourceCreateOption) error {
	return s.call(ctx, "evict "+obj.GetName(), true, func() error {
		if s.sim.budgetSpent {
			return apiserver.BudgetSpent()
		}
		return s.sim.server.Evict(v1alpha1.FieldManager, obj, sub.(*policyv1.Eviction))
	})
}

// readLive notes at which revision a pass read a kind of object from the API
// server itself.
func (s *Sim) readLive(obj any) {
	if _, workload := obj.(*unstructured.Unstructured); !workload && s.pass != nil {
		s.pass.known.ReadAt[apiserver.KindOf(obj)] = s.server.Revision()
	}
}
