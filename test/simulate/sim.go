package simulate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/podgate/podgate/controller/decide"
	"github.com/podgate/podgate/test/simulate/apiserver"
	"github.com/podgate/podgate/test/simulate/oracle"
)

// Options of a run besides its script.
type Options struct {
	// Without leaves one of the product's rules out, to show that the run fails.
	Without decide.Rule
	// Ignore is a promise that is not looked at.
	Ignore oracle.Promise
	// Trace, if set, is told of all that happens.
	Trace func(line string)
}

// Outcome of a run.
type Outcome struct {
	// Violation is the first promise that was broken; nil if none was. Step is the
	// action at which it was.
	Violation *oracle.Violation
	Step      int
	// Steps, Passes, Calls and Writes count what was done, Checks what the oracle
	// looked at; Events counts what the controller told of, by reason.
	Steps, Passes, Calls, Writes, Settled, Canaries int
	Events                                          map[string]int
	// Digest is equal for runs in which the same was written.
	Digest uint64
}

// Sim is one run.
type Sim struct {
	Options
	server     *apiserver.Server
	oracle     *oracle.Oracle
	world      *world
	replicas   []*replica
	leader     *replica
	now        time.Time
	monitoring distortion
	// budgetSpent says that a PodDisruptionBudget forbids evictions.
	budgetSpent bool
	// pass is whose call the API server is carrying out.
	pass    *pass
	outcome Outcome
}

func init() { log.SetLogger(logr.Discard()) }

// noon is when every run begins.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// Run plays a script. The goroutines of the product run in a bubble (see
// testing/synctest), in which it is known when all of them wait; only one ever
// goes on at a time.
func Run(t *testing.T, script Script, o Options) (out Outcome) {
	synctest.Test(t, func(*testing.T) { out = run(script, o) })
	return out
}

func run(script Script, o Options) Outcome {
	s := &Sim{Options: o, now: noon, monitoring: truthful, outcome: Outcome{Events: map[string]int{}}}
	s.server = apiserver.New(func() time.Time { return s.now })
	dice := rand.New(rand.NewPCG(script.Config.Seed, 2))
	s.world = newWorld(s, dice)
	s.oracle = oracle.New(s.world.key)
	s.server.Observe = s.observe
	s.world.populate(script.Config, dice)
	for _, name := range []string{"A", "B"} {
		r := &replica{sim: s, name: name}
		r.start()
		s.replicas = append(s.replicas, r)
	}
	s.leader = s.replicas[0]
	for i, a := range script.Actions {
		s.outcome.Step = i
		s.tracef("%d %s", i, a)
		kindByName[a.Kind].do(s, a.dice())
		s.outcome.Steps++
		if s.outcome.Violation != nil {
			break
		}
	}
	if s.outcome.Violation == nil {
		s.outcome.Step = len(script.Actions)
		s.settle(dice)
	}
	for _, r := range s.replicas {
		r.kill()
	}
	return s.outcome
}

// tracef tells what happens, for those who look at a failure.
func (s *Sim) tracef(format string, args ...any) {
	if s.Trace != nil {
		s.Trace(s.now.Format("15:04:05.000 ") + fmt.Sprintf(format, args...))
	}
}

// observe lets the oracle see a change.
func (s *Sim) observe(c apiserver.Change) {
	if s.Trace != nil {
		s.Trace(s.now.Format("15:04:05.000 ") + "    " + describe(c))
	}
	var known *oracle.Pass
	if s.pass != nil {
		s.pass.wrote++
		s.outcome.Writes++
		known = &s.pass.known
		s.outcome.Digest = digest(s.outcome.Digest, c)
	}
	s.found(s.oracle.Observe(c, known))
}

// found keeps the first violation.
func (s *Sim) found(v *oracle.Violation) {
	if v != nil && s.outcome.Violation == nil && v.Promise != s.Ignore {
		s.outcome.Violation = v
		s.tracef("VIOLATION: %s", v)
	}
}

// passEnded lets the oracle see what a pass has left behind. It was calm if
// nothing kept it from knowing everything, and nobody else wrote meanwhile.
func (s *Sim) passEnded(p *pass) {
	calm := !p.faulted && p.known.Seen > p.known.From && s.server.Revision() == p.known.From+int64(p.wrote)
	if calm && p.err == nil {
		s.outcome.Settled++
		s.found(s.oracle.Settled(&p.known))
	}
}

// someReplica is more often the one that leads.
func (s *Sim) someReplica(dice *rand.Rand) *replica {
	if dice.IntN(2) == 0 {
		return s.leader
	}
	return pick(dice, s.replicas)
}

func (s *Sim) advance(d time.Duration) { s.now = s.now.Add(d) }

// tick lets time pass until the leader has something to do, and lets it do so.
func (s *Sim) tick() {
	s.untilDue(s.leader)
	s.work(s.leader)
}

// untilDue lets time pass until a replica has something to do.
func (s *Sim) untilDue(r *replica) {
	_, due, found := r.next()
	switch {
	case found && due.After(s.now.Add(time.Hour)), !found:
		s.advance(time.Second)
	case due.After(s.now):
		s.now = due
	}
}

// rounds is how often a replica looks for more work before others have their
// turn.
const rounds = 6

