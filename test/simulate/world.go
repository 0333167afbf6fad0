package simulate

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/source"
	"github.com/podgate/podgate/test/simulate/apiserver"
)

// The field managers of the world.
const (
	workloads = "kube-controller-manager"
	kubelet   = "kubelet"
	person    = "kubectl-label"
	author    = "kubectl-client-side-apply" // of gates and Services
)

// condition is how a pod really is.
type condition struct {
	// sick is 0 for a healthy pod, and how bad it is for others; slow is another
	// sickness.
	sick, slow float64
	load       float64
	uid        types.UID
}

// fleet is the pods of one Service, and the workload that owns them.
type fleet struct {
	namespace, name string
	revision        int
	made            int
	// zones is over how many zones its pods are spread; 0 where nodes have none.
	zones int
	owned bool
	// keyInSelector says that the workload selects its pods by the traffic label,
	// as it must not.
	keyInSelector bool
	// named says that a new pod takes the name of one that is gone, as in a
	// StatefulSet.
	named bool
}

// world is all that is not the controller.
type world struct {
	sim    *Sim
	key    string // the traffic label
	fleets []*fleet
	pods   map[types.UID]condition
}

// newWorld returns an empty world.
func newWorld(s *Sim, dice *rand.Rand) *world {
	w := &world{sim: s, key: v1alpha1.LabelTraffic, pods: map[types.UID]condition{}}
	if dice.IntN(6) == 0 {
		w.key = "kubervisor/traffic"
	}
	return w
}

// populate makes fleets, Services and gates as the dice fall.
func (w *world) populate(c Config, dice *rand.Rand) {
	places := [][2]string{{"shop", "web"}, {"shop", "api"}, {"back", "web"}}
	for i := range c.Fleets {
		f := &fleet{namespace: places[i][0], name: places[i][1], zones: dice.IntN(4), owned: dice.IntN(5) > 0, named: dice.IntN(4) == 0,
			keyInSelector: dice.IntN(25) == 0}
		w.fleets = append(w.fleets, f)
		w.makeWorkload(f)
		for range max(1, c.Pods*(3-i)/3) {
			w.makePod(f, dice, false)
		}
		w.makeService(f, dice)
		w.makeGate(f.namespace, f.name, f.name, dice)
	}
}

func (f *fleet) workload() string { return fmt.Sprintf("%s-%d", f.name, f.revision) }

// makeWorkload makes the ReplicaSet of a fleet's newest revision.
func (w *world) makeWorkload(f *fleet) {
	rs := &appsv1.ReplicaSet{TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "ReplicaSet"}}
	rs.Namespace, rs.Name = f.namespace, f.workload()
	rs.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": f.name, v1alpha1.LabelPodTemplateHash: revisionLabel(f)}}
	if f.keyInSelector {
		rs.Spec.Selector.MatchLabels[w.key] = v1alpha1.TrafficYes
	}
	w.must(w.sim.server.Create(workloads, rs))
}

// makePod makes a pod of the newest revision: Ready at once or not yet, and
// once in a while without the label that its template should have.
func (w *world) makePod(f *fleet, dice *rand.Rand, young bool) {
	p := &corev1.Pod{}
	p.Namespace, p.Name = f.namespace, w.nameFor(f)
	p.Labels = map[string]string{"app": f.name, "tier": "front", v1alpha1.LabelPodTemplateHash: revisionLabel(f)}
	if dice.IntN(10) > 0 {
		p.Labels[w.key] = v1alpha1.TrafficYes
	}
	if f.zones > 0 {
		p.Labels[corev1.LabelTopologyZone] = fmt.Sprint("zone-", dice.IntN(f.zones))
	}
	if dice.IntN(8) == 0 {
		p.Annotations = map[string]string{v1alpha1.PodDeletionCost: fmt.Sprint(dice.IntN(10))}
	}
	p.Spec.NodeName = fmt.Sprint("node-", dice.IntN(3+f.zones))
	if f.owned {
		rs := w.sim.server.Find(apiserver.ReplicaSet, types.NamespacedName{Namespace: f.namespace, Name: f.workload()})
		p.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: rs.GetName(), UID: rs.GetUID(), Controller: new(true)}}
	}
	p.Status.Phase = corev1.PodRunning
	w.setReady(p, !young || dice.IntN(2) == 0)
	w.must(w.sim.server.Create(workloads, p))
	w.pods[p.UID] = condition{load: 0.3 + 0.3*dice.Float64(), uid: p.UID}
}

