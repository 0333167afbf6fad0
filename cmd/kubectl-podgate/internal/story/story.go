package story

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/overview"
)

// Story is all that is known of one pod.
type Story struct {
	// Gate is the gate that the pod is subject to, without its fleet.
	Gate overview.Gate `json:"gate"`
	Pod  overview.Pod  `json:"pod"`
	// WrittenBy are those who wrote the traffic label last, as managedFields say.
	WrittenBy []string `json:"writtenBy,omitempty"`
	Signals   []Signal `json:"signals"`
	Guards    []Guard  `json:"guards"`
	Past      []Event  `json:"past,omitempty"`
	// PastUnknown says why the past is not known; empty if it is.
	PastUnknown string `json:"pastUnknown,omitempty"`
	// Prometheus is who was asked; empty if nobody was. AskedAt is the instant that
	// was asked about, and Would what a step of the gate would do with the pod then.
	Prometheus string       `json:"prometheus,omitempty"`
	AskedAt    *metav1.Time `json:"askedAt,omitempty"`
	Would      string       `json:"would,omitempty"`
}

// Signal is one signal's rule, its queries and, if Prometheus was asked, its
// answer.
type Signal struct {
	Name string `json:"name"`
	// Rule says in words what makes an outlier.
	Rule string `json:"rule"`
	// Queries can be pasted into Prometheus: every variable is filled in.
	Queries []Query `json:"queries"`
	// Fleet is what the last look of the controller found, in words.
	Fleet string `json:"fleet,omitempty"`
	// Numbers are set if Prometheus was asked.
	Numbers *Numbers `json:"numbers,omitempty"`
}

// Query is one PromQL query and what it answers with.
type Query struct {
	What   string `json:"what"`
	PromQL string `json:"promql"`
}

// Numbers are one pod's numbers beside its peers'.
type Numbers struct {
	// Pod is the pod's level now, Median that of the judged peers, Peers how many
	// those are; "none" where there is no data.
	Pod    string `json:"pod"`
	Median string `json:"median"`
	Peers  int    `json:"peers"`
	// Class is outlier, normal or unknown; Evidence is held against Bar, in Unit.
	Class    string  `json:"class"`
	Evidence float64 `json:"evidence"`
	Bar      float64 `json:"bar"`
	Unit     string  `json:"unit"`
	// Sentence is the verdict as the gate would report it, or what is missing.
	Sentence string `json:"sentence,omitempty"`
	// Peak is the look of the last three hours with the most evidence; nil if there
	// never was any.
	Peak *Peak `json:"peak,omitempty"`
	// Err says why there is no answer.
	Err string `json:"error,omitempty"`
}

// Peak is the most evidence that there was against the pod.
type Peak struct {
	At       metav1.Time `json:"at"`
	Evidence float64     `json:"evidence"`
	Bar      float64     `json:"bar"`
}

// Guard is what one guard says of taking the pod out now.
type Guard struct {
	Guard string `json:"guard"`
	// Asks says in words what the guard wants.
	Asks string `json:"asks"`
	// Holds is what holds the gating back; empty if the guard lets the pod pass.
	Holds string `json:"holds,omitempty"`
	// Unknown says why it is not known; empty if it is.
	Unknown string `json:"unknown,omitempty"`
}

// Event is something that happened to the pod or its gate.
type Event struct {
	At     metav1.Time `json:"at"`
	Reason string      `json:"reason"`
	Note   string      `json:"note"`
	// Count is how often it was seen, the last time at At.
	Count int `json:"count,omitempty"`
}

// Tell puts together what the cluster knows. Without a Prometheus to ask, guards
// that need its answers tell of the controller's last look.
func Tell(w *overview.World, uid string, now time.Time) Story {
	g := w.Overview(now)
	s := Story{Signals: signals(w.Gate), Guards: guards(w, uid, now)}
	for _, p := range g.Fleet {
		if p.UID == uid {
			s.Pod = p
		}
	}
	for _, p := range w.Objects {
		if string(p.UID) == uid {
			s.WrittenBy = writers(p, w.Gate.Spec.TrafficLabel)
		}
	}
	g.Fleet = nil
	s.Gate = g
	return s
}
