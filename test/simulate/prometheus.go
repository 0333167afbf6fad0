package simulate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/podgate/podgate/controller/source"
	"github.com/podgate/podgate/test/simulate/oracle"
)

// The queries that a simulated gate may ask, each about one number a pod; the
// gate's name follows behind a slash.
const (
	queryHealth = "health" // 1 and a little for a healthy pod, twice and more for a sick one
	querySlow   = "slow"   // the same of another sickness
	queryLoad   = "load"
	queryProbe  = "probe" // 1 for a healthy pod, 0 for a sick one
	queryTotal  = "total"
	queryBad    = "bad"
)

// prometheusOf answers one replica when the script says so.
type prometheusOf struct{ *replica }

// question is what a replica waits to be answered.
type question struct {
	gate  types.NamespacedName
	asked []source.Question
	at    time.Time
	// seen is the truth when it was asked; see await.
	seen   truth
	answer chan []source.Answer
	// known says that the pass which asked knew every change before this revision.
	known int64
}

// truth is how each pod of a namespace is, by its name.
type truth map[string]condition

// Ask waits for the script's answer.
func (p *prometheusOf) Ask(ctx context.Context, asked []source.Question, at time.Time) []source.Answer {
	_, gate, _ := strings.Cut(asked[0].Value+asked[0].Total, "/")
	q := &question{gate: types.NamespacedName{Namespace: asked[0].Namespace, Name: gate}, asked: asked, at: at,
		answer: make(chan []source.Answer)}
	p.questions = append(p.questions, q)
	select {
	case out := <-q.answer:
		return out
	case <-ctx.Done():
		out := make([]source.Answer, len(asked))
		for i := range out {
			out[i].Err = &source.QueryError{Failure: source.Failed, Query: asked[i].Value, Err: ctx.Err()}
		}
		return out
	}
}

// await returns when every goroutine of the product waits: for its turn, for
// Prometheus, or for the end. What was asked meanwhile is asked of the world as
// it is then, because the goroutine that asks runs beside the pass.
func (s *Sim) await() {
	synctest.Wait()
	for _, r := range s.replicas {
		for _, q := range r.questions {
			if q.seen == nil {
				q.seen = s.world.truth(q.gate.Namespace)
				q.known = r.begun[q.gate]
			}
		}
	}
}

// History is short, and says that all was well.
func (p *prometheusOf) History(context.Context, []source.Question, time.Time, time.Time, time.Duration) ([]source.Moment, error) {
	return nil, nil
}

// answerNow answers a replica's oldest question, distorted or as things were
// when it was asked, and lets the gate know.
func (r *replica) answerNow(d distortion, dice *rand.Rand) bool {
	if len(r.questions) == 0 {
		return false
	}
	q := r.questions[0]
	r.questions = r.questions[1:]
	answers := make([]source.Answer, len(q.asked))
	for i, asked := range q.asked {
		answers[i] = d.distort(asked, r.sim.world.answer(asked, q.seen), dice)
	}
	look := oracle.Look{At: q.at, Answers: answers, Seen: q.known}
	for _, asked := range q.asked {
		look.Queries = append(look.Queries, asked.Value+asked.Total)
	}
	r.looks[q.gate] = append(r.looks[q.gate], look)
	if slices.ContainsFunc(r.passes, func(p *pass) bool { return p.gate == q.gate }) {
		r.taken[q.gate] = len(r.looks[q.gate]) // who knows whether that pass still takes it
	}
	r.sim.tracef("%s %s: Prometheus answers as of %s: %s", r, q.gate, q.at.Format(time.TimeOnly), d)
	q.answer <- answers
	r.sim.await()
	<-r.reconciler.Answered()
	r.wake(q.gate, r.sim.now)
	return true
}

// distortion is what Prometheus does to the truth.
type distortion string

// The distortions.
const (
	truthful distortion = "truthfully"
	failing  distortion = "with an error"
	partial  distortion = "in part"
	empty    distortion = "nothing"
	foreign  distortion = "for other pods"
	oneFails distortion = "with one query failing"
	hanging  distortion = "never"
)

var distortions = []distortion{failing, partial, empty, foreign, oneFails}

func (d distortion) distort(q source.Question, a source.Answer, dice *rand.Rand) source.Answer {
	failed := source.Answer{Err: &source.QueryError{Failure: source.Failed, Query: q.Value, Err: errors.New("timeout")}}
	switch d {
	case failing:
		return failed
	case oneFails:
		if dice.IntN(2) == 0 {
			return failed
		}
	case empty:
		a.ByPod = map[string]source.Sample{}
	case partial:
		for _, pod := range sortedKeys(a.ByPod) {
			if dice.IntN(2) == 0 {
				delete(a.ByPod, pod)
			}
		}
	case foreign:
		out := map[string]source.Sample{}
		for i, pod := range sortedKeys(a.ByPod) {
			out[fmt.Sprintf("elsewhere-%d", i)] = a.ByPod[pod]
		}
		a.ByPod = out
	}
	return a
}
