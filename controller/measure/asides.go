package measure

import (
	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
	"github.com/podgate/podgate/controller/source"
)

// Asides are the queries besides the signals': about the present only, and
// nobody is an outlier because of their answers.
type Asides struct {
	// Headroom is the load of the pods, Probes whether they are healthy as far as
	// can be told without traffic; nil where the spec does not ask.
	Headroom, Probes *source.Question
}

// AsidesOf a gate.
func AsidesOf(gate *v1alpha1.TrafficGate) (a Asides) {
	ask := func(field, query string) *source.Question {
		return &source.Question{Signal: field, Value: expander(gate)(query), PodLabel: gate.Spec.PodLabel, Namespace: gate.Namespace}
	}
	if h := gate.Spec.Limits.Headroom; h != nil {
		a.Headroom = ask("limits.headroom", h.Query)
	}
	if gate.Spec.Recovery.Signal != "" {
		a.Probes = ask("recovery.signal", gate.Spec.Recovery.Signal)
	}
	return a
}

// Questions are those of the asides that there are, in the order in which
// Answers takes their answers.
func (a Asides) Questions() (out []source.Question) {
	for _, q := range []*source.Question{a.Headroom, a.Probes} {
		if q != nil {
			out = append(out, *q)
		}
	}
	return out
}

// Said is what the asides were answered.
type Said struct {
	Headroom *decide.Headroom
	Probes   map[string]bool
	// ProbesErr says why recovery.signal was not answered; nil if it was, or is not
	// asked for.
	ProbesErr error
}

// Said joins the answers with the fleet. Answers that are missing are failures,
// those for other pods fall away.
func (a Asides) Said(answers []source.Answer, spec v1alpha1.TrafficGateSpec, pods []decide.Pod) (said Said) {
	next := func() source.Answer {
		if len(answers) == 0 {
			return source.Answer{Err: errNotAsked}
		}
		first := answers[0]
		answers = answers[1:]
		return first
	}
	if a.Headroom != nil {
		answer := next()
		said.Headroom = &decide.Headroom{Max: spec.Limits.Headroom.Max.Or(0), Load: map[string]float64{}}
		if answer.Err != nil {
			said.Headroom.Err = answer.Err.Error()
		}
		for _, p := range pods {
			if s, ok := answer.ByPod[p.Name]; ok {
				said.Headroom.Load[p.UID] = s.Value
			}
		}
	}
	if a.Probes != nil {
		answer := next()
		said.ProbesErr, said.Probes = answer.Err, map[string]bool{}
		for _, p := range pods {
			if s, ok := answer.ByPod[p.Name]; ok {
				said.Probes[p.UID] = s.Value > 0
			}
		}
	}
	return said
}
