package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/source"
	"github.com/podgate/podgate/test/inprocess"
	"github.com/podgate/podgate/test/stage"
)

const disorderNamespace = "disorder"

// disorder is the simulation's kind of world on the real API server: two
// controllers that both lead, whose writes fail, come late or get lost after they
// were done; pods that come, go, get sick and unready; people who override and
// relabel; limits that change. Nothing runs in the pods, and their status is
// written by the test. What is checked is what can be seen from outside.
func (c *cases) disorder(t *testing.T) {
	c.noController(t)
	d := newDisorder(t, c)
	ctx, cancel := context.WithCancel(t.Context())
	seen := d.watch(ctx, t)
	first, second := d.controller(t), d.controller(t)
	defer func() { first.Stop(); second.Stop() }()
	began := time.Now()
	for time.Since(began) < 45*time.Second || !d.enough() && time.Since(began) < 10*time.Minute {
		if d.act(t); d.dice.IntN(60) == 0 {
			second.Stop()
			second = d.controller(t)
			d.restarts++
		}
		time.Sleep(time.Duration(d.dice.IntN(100)) * time.Millisecond)
	}
	d.story = c.kubectl(t, "-n", disorderNamespace, "get", "trafficgate", "app", "-o", "yaml") + c.kubectl(t, "-n", disorderNamespace, "get", "pods", "-L", v1alpha1.LabelTraffic, "-L", v1alpha1.LabelOverride)
	d.calm(t)
	_, err := stage.Until(t.Context(), 10*time.Minute, func() error { return d.nobodyIsOut(t) }) // one trial after the other
	must(t, err)
	must(t, client.IgnoreNotFound(c.Client.Delete(t.Context(), d.gate())))
	patiently(t, func() error { return d.nothingIsLeft(t) })
	cancel()
	<-seen
	d.mu.Lock()
	violations := d.violations
	d.mu.Unlock()
	t.Logf("seed %d: %d actions, %d writes of the controllers failed or came late, %d restarts; %d states of pods seen; %d times a pod was gated, at most %d at a time",
		d.seed, d.actions, d.disturbed, d.restarts, d.states, d.gatings, d.most)
	for _, v := range violations {
		t.Error(v)
	}
	if !d.enough() {
		t.Error("too little happened to say anything")
		t.Log(d.story)
	}
}

// enough reports whether so much has happened that it says something.
func (d *disorder) enough() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.gatings >= 5 && d.disturbed >= 20 && d.actions >= 200
}

// disorder is the world of the case, and what was seen of it.
type disorder struct {
	*cases
	seed    uint64
	dice    *rand.Rand
	made    int
	actions int

	restarts int
	// story is what is told of the gate at the end, if too little happened.
	story string

	mu        sync.Mutex
	weather   *rand.Rand // of the controllers' writes
	sick      map[string]bool
	disturbed int
	calmed    bool
	// limits are the limits that held lately, with when they ended.
	limits []limit
	states int

	gatings, most int
	violations    []string
}

// limit is what a gate allowed, and until when; zero for the one that holds.
type limit struct {
	share string
	until time.Time
}

func newDisorder(t *testing.T, c *cases) *disorder {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("PODGATE_SEED"); text != "" {
		var err error
		seed, err = strconv.ParseUint(text, 10, 64)
		must(t, err)
	}
	d := &disorder{cases: c, seed: seed, dice: rand.New(rand.NewPCG(seed, 1)), weather: rand.New(rand.NewPCG(seed, 2)),
		sick: map[string]bool{}, limits: []limit{{share: "30%"}}}
	ns := &corev1.Namespace{}
	ns.Name = disorderNamespace
	must(t, c.Client.Create(t.Context(), ns))
	svc := &corev1.Service{}
	svc.Namespace, svc.Name = disorderNamespace, "app"
	svc.Spec.Selector = map[string]string{"app": "app", v1alpha1.LabelTraffic: v1alpha1.TrafficYes}
	svc.Spec.Ports = []corev1.ServicePort{{Port: 80}}
	must(t, c.Client.Create(t.Context(), svc))
	patiently(t, func() error { return d.come(t.Context()) }) // the namespace's service account comes late
	for range 15 {
		must(t, d.come(t.Context()))
	}
	gate := d.gate()
	gate.Spec = v1alpha1.TrafficGateSpec{
		ServiceRef: v1alpha1.ServiceReference{Name: "app"}, Mode: v1alpha1.ModeEnforce,
		Interval: v1alpha1.DurationOf(5 * time.Second), Window: v1alpha1.DurationOf(5 * time.Second),
		Recovery: v1alpha1.Recovery{After: v1alpha1.DurationOf(5 * time.Second), MaxAfter: v1alpha1.DurationOf(10 * time.Second), Then: v1alpha1.ThenRetry},
		Limits:   v1alpha1.Limits{WarmUp: new(v1alpha1.DurationOf(0)), MaxGated: new(intstr.FromString("30%")), MinServing: 1},
		Signals:  []v1alpha1.Signal{{Name: "errors", Value: new("made up"), Threshold: &v1alpha1.Threshold{Above: new(v1alpha1.Decimal("0.5"))}}},
	}
	must(t, c.Client.Create(t.Context(), gate))
	return d
}

