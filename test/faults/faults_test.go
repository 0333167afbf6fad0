package faults

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/podgate/podgate/api/v1alpha1"
)

func TestTheClientsAreCompared(t *testing.T) {
	of := func(failures int) Client { return Client{Requests: 5000, Failures: failures} }
	for name, row := range map[string]struct {
		with, without, alone Client
		want                 bool
	}{
		"better":                               {of(50), of(150), of(0), true},
		"the same":                             {of(150), of(150), of(0), true},
		"worse, within chance":                 {of(165), of(150), of(0), true},
		"worse":                                {of(250), of(150), of(0), false},
		"worse by what the fault costs":        {of(650), of(150), of(500), true},
		"worse by twice what the fault costs":  {of(1150), of(150), of(500), false},
		"no request at all":                    {Client{}, of(150), of(0), false},
		"well, and worse by one lost request":  {of(1), of(0), of(0), true},
		"well, and worse by a hundred of them": {of(100), of(0), of(0), false},
	} {
		t.Run(name, func(t *testing.T) {
			if c := noWorse(row.with, row.without, row.alone); c.OK != row.want {
				t.Errorf("%+v, want %t", c, row.want)
			}
		})
	}
}

func TestAllowedIsAFifthAndAMinority(t *testing.T) {
	for n, want := range map[int]int{0: 0, 1: 0, 2: 0, 3: 1, 4: 1, 5: 1, 9: 1, 10: 2, 25: 5} {
		if got := allowed(n); got != want {
			t.Errorf("of %d: %d, want %d", n, got, want)
		}
	}
}

// pod is a pod of a fleet of the test.
func pod(name, traffic string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: with, Name: name, Labels: map[string]string{v1alpha1.LabelTraffic: traffic}}}
}

func TestHistoryKeepsEveryState(t *testing.T) {
	h := &history{pods: map[types.NamespacedName]member{}, states: map[string][]state{}}
	for i := range 10 {
		h.see(watch.Added, pod(fmt.Sprint("p", i), "yes"))
	}
	began := time.Now()
	h.see(watch.Modified, pod("p1", "no"))
	h.see(watch.Modified, pod("p2", "no"))
	h.see(watch.Modified, pod("p3", "no"))
	h.see(watch.Modified, pod("p1", "yes"))
	h.see(watch.Modified, pod("p1", "yes")) // nothing new
	ending := pod("p2", "no")
	ending.DeletionTimestamp = new(metav1.Now())
	h.see(watch.Modified, ending)
	states := h.between(with, began, time.Now())
	if len(states) != 6 || states[0].pods != 10 || len(states[0].out) != 0 || states[5].pods != 9 {
		t.Fatalf("%d states: %+v", len(states), states)
	}
	if out, limit := worst(states); out != 3 || limit != 2 {
		t.Errorf("at worst %d of %d, want 3 of 2", out, limit)
	}
	if out, limit := worst(states[5:]); out != 1 || limit != 1 {
		t.Errorf("of nine pods at worst %d of %d, want 1 of 1", out, limit)
	}
	if got := everOut(states); !slices.Equal(got, []string{"p1", "p2", "p3"}) {
		t.Errorf("ever out: %v", got)
	}
	if got := h.between(with, time.Now(), time.Now()); len(got) != 1 || got[0].pods != 9 {
		t.Errorf("the state of now: %+v", got)
	}
}

func TestLeftovers(t *testing.T) {
	clean, noted, cost, out := pod("clean", "yes"), pod("noted", "yes"), pod("cost", "yes"), pod("out", "no")
	noted.Annotations = map[string]string{v1alpha1.AnnotationGate: "web"}
	cost.Annotations = map[string]string{corev1.PodDeletionCost: "-1", "kubernetes.io/other": "is nobody's business"}
	got := leftOn([]corev1.Pod{*clean, *noted, *cost, *out})
	want := []string{"cost: " + corev1.PodDeletionCost, "noted: " + v1alpha1.AnnotationGate, `out: traffic "no"`}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTheSeedDecides(t *testing.T) {
	f := Fault{Name: "kill-controller"}
	draw := func(r *Round) string { return fmt.Sprint(r.seconds(-3, 16), r.random.Perm(10)) }
	first := draw(newRound(1, f, 1))
	if again := draw(newRound(1, f, 1)); again != first {
		t.Errorf("the same round is %s, and then %s", first, again)
	}
	for _, other := range []*Round{newRound(2, f, 1), newRound(1, f, 2), newRound(1, Fault{Name: "kill-etcd"}, 1)} {
		if draw(other) == first {
			t.Errorf("%s %d is like another round", other.Fault, other.Number)
		}
	}
}

// TestEveryFaultCanBePlayed: what a fault needs is there.
func TestEveryFaultCanBePlayed(t *testing.T) {
	names := map[string]bool{}
	for _, f := range All() {
		if names[f.Name] || f.What == "" || f.Rounds < 1 || (f.Play == nil) == (f.Instead == nil) || f.Latest < f.Earliest {
			t.Errorf("not a fault: %+v", f)
		}
		names[f.Name] = true
	}
	if len(names) < 15 {
		t.Errorf("%d faults", len(names))
	}
}

func TestReport(t *testing.T) {
	fault := Fault{Name: "kill-it", What: "kill -9 of it"}
	good := &Round{Fault: fault.Name, Number: 1, Sick: []string{"b"}, pods: []string{"a", "b"}, Offset: 1500 * time.Millisecond, Lasted: 4 * time.Second,
		With: Client{1000, 10}, Without: Client{1000, 30}, Alone: Client{1000, 0}, MostOut: 1, Limit: 2, Worked: 3 * time.Second,
		Said: []string{"Enforcing"}, Checks: []Check{{"something", "seen", true}}}
	slow := *good
	slow.Number, slow.Worked = 2, 9*time.Second
	r := Report{Seed: 7, Command: "go run ./faults/cmd/faults", DataPlane: "kube-proxy", Took: time.Hour}
	r.Add(fault, good)
	r.Add(fault, &slow)
	if !r.OK() {
		t.Error("not OK")
	}
	text := r.Markdown()
	for _, want := range []string{
		"Seed 7, 2 rounds in 1h0m0s, on ",
		"| kill -9 of it | 2 | 99.00 % / 97.00 % / 100.00 % | 1 / 2 | 3.0 s / 9.0 s | Enforcing | held |",
		"| kill-it | 1 | 2 | 1.5 s | 4.0 s | 10 of 1000 | 30 of 1000 | 0 of 1000 | 1 of 2 | 3.0 s |",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %s in\n%s", want, text)
		}
	}
	bad := *good
	bad.Checks = []Check{{"never more pods out than allowed", "3 of 2", false}}
	r.Add(fault, &bad)
	if r.OK() || !strings.Contains(r.Markdown(), "- kill-it: round 1: never more pods out than allowed: 3 of 2") {
		t.Errorf("a broken round shows as\n%s", r.Markdown())
	}
	if empty := (&Report{}); empty.OK() {
		t.Error("nothing at all is OK")
	}
}

