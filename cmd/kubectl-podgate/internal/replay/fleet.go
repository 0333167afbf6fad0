package replay

import (
	"regexp"
	"time"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
	"github.com/podgate/podgate/controller/source"
)

// readyQuestion asks kube-state-metrics which pods of a namespace are Ready. Where
// there is none, nobody answers, and every pod is taken to be.
func readyQuestion(namespace string) source.Question {
	return source.Question{PodLabel: "pod", Namespace: namespace,
		Value: `max by (pod) (kube_pod_status_ready{namespace="` + namespace + `",condition="true"})`}
}

// fleet is the pods as the data knows them, with what the replay has decided about
// them.
type fleet struct {
	gate      *v1alpha1.TrafficGate
	known     map[string]Known
	written   map[string]written
	readiness map[string]readiness
}

// written is what the gate would have written on a pod. A pod that it evicted is
// gone; what would have replaced it is not in the data.
type written struct {
	traffic string
	memory  decide.Memory
	evicted bool
}

// readiness is whether a pod is Ready, and since when.
type readiness struct {
	ready bool
	since time.Time
}

// at are the pods at an instant, by name, as everything that was decided before
// has left them.
func (f *fleet) at(now time.Time, lives []*life, ready map[string]source.Sample) []decide.Pod {
	out := make([]decide.Pod, 0, len(lives))
	present := make(map[string]bool, len(lives))
	for _, l := range lives {
		p := f.pod(l, now, ready)
		present[p.UID] = true
		w, ok := f.written[p.UID]
		if w.evicted {
			continue
		}
		if ok {
			p.Traffic, p.Memory = w.traffic, w.memory
		}
		out = append(out, p)
	}
	for uid := range f.written {
		if !present[uid] {
			delete(f.written, uid)
		}
	}
	for uid := range f.readiness {
		if !present[uid] {
			delete(f.readiness, uid)
		}
	}
	decide.Stratify(out)
	return out
}

// pod is a pod as it was made: in traffic, and controlled by a workload.
func (f *fleet) pod(l *life, now time.Time, ready map[string]source.Sample) decide.Pod {
	p := decide.Pod{Name: l.name, UID: l.uid, Owned: true, Revision: l.revision}
	since := l.from
	if l.old {
		since = time.Time{} // long ago
	}
	if k, ok := f.known[l.name]; ok && !l.to.Before(k.Created) {
		p = k.Pod
		if p.Ready && !now.Before(p.ReadySince) {
			since = p.ReadySince
		}
	}
	if f.gate.Spec.StratumLabel == v1alpha1.LabelPodTemplateHash && p.Stratum == "" {
		p.Stratum = p.Revision
	}
	p.Ready, p.ReadySince = f.ready(p.UID, l.name, since, now, ready)
	p.Traffic, p.Labelled = v1alpha1.TrafficYes, true
	return p
}

// ready is whether a pod is Ready and since when, by what was last said of it; as
// long as nothing was, it is Ready since some time.
func (f *fleet) ready(uid, name string, since, now time.Time, said map[string]source.Sample) (bool, time.Time) {
	before, known := f.readiness[uid]
	s, ok := said[name]
	switch {
	case !ok && !known:
		return true, since
	case ok && !known:
		before = readiness{s.Value > 0, since}
	case ok && before.ready != (s.Value > 0):
		before = readiness{s.Value > 0, now}
	}
	f.readiness[uid] = before
	return before.ready, before.since
}

// write keeps what a plan would have written on the pods.
func (f *fleet) write(plan decide.Plan) {
	for _, d := range plan.Decisions {
		if d.Writes() {
			f.written[d.UID] = written{d.Traffic, d.Memory, d.Action == decide.Evict}
		}
	}
}

// A pod of a Deployment is named after its ReplicaSet, which is named after the
// hash of its template; both parts are made of letters and digits that spell no
// words (k8s.io/apimachinery/pkg/util/rand.SafeEncodeString).
var ofDeployment = regexp.MustCompile(`-([bcdfghjklmnpqrstvwxz2456789]{5,10})-[bcdfghjklmnpqrstvwxz2456789]{5}$`)

// Revision is the hash of the template that a Deployment's pod was made from, by
// its name; empty for other pods.
func Revision(pod string) string {
	if m := ofDeployment.FindStringSubmatch(pod); m != nil {
		return m[1]
	}
	return ""
}