func (d *disorder) gate() *v1alpha1.TrafficGate {
	g := &v1alpha1.TrafficGate{}
	g.Namespace, g.Name = disorderNamespace, "app"
	return g
}

// controller starts one that leads, and whose writes meet with bad weather.
func (d *disorder) controller(t *testing.T) *inprocess.Controller {
	t.Helper()
	c, err := inprocess.Start(t.Context(), inprocess.Options{Config: d.RESTConfig(), Namespace: disorderNamespace, Source: d, NewClient: inprocess.Writes(d.write)})
	must(t, err)
	return c
}

// write carries out a controller's write; now and then that fails, before or after
// it is done, or comes late.
func (d *disorder) write(_ client.Object, do func() error) error {
	d.mu.Lock()
	fate, late := d.weather.IntN(12), time.Duration(d.weather.IntN(1500))*time.Millisecond
	if d.calmed {
		fate = 11
	}
	if fate < 4 {
		d.disturbed++
	}
	d.mu.Unlock()
	pods := schema.GroupResource{Resource: "pods"}
	switch fate {
	case 0:
		return apierrors.NewTooManyRequests("slow down", 1)
	case 1:
		_ = do()
		return apierrors.NewInternalError(errors.New("etcdserver: request timed out"))
	case 2:
		time.Sleep(late)
	case 3:
		time.Sleep(late)
		_ = do()
		return apierrors.NewServerTimeout(pods, "patch", 1)
	}
	return do()
}

// History is none.
func (*disorder) History(context.Context, []source.Question, time.Time, time.Time, time.Duration) ([]source.Moment, error) {
	return nil, nil
}

// Ask answers as the pods are; now and then with an error, or for half of them.
func (d *disorder) Ask(ctx context.Context, _ []source.Question, _ time.Time) []source.Answer {
	var pods corev1.PodList
	if err := d.Client.List(ctx, &pods, client.InNamespace(disorderNamespace)); err != nil {
		return []source.Answer{{Err: err}}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	fate := d.weather.IntN(8)
	if fate == 0 && !d.calmed {
		return []source.Answer{{Err: errors.New("the server is busy")}}
	}
	answer := source.Answer{ByPod: map[string]source.Sample{}}
	for i, p := range pods.Items {
		if fate == 1 && i%2 == 0 && !d.calmed {
			continue
		}
		answer.ByPod[p.Name] = source.Sample{}
		if d.sick[p.Name] {
			answer.ByPod[p.Name] = source.Sample{Value: 1 + float64(i)}
		}
	}
	return []source.Answer{answer}
}

// come makes a pod that never runs, and says that it is Ready.
func (d *disorder) come(ctx context.Context) error {
	p := &corev1.Pod{}
	p.Namespace, p.Name = disorderNamespace, fmt.Sprintf("app-%d", d.made)
	p.Labels = map[string]string{"app": "app", v1alpha1.LabelTraffic: v1alpha1.TrafficYes}
	p.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "podgate.dev/never"}}
	p.Spec.AutomountServiceAccountToken = new(false)
	p.Spec.Containers = []corev1.Container{{Name: "none", Image: "none"}}
	if err := d.Client.Create(ctx, p); err != nil {
		return err
	}
	d.made++
	return d.ready(ctx, p, corev1.ConditionTrue)
}

func (d *disorder) ready(ctx context.Context, p *corev1.Pod, status corev1.ConditionStatus) error {
	patch := fmt.Sprintf(`{"status":{"phase":"Running","conditions":[{"type":"Ready","status":%q,"lastTransitionTime":%q}]}}`,
		status, time.Now().UTC().Format(time.RFC3339))
	return d.Client.Status().Patch(ctx, p, client.RawPatch(types.StrategicMergePatchType, []byte(patch)))
}