func TestLogsAreReadOnce(t *testing.T) {
	dir := t.TempDir()
	l := &logs{read: map[string]int{}}
	if _, err := l.bad(dir); err == nil {
		t.Error("no log is no error")
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(dir+"/logs/pods", 0o755))
	file, text := dir+"/logs/pods/podgate-system_podgate-1.log", ""
	write := func(more string) { text += more; must(os.WriteFile(file, []byte(text), 0o644)) }
	expect := func(what string, want ...string) {
		t.Helper()
		got, err := l.bad(dir)
		must(err)
		if len(got) != len(want) {
			t.Fatalf("%s: %q", what, got)
		}
		for i := range want {
			if !strings.HasPrefix(got[i], want[i]) {
				t.Errorf("%s: %q, want %q", what, got[i], want[i])
			}
		}
	}
	write("all is well\npods is forbidden: no\n")
	expect("a right is missing", "pods is forbidden")
	write("panic: at the disco\n")
	expect("a panic, and what was read", "panic")

	refused := func(at time.Time, role string) string {
		return fmt.Sprintf(`{"ts":%q,"msg":"Failed to watch","error":"pods is forbidden: User \"podgate\" cannot watch resource \"pods\"%s"}`+"\n",
			at.UTC().Format(time.RFC3339), role)
	}
	now := time.Now()
	started := l.starts("kube-apiserver")
	l.starts("etcd")()
	write(refused(now, ""))
	started()
	write(refused(now, `: RBAC: clusterrole.rbac.authorization.k8s.io \"podgate\" not found`))
	write(fmt.Sprintf(`{"ts":%q,"msg":"panic: all the same"}`+"\n", now.UTC().Format(time.RFC3339)))
	expect("while an API server starts, whatever it has not heard of yet", "panic: all the same")
	write(refused(now.Add(-time.Minute), "") + refused(now.Add(time.Minute), "") + "pods is forbidden, at a time that is not told\n")
	expect("before and after", "Failed to watch: pods is forbidden", "Failed to watch: pods is forbidden", "pods is forbidden, at")
}

func TestALineIsQuotedAsItsMessageAndItsError(t *testing.T) {
	for name, row := range map[string]struct{ line, want string }{
		"an error with its stack": {`{"level":"error","ts":"2026-11-23T21:52:47Z","logger":"cache","msg":"Failed to watch","type":"*v1.Pod","error":"pods is forbidden: User \"podgate\"","stacktrace":"a.go\n\tb.go:252"}` + "\n",
			`Failed to watch: pods is forbidden: User "podgate"`},
		"no error":      {`{"level":"info","msg":"decision","message":"no panic"}`, "decision"},
		"no message":    {`{"error":"forbidden"}`, `{"error":"forbidden"}`},
		"a panic":       {"panic: runtime error: index out of range [3]\n", "panic: runtime error: index out of range [3]"},
		"a long line":   {strings.Repeat("x", 300) + "y", strings.Repeat("x", 297) + "…"},
		"a long letter": {strings.Repeat("x", 296) + "äöüß", strings.Repeat("x", 296) + "…"},
		"a long error":  {`{"msg":"Failed to watch","error":"` + strings.Repeat("x", 400) + `"}`, "Failed to watch: " + strings.Repeat("x", 280) + "…"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := quote([]byte(row.line)); got != row.want || len(got) > maxQuote {
				t.Errorf("got %d bytes:\n%s\nwant\n%s", len(got), got, row.want)
			}
		})
	}
}
