package simulate

import (
	"context"
	"fmt"
	goruntime "runtime"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/podgate/podgate/controller"
	"github.com/podgate/podgate/test/simulate/apiserver"
	"github.com/podgate/podgate/test/simulate/oracle"
)

// workers is how many gates a replica looks after at once.
const workers = 2

// replica is one process of the controller, and its successors after a crash.
type replica struct {
	sim  *Sim
	name string
	// life counts the processes.
	life       int
	ahead      time.Duration // of its clock
	reconciler *controller.Reconciler
	cache      *apiserver.Cache
	stop       context.CancelFunc
	queue      map[types.NamespacedName]*entry
	passes     []*pass
	questions  []*question
	// looks are the answers about each gate, taken how many a pass has had.
	looks map[types.NamespacedName][]oracle.Look
	taken map[types.NamespacedName]int
	// begun is what the cache had shown when the last pass over each gate began.
	begun map[types.NamespacedName]int64
	fault fault
	// died says that the process ended at a call.
	died bool
}

// entry is a gate in the work queue.
type entry struct {
	due      time.Time
	waiting  bool
	failures int
}

func (r *replica) String() string { return fmt.Sprintf("%s/%d", r.name, r.life) }

// Now is the time by the replica's clock.
func (r *replica) Now() time.Time { return r.sim.now.Add(r.ahead) }

// Since is the time since t by the replica's clock.
func (r *replica) Since(t time.Time) time.Duration { return r.Now().Sub(t) }

// Eventf takes the place of an event recorder.
func (r *replica) Eventf(about, _ runtime.Object, _, reason, _, note string, args ...any) {
	r.sim.outcome.Events[reason]++
}

// start starts a process, with a cache as fresh as a list can be.
func (r *replica) start() {
	r.life++
	ctx, cancel := context.WithCancel(context.Background())
	r.cache = r.sim.server.NewCache(controller.StripPod)
	made, err := controller.New(writer{replica: r}, reader{replica: r, live: true}, r, controller.Options{
		Source: &prometheusOf{r}, Metrics: prometheus.NewRegistry(), Clock: r, Without: r.sim.Without,
	})
	if err != nil {
		panic(err)
	}
	r.reconciler, r.stop = made, cancel
	go func() { _ = made.Start(ctx) }()
	r.queue, r.fault = map[types.NamespacedName]*entry{}, fault{}
	r.looks, r.taken, r.begun = map[types.NamespacedName][]oracle.Look{}, map[types.NamespacedName]int{}, map[types.NamespacedName]int64{}
	for _, k := range apiserver.Kinds { // as a watch that begins tells of what there is
		for _, obj := range r.sim.server.All(k, "") {
			r.tell(apiserver.Change{After: obj})
		}
	}
}

// kill ends the process where it is: passes stop at the call that they wait
// with, and everything in memory is gone.
func (r *replica) kill() {
	for _, p := range slices.Clone(r.passes) {
		p.turns <- -1
	}
	r.stop()
	r.sim.await()
	r.passes, r.questions = nil, nil
}

// tell lets the product's own watches say which gates a change matters to.
func (r *replica) tell(c apiserver.Change) {
	for _, w := range r.reconciler.Watches() {
		if apiserver.KindOf(w.Object) != apiserver.KindOf(c.Object()) {
			continue
		}
		matters := false
		switch {
		case c.Before == nil:
			matters = w.Changes.Create(event.CreateEvent{Object: c.After})
		case c.After == nil:
			matters = w.Changes.Delete(event.DeleteEvent{Object: c.Before})
		default:
			matters = w.Changes.Update(event.UpdateEvent{ObjectOld: c.Before, ObjectNew: c.After})
		}
		if !matters {
			continue
		}
		gates := w.Gates(context.Background(), c.Object())
		if c.Before != nil && c.After != nil { // the old object matters to its gates too
			gates = append(w.Gates(context.Background(), c.Before), gates...)
		}
		for _, request := range gates {
			r.wake(request.NamespacedName, r.sim.now)
		}
	}
}