// act does one thing at random.
func (d *disorder) act(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	var pods corev1.PodList
	must(t, d.Client.List(ctx, &pods, client.InNamespace(disorderNamespace)))
	p := &pods.Items[d.dice.IntN(len(pods.Items))]
	d.actions++
	var err error
	rarely := d.dice.IntN(5) == 0
	switch d.dice.IntN(16) {
	case 0:
		if rarely && len(pods.Items) < 20 {
			err = d.come(ctx)
		}
	case 1:
		if rarely && len(pods.Items) > 12 {
			err = d.Client.Delete(ctx, p, client.GracePeriodSeconds(0))
		}
	case 2:
		if rarely {
			err = d.ready(ctx, p, corev1.ConditionFalse)
		}
	case 3, 4:
		if p.Status.Conditions[0].Status != corev1.ConditionTrue { // else it would be young again
			err = d.ready(ctx, p, corev1.ConditionTrue)
		}
	case 5, 6, 7:
		d.makeSick(p.Name, d.dice.IntN(5) == 0)
	case 8:
		err = d.label(ctx, p, v1alpha1.LabelOverride, []string{"yes", "yes", "yes", "no"}[d.dice.IntN(4)])
	case 9, 10, 11:
		err = d.label(ctx, p, v1alpha1.LabelOverride, "")
	case 12:
		err = d.label(ctx, p, v1alpha1.LabelTraffic, v1alpha1.TrafficYes)
	case 13:
		if rarely && d.dice.IntN(3) == 0 {
			err = d.label(ctx, p, v1alpha1.LabelTraffic, v1alpha1.TrafficNo)
		}
	case 14:
		err = d.limit(ctx, []string{"20%", "30%", "40%", "60%"}[d.dice.IntN(4)])
	case 15:
		if rarely {
			d.healAll()
		}
	}
	if err != nil && !apierrors.IsNotFound(err) {
		t.Fatal(err)
	}
}

func (d *disorder) makeSick(pod string, sick bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sick[pod] = sick
}

func (d *disorder) healAll() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.sick)
}

// person is who writes labels by hand.
const person = "kubectl-label"

// label sets a label as kubectl label does; empty takes it off.
func (d *disorder) label(ctx context.Context, p *corev1.Pod, key, value string) error {
	text := "null"
	if value != "" {
		text = strconv.Quote(value)
	}
	patch := fmt.Sprintf(`{"metadata":{"labels":{%q:%s}}}`, key, text)
	return d.Client.Patch(ctx, p, client.RawPatch(types.MergePatchType, []byte(patch)), client.FieldOwner(person))
}

// limit changes limits.maxGated.
func (d *disorder) limit(ctx context.Context, share string) error {
	d.mu.Lock()
	d.limits = append(d.limits, limit{share: share}) // from before the write, to after the next
	d.mu.Unlock()
	patch := fmt.Sprintf(`{"spec":{"limits":{"maxGated":%q}}}`, share)
	if err := d.Client.Patch(ctx, d.gate(), client.RawPatch(types.MergePatchType, []byte(patch))); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.limits[len(d.limits)-2].until = time.Now()
	return nil
}

// lately is how old what a controller knows may be: a gating's two writes, its mark
// and its patch, come late by a second and a half each, and a busy machine takes its
// time besides.
const lately = 5 * time.Second

// allowed is the most that the gate allowed lately of n pods.
func (d *disorder) allowed(n int) int {
	most := 0
	for _, l := range d.limits {
		if !l.until.IsZero() && time.Since(l.until) > lately {
			continue
		}
		percent, _ := strconv.Atoi(strings.TrimSuffix(l.share, "%"))
		most = max(most, max(n*percent/100, 1))
	}
	return min(most, (n-1)/2)
}

// watch follows the pods, and checks every gating as soon as it is seen.
func (d *disorder) watch(ctx context.Context, t *testing.T) (done chan struct{}) {
	t.Helper()
	var list corev1.PodList
	must(t, d.Client.List(ctx, &list, client.InNamespace(disorderNamespace)))
	streaming, err := client.NewWithWatch(d.RESTConfig(), client.Options{Scheme: d.Client.Scheme()})
	must(t, err)
	watcher, err := streaming.Watch(ctx, &corev1.PodList{}, client.InNamespace(disorderNamespace), &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: list.ResourceVersion}})
	must(t, err)
	pods := map[string]*corev1.Pod{}
	for i := range list.Items {
		pods[list.Items[i].Name] = &list.Items[i]
	}
	done = make(chan struct{})
	go func() {
		defer close(done)
		sizes := []size{{n: len(pods), at: time.Now()}}
		for e := range watcher.ResultChan() {
			p, ok := e.Object.(*corev1.Pod)
			if !ok {
				continue
			}
			before := pods[p.Name]
			if pods[p.Name] = p; e.Type == "DELETED" {
				delete(pods, p.Name)
			}
			sizes = append(sizes, size{len(pods), time.Now()})
			for len(sizes) > 1 && time.Since(sizes[1].at) > lately {
				sizes = sizes[1:]
			}
			d.saw(before, p, pods, sizes)
		}
	}()
	return done
}