// work lets a replica know everything and do all that is due, and Prometheus
// answer it.
func (s *Sim) work(r *replica) {
	for range rounds {
		r.syncAll()
		for s.monitoring != hanging && r.answerNow(s.monitoring, rand.New(rand.NewPCG(uint64(s.server.Revision()), 3))) {
			r.syncAll()
		}
		for _, p := range slices.Clone(r.passes) {
			p.turn(1 << 30)
		}
		p := r.begin()
		if p == nil || s.outcome.Violation != nil {
			return
		}
		if !p.done {
			p.turn(1 << 30)
		}
		s.revive(r)
	}
}

// lazily is a tick in which the leader's cache hears nothing new of some kinds of
// object.
func (s *Sim) lazily(dice *rand.Rand) {
	s.untilDue(s.leader)
	for _, k := range apiserver.Kinds {
		if dice.IntN(2) == 0 {
			s.leader.sync(k, 1+dice.IntN(5))
		}
	}
	for range 2 {
		if s.monitoring != hanging {
			s.leader.answerNow(s.monitoring, dice)
		}
		if p := s.leader.begin(); p != nil && !p.done {
			p.turn(1 << 30)
		}
		s.revive(s.leader)
	}
}

// duel is a tick of both replicas, each of which thinks that it leads: their
// calls take turns.
func (s *Sim) duel(dice *rand.Rand) {
	s.untilDue(pick(dice, s.replicas))
	for range 40 {
		r := pick(dice, s.replicas)
		switch dice.IntN(6) {
		case 0:
			r.sync(pick(dice, apiserver.Kinds), 1+dice.IntN(10))
		case 1:
			if s.monitoring != hanging {
				r.answerNow(s.monitoring, dice)
			}
		default:
			s.turn(r, 1+dice.IntN(5), dice)
		}
		if s.outcome.Violation != nil {
			return
		}
	}
}

// race lets both replicas, each of which thinks that it leads, have an answer at
// the same time, the second one when other pods are bad already. Then the first
// comes as far as its first write to a pod; the second does all that it has to do;
// and the first goes on.
func (s *Sim) race(dice *rand.Rand) {
	s.untilDue(s.leader)
	for _, r := range s.replicas {
		if r == s.replicas[1] {
			s.world.healAll()
		}
		for range 3 {
			s.world.sicken(dice)
		}
		for _, g := range s.server.All(apiserver.TrafficGate, "") {
			r.wake(keyOf(g), s.now)
		}
		s.upToAnswers(r)
	}
	first, second := s.replicas[0], s.replicas[1]
	if dice.IntN(2) == 0 {
		first, second = second, first
	}
	paused := s.upToWrite(first)
	for range rounds {
		if p := second.begin(); p != nil && !p.done {
			p.turn(1 << 30)
		}
		s.revive(second)
	}
	if paused != nil && slices.Contains(first.passes, paused) {
		paused.turn(1 << 30)
	}
	s.revive(first)
}

// upToWrite lets a replica work until it is about to write to a pod, and returns
// the pass that is; nil if none is.
func (s *Sim) upToWrite(r *replica) *pass {
	for range rounds {
		p := r.begin()
		if p == nil {
			return nil
		}
		for !p.done && slices.Contains(r.passes, p) {
			if strings.HasPrefix(p.waits, "patch "+string(apiserver.Pod)) {
				return p
			}
			p.turn(1)
		}
		s.revive(r)
	}
	return nil
}

// upToAnswers lets a replica know everything, ask Prometheus, and be answered;
// what it does then is still to come.
func (s *Sim) upToAnswers(r *replica) {
	for range rounds {
		r.syncAll()
		p := r.begin()
		if p == nil {
			break
		}
		if !p.done {
			p.turn(1 << 30)
		}
		s.revive(r)
	}
	for s.monitoring != hanging && r.answerNow(s.monitoring, rand.New(rand.NewPCG(uint64(s.server.Revision()), 3))) {
		r.syncAll()
	}
}

// turn lets a replica make n calls, in a pass that waits or in a new one.
func (s *Sim) turn(r *replica, n int, dice *rand.Rand) {
	var p *pass
	if len(r.passes) > 0 && dice.IntN(3) > 0 {
		p = pick(dice, r.passes)
	} else {
		p = r.begin()
	}
	if p != nil && !p.done {
		p.turn(n)
	}
	s.revive(r)
}

// revive starts a process again that died at a call.
func (s *Sim) revive(r *replica) {
	if r.died {
		s.restart(r)
	}
}

// restart ends a process, and starts another.
func (s *Sim) restart(r *replica) {
	r.kill()
	r.died = false
	r.start()
	s.tracef("%s starts", r)
}

// lead makes a replica the leader: it looks after every gate. The other may not
// have noticed.
func (s *Sim) lead(r *replica) {
	s.leader = r
	s.tracef("%s leads", r)
	for _, g := range s.server.All(apiserver.TrafficGate, "") {
		r.wake(keyOf(g), s.now)
	}
}

// jump sets a replica's clock wrong, or right.
func (r *replica) jump(dice *rand.Rand) {
	r.ahead = 0
	if dice.IntN(2) == 0 {
		r.ahead = pick(dice, []time.Duration{10 * time.Second, 5 * time.Minute, 2 * time.Hour})
		if dice.IntN(2) == 0 {
			r.ahead = -r.ahead
		}
	}
	r.sim.tracef("%s: the clock is %s ahead", r, r.ahead)
}