// wake makes a gate due at some time, unless it is sooner.
func (r *replica) wake(gate types.NamespacedName, at time.Time) {
	e := r.queue[gate]
	if e == nil {
		e = &entry{}
		r.queue[gate] = e
	}
	if !e.waiting || at.Before(e.due) {
		e.due, e.waiting = at, true
	}
}

// sync takes up to n changes of a kind into the cache.
func (r *replica) sync(k apiserver.Kind, n int) {
	for range n {
		c, ok := r.cache.Next(k)
		if !ok {
			return
		}
		r.tell(c)
	}
}

// syncAll brings the cache up to date.
func (r *replica) syncAll() {
	for _, k := range apiserver.Kinds {
		r.sync(k, 1<<30)
	}
}

// next returns the gate that has been due longest and is not being looked after,
// and since when; false if there is none.
func (r *replica) next() (gate types.NamespacedName, due time.Time, found bool) {
	for key, e := range r.queue {
		busy := slices.ContainsFunc(r.passes, func(p *pass) bool { return p.gate == key })
		if !e.waiting || busy {
			continue
		}
		if !found || e.due.Before(due) || (e.due.Equal(due) && key.String() < gate.String()) {
			gate, due, found = key, e.due, true
		}
	}
	return gate, due, found
}

// begin begins a pass over the gate that is due; nil if none is.
func (r *replica) begin() *pass {
	gate, due, found := r.next()
	if !found || due.After(r.sim.now) || len(r.passes) >= workers {
		return nil
	}
	r.queue[gate].waiting = false
	p := &pass{replica: r, gate: gate, turns: make(chan int)}
	p.known = oracle.Pass{Replica: r.String(), Gate: gate, Seen: r.cache.Revision(), From: r.sim.server.Revision(), Began: r.Now(), Now: r.Now,
		ReadAt: map[apiserver.Kind]int64{}, Looks: func() []oracle.Look { return r.looks[gate] }, Fresh: len(r.looks[gate]) > r.taken[gate]}
	r.taken[gate], r.begun[gate] = len(r.looks[gate]), p.known.Seen
	r.passes = append(r.passes, p)
	r.sim.outcome.Passes++
	r.sim.tracef("%s %s: a pass begins, the cache shows all before %d of %d", r, gate, p.known.Seen, p.known.From)
	go p.run()
	r.sim.await()
	p.ended() // one that had no call to make
	return p
}

// pass is one call of Reconcile.
type pass struct {
	*replica
	gate  types.NamespacedName
	turns chan int
	left  int
	// waits is the call that it makes next.
	waits string
	// known is what it could know, wrote how many writes it did.
	known oracle.Pass
	wrote int

	done, faulted bool
	result        reconcile.Result
	err           error
}

func (p *pass) run() {
	defer p.end()
	ctx := context.WithValue(context.Background(), passKey{}, p)
	p.result, p.err = p.reconciler.Reconcile(ctx, reconcile.Request{NamespacedName: p.gate})
	p.done = true
}

// awaitTurn waits until the script lets the pass make another call.
func (p *pass) awaitTurn() {
	if p.left == 0 {
		p.left = <-p.turns
	}
	if p.left < 0 {
		goruntime.Goexit()
	}
	p.left--
}

// end puts the gate back into the queue as the work queue would.
func (p *pass) end() {
	p.passes = slices.DeleteFunc(p.passes, func(other *pass) bool { return other == p })
	if !p.done {
		return
	}
	e := p.queue[p.gate]
	p.sim.tracef("%s %s: the pass ends: again after %s, %v", p.replica, p.gate, p.result.RequeueAfter, p.err)
	switch {
	case p.err != nil:
		delay := min(50*time.Millisecond<<min(e.failures, 10), 10*time.Second)
		e.failures++
		p.wake(p.gate, p.sim.now.Add(delay))
	case p.result.RequeueAfter > 0:
		e.failures = 0
		p.wake(p.gate, p.sim.now.Add(p.result.RequeueAfter))
	default:
		e.failures = 0
	}
}

// turn lets a pass make n calls, and returns when it has, or has ended.
func (p *pass) turn(n int) {
	p.turns <- n
	p.sim.await()
	p.ended()
}

// ended lets the oracle look at what a pass that came to its end left behind.
func (p *pass) ended() {
	if p.done {
		p.sim.passEnded(p)
	}
}
