package oracle

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/source"
	"github.com/podgate/podgate/test/simulate/apiserver"
)

// Promise is what must never be broken.
type Promise string

// The promises.
const (
	Minority    Promise = "only a minority is out"
	NoMass      Promise = "no mass action"
	FailStatic  Promise = "missing data changes nothing"
	NotStranded Promise = "nobody is stranded"
	NotWidened  Promise = "what cannot work is refused"
	NotEnrolled Promise = "not enrolled means no effect"
	OnlyOurs    Promise = "only what is ours is written"
	DryRun      Promise = "a dry run writes nothing"
	Orderly     Promise = "the worst first, one at a look"
	Recovery    Promise = "one at a time comes back"
	People      Promise = "people have the last word"
	Truth       Promise = "the status says what is"
)

// Violation is a broken promise.
type Violation struct {
	Promise Promise
	Text    string
}

func (v *Violation) String() string { return fmt.Sprintf("%s: %s", v.Promise, v.Text) }

func broken(p Promise, format string, args ...any) *Violation {
	return &Violation{p, fmt.Sprintf(format, args...)}
}

// Look is Prometheus' answer to one gate's questions, as it was given to one
// replica.
type Look struct {
	// At is the instant that was asked about.
	At time.Time
	// Queries and Answers are what was asked and answered, in order: the signals,
	// then limits.headroom and recovery.signal where there are such.
	Queries []string
	Answers []source.Answer
	// Seen says that the pass which asked knew every change before this revision. An
	// answer that was asked for other signals than the gate has is dropped.
	Seen int64
}

// Pass is what a pass of the controller could know.
type Pass struct {
	Replica string
	Gate    types.NamespacedName
	// Seen says that the cache showed every change before this revision when the
	// pass began.
	Seen int64
	// From is the last revision when the pass began.
	From int64
	// Began is when it began, and Now tells the time, both by the replica's clock.
	Began time.Time
	Now   func() time.Time
	// ReadAt is the revision at which it last read each kind of object from the API
	// server itself.
	ReadAt map[apiserver.Kind]int64
	// Looks are the answers that the replica has had about the gate.
	Looks func() []Look
	// Fresh says that an answer came after the pass before this one; Wrote that the
	// pass has written something besides the status.
	Fresh, Wrote bool
}

// Oracle watches one cluster.
type Oracle struct {
	// Key is the traffic label.
	Key      string
	revision int64
	objects  map[apiserver.Kind]map[types.NamespacedName][]version
	// gatings are the gatings by replica, gate and look.
	gatings map[string]string
}

// New returns an oracle for a cluster whose Services select on a traffic label.
func New(key string) *Oracle {
	o := &Oracle{Key: key, objects: map[apiserver.Kind]map[types.NamespacedName][]version{}, gatings: map[string]string{}}
	for _, k := range []apiserver.Kind{apiserver.Pod, apiserver.Service, apiserver.ReplicaSet, apiserver.TrafficGate} {
		o.objects[k] = map[types.NamespacedName][]version{}
	}
	return o
}

// Observe takes a change in, and checks it if it is the controller's: pass is
// then what that knew, and nil for all others.
func (o *Oracle) Observe(c apiserver.Change, pass *Pass) *Violation {
	before, after := o.take(c)
	if pass == nil {
		return nil
	}
	switch obj := c.Object().(type) {
	case *corev1.Pod:
		pass.Wrote = true
		return o.checkPodWrite(before, after, pass)
	case *v1alpha1.TrafficGate:
		return o.checkGateWrite(c, obj, pass)
	}
	return broken(OnlyOurs, "wrote %T %s", c.Object(), c.Object().GetName())
}

// first returns the first violation that there is.
func first(checks ...func() *Violation) *Violation {
	for _, check := range checks {
		if v := check(); v != nil {
			return v
		}
	}
	return nil
}