// nameFor is the name of a fleet's next pod.
func (w *world) nameFor(f *fleet) string {
	if f.named {
		for i := 0; ; i++ {
			name := fmt.Sprintf("%s-%d", f.name, i)
			if w.sim.server.Find(apiserver.Pod, types.NamespacedName{Namespace: f.namespace, Name: name}) == nil {
				return name
			}
		}
	}
	f.made++
	return fmt.Sprintf("%s-%d-%d", f.name, f.revision, f.made)
}

func (w *world) setReady(p *corev1.Pod, ready bool) {
	status := corev1.ConditionFalse
	if ready {
		status = corev1.ConditionTrue
	}
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: status,
		LastTransitionTime: metav1.NewTime(w.sim.now.Truncate(1e9))}}
}

func (w *world) makeService(f *fleet, dice *rand.Rand) {
	svc := &corev1.Service{}
	svc.Namespace, svc.Name = f.namespace, f.name
	svc.Spec.Selector = map[string]string{"app": f.name, w.key: v1alpha1.TrafficYes}
	if dice.IntN(12) == 0 {
		delete(svc.Spec.Selector, w.key)
	}
	_ = w.sim.server.Create(author, svc)
}

// members are the pods of a fleet that have not ended, in the order of their
// names.
func (w *world) members(f *fleet) (out []*corev1.Pod) {
	for _, obj := range w.sim.server.All(apiserver.Pod, f.namespace) {
		if p := obj.(*corev1.Pod); p.Labels["app"] == f.name && p.DeletionTimestamp == nil {
			out = append(out, p)
		}
	}
	return out
}

// pick picks one; the zero value if there is none.
func pick[T any](dice *rand.Rand, from []T) (one T) {
	if len(from) == 0 {
		return one
	}
	return from[dice.IntN(len(from))]
}

// somePod picks a pod of a fleet, or of all.
func (w *world) somePod(dice *rand.Rand) *corev1.Pod {
	return pick(dice, w.members(pick(dice, w.fleets)))
}

// truth is how the pods of a namespace are now.
func (w *world) truth(namespace string) truth {
	out := truth{}
	for _, obj := range w.sim.server.All(apiserver.Pod, namespace) {
		out[obj.GetName()] = w.pods[obj.GetUID()]
	}
	return out
}

// answer is what a Prometheus that works would say.
func (w *world) answer(q source.Question, seen truth) source.Answer {
	out := source.Answer{ByPod: make(map[string]source.Sample, len(seen))}
	query, _, _ := strings.Cut(q.Value+q.Total, "/")
	for name, c := range seen {
		noise := hashOf(string(c.uid)) * 0.1
		s := source.Sample{}
		switch query {
		case queryHealth:
			s.Value = 1 + noise + c.sick
		case querySlow:
			s.Value = 1 + noise + c.slow
		case queryLoad:
			s.Value = c.load
		case queryProbe:
			if c.sick == 0 {
				s.Value = 1
			}
		case queryTotal:
			s.Total, s.Bad = 600, 10*noise
			if c.sick > 0 {
				s.Bad = 100 + c.sick
			}
		}
		out.ByPod[name] = s
	}
	return out
}

// hashOf spreads names evenly over 0 to 1.
func hashOf(name string) float64 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name))
	return float64(h.Sum32()%1000) / 1000
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// must holds for what the world does to objects that it has just seen.
func (w *world) must(err error) {
	if err != nil {
		panic(err)
	}
}

// edit edits an object if it is there.
func edit[T client.Object](w *world, by string, obj T, change func(T)) {
	if reflect.ValueOf(obj).IsNil() {
		return
	}
	_ = w.sim.server.Edit(by, obj, func(o client.Object) { change(o.(T)) })
}

func revisionLabel(f *fleet) string { return fmt.Sprint("r", f.revision) }