// size is how many pods there were from an instant on.
type size struct {
	n  int
	at time.Time
}

func onEvidence(p *corev1.Pod) bool {
	return p != nil && p.Labels[v1alpha1.LabelTraffic] == v1alpha1.TrafficNo &&
		p.Annotations[v1alpha1.AnnotationGatedAt] != "" && p.Annotations[v1alpha1.AnnotationGatedUntil] != ""
}

// saw checks one change of a pod.
func (d *disorder) saw(before, p *corev1.Pod, pods map[string]*corev1.Pod, sizes []size) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.states++
	if !onEvidence(p) || onEvidence(before) {
		return
	}
	d.gatings++
	out, fleet := 0, 0
	for _, other := range pods {
		if onEvidence(other) {
			out++
		}
	}
	for _, s := range sizes {
		fleet = max(fleet, s.n)
	}
	d.most = max(d.most, out)
	if allowed := d.allowed(fleet); out > allowed {
		d.violations = append(d.violations, fmt.Sprintf("%d of %d pods are gated when %s is, and %d may be", out, fleet, p.Name, allowed))
	}
	if before != nil && before.Labels[v1alpha1.LabelOverride] == v1alpha1.OverrideYes {
		d.violations = append(d.violations, fmt.Sprintf("%s is gated against a person's override", p.Name))
	}
	for key := range p.Labels {
		if key != "app" && key != v1alpha1.LabelTraffic && key != v1alpha1.LabelOverride {
			d.violations = append(d.violations, fmt.Sprintf("%s has the label %s", p.Name, key))
		}
	}
}

// calm ends the disorder: everybody is well, and nobody interferes.
func (d *disorder) calm(t *testing.T) {
	t.Helper()
	d.healAll()
	d.mu.Lock()
	d.calmed = true
	d.mu.Unlock()
	var pods corev1.PodList
	must(t, d.Client.List(t.Context(), &pods, client.InNamespace(disorderNamespace)))
	for i := range pods.Items {
		p := &pods.Items[i]
		must(t, d.ready(t.Context(), p, corev1.ConditionTrue))
		must(t, d.label(t.Context(), p, v1alpha1.LabelOverride, ""))
		if byHand(p) {
			must(t, d.label(t.Context(), p, v1alpha1.LabelTraffic, v1alpha1.TrafficYes))
		}
	}
}

// byHand reports whether a person holds the pod out by the traffic label, as act
// does: nobody else may put it back. What Podgate has noted on the pod does not
// tell, for a pod that was on trial keeps that.
func byHand(p *corev1.Pod) bool {
	return p.Labels[v1alpha1.LabelTraffic] != v1alpha1.TrafficYes && slices.ContainsFunc(p.ManagedFields, func(m metav1.ManagedFieldsEntry) bool {
		return m.Manager == person && m.FieldsV1 != nil && strings.Contains(m.FieldsV1.GetRawString(), `"f:`+v1alpha1.LabelTraffic+`"`)
	})
}

func (d *disorder) nobodyIsOut(t *testing.T) error {
	var pods corev1.PodList
	must(t, d.Client.List(t.Context(), &pods, client.InNamespace(disorderNamespace)))
	for _, p := range pods.Items {
		if p.Labels[v1alpha1.LabelTraffic] != v1alpha1.TrafficYes {
			return fmt.Errorf("pod %s is out: %v", p.Name, p.Annotations)
		}
	}
	return nil
}

func (d *disorder) nothingIsLeft(t *testing.T) error {
	var pods corev1.PodList
	must(t, d.Client.List(t.Context(), &pods, client.InNamespace(disorderNamespace)))
	for _, p := range pods.Items {
		for key := range p.Annotations {
			if strings.HasPrefix(key, v1alpha1.GroupVersion.Group+"/") {
				return fmt.Errorf("pod %s carries %s", p.Name, key)
			}
		}
	}
	err := d.Client.Get(t.Context(), client.ObjectKeyFromObject(d.gate()), d.gate())
	if !apierrors.IsNotFound(err) {
		return fmt.Errorf("the gate is still there (%v)", err)
	}
	return d.nobodyIsOut(t)
}
