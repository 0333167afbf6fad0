package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/source"
	"github.com/podgate/podgate/test/inprocess"
)

const crashNamespace = "crash"

// killedAtEveryWrite goes through the life of a gate again and again: made, a
// pod gated, deleted. Each time the controller dies at another write, just
// before it reaches the API server or just after, and another takes over. In the
// end nobody may be stranded, and never may more pods be out than allowed.
//
// The controller is the product's, in this process, with the rights of its
// service account; only its answers from Prometheus are made up, so that a
// round takes a second.
func (c *cases) killedAtEveryWrite(t *testing.T) {
	c.noController(t)
	c.kubectl(t, "apply", "-f", "testdata/crash.yaml")
	c.kubectl(t, "-n", crashNamespace, "rollout", "status", "deployment/app", "--timeout=60s")
	life := &life{cases: c}
	crashes, n := 0, 1
	for before := -1; before < crashes; n++ {
		before = crashes
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("write %d, after=%t", n, after), func(t *testing.T) {
				if life.play(t, crash{at: n, after: after}) >= n {
					crashes++
				}
			})
		}
	}
	t.Logf("%d crashes survived, at up to %d writes", crashes, n-2)
	// A life has at least five writes: the finalizer, the gating, the status, the
	// release and the finalizer's end.
	if crashes < 10 {
		t.Errorf("only %d crashes happened: the test does not see the writes", crashes)
	}
}

// crash is where the first controller of a life dies.
type crash struct {
	at    int
	after bool
}

var noCrash = crash{at: 1 << 30}

// life is one gate's life, with as many controllers as it takes.
type life struct {
	*cases
}

// play lives one life and returns how many writes its first controller did.
func (l *life) play(t *testing.T, c crash) int {
	t.Helper()
	gate := &v1alpha1.TrafficGate{ObjectMeta: metav1.ObjectMeta{Namespace: crashNamespace, Name: "app"}, Spec: v1alpha1.TrafficGateSpec{
		ServiceRef: v1alpha1.ServiceReference{Name: "app"}, Mode: v1alpha1.ModeEnforce,
		Interval: v1alpha1.DurationOf(5 * time.Second), Window: v1alpha1.DurationOf(5 * time.Second),
		Recovery: v1alpha1.Recovery{After: v1alpha1.DurationOf(time.Hour), MaxAfter: v1alpha1.DurationOf(2 * time.Hour)},
		Limits:   v1alpha1.Limits{WarmUp: new(v1alpha1.DurationOf(0))},
		Signals: []v1alpha1.Signal{{Name: "errors", Value: new("made up"),
			Threshold: &v1alpha1.Threshold{Above: new(v1alpha1.Decimal("0.5"))}}},
	}}
	if err := l.Client.Create(t.Context(), gate); err != nil {
		t.Fatal(err)
	}
	first := l.start(t, c)
	second := l.afterCrash(t, first, func() error { return l.outIs(t, 1) })
	if err := l.Client.Delete(t.Context(), gate); err != nil {
		t.Fatal(err)
	}
	gone := func() error {
		err := l.Client.Get(t.Context(), client.ObjectKeyFromObject(gate), &v1alpha1.TrafficGate{})
		if err == nil {
			return errors.New("the gate is still there")
		}
		if !apierrors.IsNotFound(err) {
			return err
		}
		return l.outIs(t, 0)
	}
	third := l.afterCrash(t, second, gone)
	third.Stop()
	return first.writes()
}

// afterCrash waits for something, and starts another controller if the one that
// runs dies meanwhile.
func (l *life) afterCrash(t *testing.T, running *incarnation, reached func() error) *incarnation {
	t.Helper()
	eventually(t, func() error {
		if running.dead() && running.crash != noCrash {
			running.Stop()
			running = l.start(t, noCrash)
		}
		return reached()
	})
	return running
}

// outIs checks how many pods are out of traffic, and that it is never more than
// one of the three.
func (l *life) outIs(t *testing.T, want int) error {
	t.Helper()
	var pods corev1.PodList
	if err := l.Client.List(t.Context(), &pods, client.InNamespace(crashNamespace)); err != nil {
		return err
	}
	out := 0
	for _, p := range pods.Items {
		if p.Labels[v1alpha1.LabelTraffic] != v1alpha1.TrafficYes {
			out++
		}
		if _, noted := p.Annotations[v1alpha1.AnnotationGate]; noted && want == 0 {
			return fmt.Errorf("%s still carries notes", p.Name)
		}
	}
	if out > 1 {
		t.Fatalf("%d of %d pods are out", out, len(pods.Items))
	}
	if out != want {
		return fmt.Errorf("%d pods are out, not %d", out, want)
	}
	return nil
}

// incarnation is one controller process, as far as the API server can tell.
type incarnation struct {
	*inprocess.Controller
	crash crash

	mu    sync.Mutex
	count int
	died  bool
}

var errKilled = errors.New("this controller is dead")

// write counts a write and lets it through, unless the controller dies at it.
func (i *incarnation) write(_ client.Object, do func() error) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.died {
		return errKilled
	}
	i.count++
	if i.count == i.crash.at {
		i.died = true
		if i.crash.after {
			_ = do()
		}
		return errKilled
	}
	return do()
}

func (i *incarnation) dead() bool  { i.mu.Lock(); defer i.mu.Unlock(); return i.died }
func (i *incarnation) writes() int { i.mu.Lock(); defer i.mu.Unlock(); return i.count }

// start starts a controller that dies at its appointed write.
func (l *life) start(t *testing.T, c crash) *incarnation {
	t.Helper()
	i := &incarnation{crash: c}
	var err error
	i.Controller, err = inprocess.Start(t.Context(), inprocess.Options{
		Config: l.RESTConfig(), Namespace: crashNamespace, Source: firstPodIsBad{l.Client}, NewClient: inprocess.Writes(i.write), Log: l.logger(t),
	})
	must(t, err)
	return i
}

// logger shows the controllers' log of a life that failed.
func (l *life) logger(t *testing.T) logr.Logger {
	var mu sync.Mutex
	var lines []string
	t.Cleanup(func() {
		mu.Lock()
		defer mu.Unlock()
		if t.Failed() {
			t.Log(strings.Join(lines, "\n"))
		}
	})
	return funcr.New(func(prefix, args string) {
		mu.Lock()
		defer mu.Unlock()
		lines = append(lines, prefix+" "+args)
	}, funcr.Options{})
}

// History is none.
func (firstPodIsBad) History(context.Context, []source.Question, time.Time, time.Time, time.Duration) ([]source.Moment, error) {
	return nil, nil
}

// firstPodIsBad answers that one pod, always the same, is beyond the limit.
type firstPodIsBad struct{ client client.Client }

func (s firstPodIsBad) Ask(ctx context.Context, questions []source.Question, _ time.Time) []source.Answer {
	var pods corev1.PodList
	if err := s.client.List(ctx, &pods, client.InNamespace(crashNamespace)); err != nil {
		return []source.Answer{{Err: err}}
	}
	answer := source.Answer{ByPod: map[string]source.Sample{}}
	first := ""
	for _, p := range pods.Items {
		answer.ByPod[p.Name] = source.Sample{}
		if first == "" || p.Name < first {
			first = p.Name
		}
	}
	answer.ByPod[first] = source.Sample{Value: 1}
	return []source.Answer{answer}
}
