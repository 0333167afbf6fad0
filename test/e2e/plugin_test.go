package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/test/cluster/build"
	"github.com/podgate/podgate/test/load"
	"github.com/podgate/podgate/test/stage"
)

const pluginNamespace = "plugin"

var update = flag.Bool("update", false, "write what the plugin prints into testdata/plugin")

// plugin is the kubectl plugin as kubectl runs it, and a fleet to see with it.
type plugin struct {
	*fleet
	env []string
}

// cases go with a Service from before it is enrolled until it is watched over, by
// the commands of the plugin only, under load.
func (p *plugin) cases(t *testing.T) {
	p.c.kubectl(t, "apply", "-f", "testdata/plugin/fleet.yaml")
	p.readyPods(t, 5)
	for _, part := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"selecting first loses requests", p.naive},
		{"enrolling loses none", p.enrolls},
		{"a gate and its pods are shown", p.shows},
		{"a gated pod is explained", p.explains},
		{"pods are overruled", p.overrules},
		{"an override ends by itself", p.expires},
		{"gates are suspended and resumed", p.suspends},
		{"wrong input is answered with what to do", p.wrongInput},
		{"what changes is watched", p.watches},
		{"kubectl completes", p.completes},
	} {
		if !t.Run(part.name, part.run) {
			t.FailNow() // the parts build on each other
		}
	}
}

// installPlugin builds the plugin into a folder where kubectl finds it, for a fleet
// that is still to come.
func (c *cases) installPlugin(t *testing.T) *plugin {
	t.Helper()
	program, err := build.Program(t.Context(), c.Path(), "./cmd/kubectl-podgate")
	must(t, err)
	dir := t.TempDir()
	for _, name := range []string{"kubectl-podgate", "kubectl_complete-podgate"} {
		must(t, os.Symlink(program, filepath.Join(dir, name)))
	}
	return &plugin{fleet: c.fleet(t, c.FleetOf(pluginNamespace, "app")), env: append(os.Environ(), "KUBECONFIG="+c.Kubeconfig(), "KUBECACHEDIR="+t.TempDir(), "PATH="+dir)}
}

// command is kubectl with some arguments.
func (p *plugin) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, p.c.Cluster.Kubectl(), args...)
	cmd.Env = p.env
	return cmd
}

// podgate runs kubectl podgate in the fleet's namespace, and returns what it
// prints, errors at the end, and its exit code.
func (p *plugin) podgate(t *testing.T, args ...string) (string, int) {
	t.Helper()
	cmd := p.command(t.Context(), append([]string{"podgate", "-n", pluginNamespace}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String() + errs.String(), cmd.ProcessState.ExitCode()
}

// does runs a command that has to succeed. One that waits for the controller has as
// much time as a busy machine needs.
func (p *plugin) does(t *testing.T, args ...string) string {
	t.Helper()
	if waits := []string{"hold", "keep", "clear", "release", "suspend", "resume"}; slices.Contains(waits, args[0]) && !slices.Contains(args, "--wait") {
		args = append(slices.Clone(args), "--wait", patience.String())
	}
	out, code := p.podgate(t, args...)
	if code != 0 {
		t.Fatalf("kubectl podgate %s exits with %d:\n%s", strings.Join(args, " "), code, out)
	}
	return out
}

// golden runs a command that has to succeed, and holds what it prints against the
// file of that name.
func (p *plugin) golden(t *testing.T, name string, args ...string) string {
	t.Helper()
	out := p.does(t, args...)
	file := filepath.Join("testdata", "plugin", name+".txt")
	got := normal(out)
	if *update {
		must(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	must(t, err)
	if got != string(want) {
		t.Errorf("kubectl podgate %s prints\n%s\nwhich is not %s (-update writes it):\n%s", strings.Join(args, " "), out, file, want)
	}
	return out
}

// naive shows what enrolling is careful about, and that the client would see it:
// a Service that selects on a label which no pod carries has no pods.
func (p *plugin) naive(t *testing.T) {
	impatient, err := p.Call(t.Context(), load.Options{Rate: 40, Timeout: time.Second})
	must(t, err)
	p.Generator = impatient
	began := time.Now()
	p.kubectl(t, "patch", "service", "app", "--type=merge", "-p", `{"spec":{"selector":{"podgate.dev/traffic":"yes"}}}`)
	patiently(t, func() error {
		if v := p.View(began, time.Now()); v.Failures == 0 {
			return fmt.Errorf("no request is lost: %s", v)
		}
		return nil
	})
	t.Logf("a request was lost after %s", time.Since(began).Round(100*time.Millisecond))
	p.kubectl(t, "patch", "service", "app", "--type=merge", "-p", `{"spec":{"selector":{"podgate.dev/traffic":null}}}`)
	patiently(t, func() error {
		if v := p.View(time.Now().Add(-2*time.Second), time.Now()); v.Failures > 0 || v.Count == 0 {
			return fmt.Errorf("requests are still lost: %s", v)
		}
		return nil
	})
	p.stop()
	p.call(t, 40)
}

// enrolls enrols the Service twice, with the pod template and without, and takes
// it out in between, while the client counts.
func (p *plugin) enrolls(t *testing.T) {
	p.kubectl(t, "apply", "-f", "testdata/plugin/gate.yaml")
	readyIs(t, p.Fleet, v1alpha1.ReasonDryRun)
	p.golden(t, "enroll-dry-run", "enroll", "app", "--dry-run=server")
	if traffic := p.labels(t); traffic != "app.kubernetes.io/name=app; 0 pods labelled" {
		t.Errorf("the dry run left: %s", traffic)
	}
	for _, step := range []struct {
		golden string
		args   []string
		want   string
	}{
		{"enroll", []string{"enroll", "app", "--yes"}, "app.kubernetes.io/name=app,podgate.dev/traffic=yes; 5 pods labelled"},
		{"unenroll", []string{"unenroll", "app", "--yes"}, "app.kubernetes.io/name=app; 0 pods labelled"},
		{"enroll-skip-template", []string{"enroll", "app", "--yes", "--skip-template"}, "app.kubernetes.io/name=app,podgate.dev/traffic=yes; 5 pods labelled"},
	} {
		t.Run(step.golden, func(t *testing.T) {
			began, before := time.Now(), p.names(t)
			p.golden(t, step.golden, step.args...)
			if got := p.labels(t); got != step.want {
				t.Errorf("got %s, want %s", got, step.want)
			}
			if kept := slices.Equal(before, p.names(t)); kept != (step.golden == "enroll-skip-template") {
				t.Errorf("the pods are the same as before: %t", kept)
			}
			p.noneLost(t, began)
		})
	}
	out := p.does(t, "enroll", "app", "--yes", "--skip-template")
	if !strings.Contains(out, "nothing to do") {
		t.Errorf("what is enrolled is enrolled again:\n%s", out)
	}
	if _, code := p.podgate(t, "hold", p.names(t)[0]); code != 3 {
		t.Errorf("a pod of a dry run's gate is held: exit code %d", code)
	}
}

// labels are the Service's selector and how many pods carry the traffic label.
func (p *plugin) labels(t *testing.T) string {
	t.Helper()
	selector := p.kubectl(t, "get", "service", "app", "-o", `go-template={{range $k, $v := .spec.selector}}{{$k}}={{$v}},{{end}}`)
	n := 0
	for _, pod := range p.pods(t) {
		if pod.Labels[v1alpha1.LabelTraffic] == v1alpha1.TrafficYes {
			n++
		}
	}
	return fmt.Sprintf("%s; %d pods labelled", strings.TrimSuffix(selector, ","), n)
}

func (p *plugin) names(t *testing.T) (out []string) {
	t.Helper()
	for _, pod := range p.pods(t) {
		out = append(out, pod.Name)
	}
	return out
}

// shows a healthy gate, in every format.
func (p *plugin) shows(t *testing.T) {
	p.kubectl(t, "patch", "trafficgate", "app", "--type=merge", "-p", `{"spec":{"mode":"Enforce"}}`)
	readyIs(t, p.Fleet, v1alpha1.ReasonEnforcing)
	patiently(t, func() error { // until every pod is past its warm-up
		gate, err := p.GetGate(t.Context())
		if err == nil && (gate.Status.LastEvaluation == nil || gate.Status.LastEvaluation.Signals[0].Known != 5) {
			err = fmt.Errorf("the gate does not know all pods yet: %+v", gate.Status.LastEvaluation)
		}
		return err
	})
	p.golden(t, "list", "list")
	p.golden(t, "status", "status", "app")
	if out := p.does(t, "list", "-A"); !strings.Contains(out, "NAMESPACE") || !strings.Contains(out, pluginNamespace) {
		t.Errorf("all namespaces:\n%s", out)
	}
	if out := p.does(t, "list", "-o", "wide"); !strings.Contains(out, "LAST LOOK") || !strings.Contains(out, "watching 5 pods") {
		t.Errorf("wide:\n%s", out)
	}
	if out := p.does(t, "status", "app", "-o", "name"); out != "trafficgate.podgate.dev/app\n" {
		t.Errorf("by name: %s", out)
	}
	var list struct {
		Items []struct {
			Name string
			Pods struct{ Total int }
		}
	}
	must(t, json.Unmarshal([]byte(p.does(t, "list", "-o", "json")), &list))
	var gate struct {
		Fleet []struct{ Name, State, Node string }
		Limit struct{ Left int }
	}
	must(t, json.Unmarshal([]byte(p.does(t, "status", "app", "-o", "json")), &gate))
	if len(list.Items) != 1 || list.Items[0].Pods.Total != 5 || len(gate.Fleet) != 5 || gate.Fleet[0].State != "serving" || gate.Fleet[0].Node == "" || gate.Limit.Left != 1 {
		t.Errorf("as JSON: %+v, %+v", list, gate)
	}
	if out := p.does(t, "status", "app", "-o", "yaml"); !strings.Contains(out, "\nmode: Enforce\n") {
		t.Errorf("as YAML:\n%s", out)
	}
}

// explains a pod that was gated: the evidence that is found again in Prometheus
// is that for which it went.
func (p *plugin) explains(t *testing.T) {
	sick := p.names(t)[2]
	p.gate(t, sick)
	p.golden(t, "status-gated", "status", "app")
	p.golden(t, "explain", "explain", sick)
	asked := func(pod, until string) {
		t.Helper()
		patiently(t, func() error { // until the look that gated it is not the last one any more
			if out := p.does(t, "explain", pod, "--prometheus", p.c.PrometheusURL()); !strings.Contains(out, until) {
				return fmt.Errorf("no %q in\n%s", until, out)
			}
			return nil
		})
	}
	asked(sick, "not in traffic, or still warming up")
	out := p.golden(t, "explain-prometheus", "explain", sick, "--prometheus", p.c.PrometheusURL())
	gone := p.pod(t, sick)
	_, reason, _ := strings.Cut(gone.Annotations[v1alpha1.AnnotationReason], "; evidence ")
	if want := "peak      " + reason; !strings.Contains(out, want) && !(strings.Contains(out, "peak      ") && p.scrapedMeanwhile(t, gone)) {
		t.Errorf("no %q in\n%s", want, out)
	}
	asked(p.names(t)[0], "median of 3 peers")
	healthy := p.does(t, "explain", p.names(t)[0], "--prometheus", p.c.PrometheusURL())
	for _, want := range []string{"verdict   normal", "would leave it in traffic", "holds    Limit: 1 of 5 pods may be out"} {
		if !strings.Contains(healthy, want) {
			t.Errorf("no %q in\n%s", want, healthy)
		}
	}
	var told struct {
		Signals []struct {
			Numbers struct {
				Class string
				Peak  struct{ Evidence, Bar float64 }
			}
		}
		Past []struct{ Reason string }
	}
	must(t, json.Unmarshal([]byte(p.does(t, "explain", sick, "--prometheus", p.c.PrometheusURL(), "-o", "json")), &told))
	if n := told.Signals[0].Numbers; n.Peak.Evidence < n.Peak.Bar || n.Peak.Bar == 0 || told.Past[len(told.Past)-1].Reason != "Gated" {
		t.Errorf("as JSON: %+v", told)
	}
}

// scrapedMeanwhile is whether pods were being scraped at a look that led to a gating:
// what the scrape brought the controller did not see, and Prometheus has it.
func (p *plugin) scrapedMeanwhile(t *testing.T, pod corev1.Pod) bool {
	t.Helper()
	gate, err := p.GetGate(t.Context())
	must(t, err)
	at, err := time.Parse(time.RFC3339, pod.Annotations[v1alpha1.AnnotationGatedAt])
	must(t, err)
	return p.c.scraping(t, gate, at.Add(time.Second), 6)
}

// overrules the gate in every way; one pod is gated.
func (p *plugin) overrules(t *testing.T) {
	out, err := p.Out(t.Context())
	must(t, err)
	gated, other := out[0], p.inTraffic(t)[0]
	traffic := func(pod, want string) {
		t.Helper()
		if got := p.pod(t, pod).Labels[v1alpha1.LabelTraffic]; got != want {
			t.Errorf("%s has traffic %q, not %q", pod, got, want)
		}
	}
	p.golden(t, "hold", "hold", other, "--for", "2h", "--reason", "heap dump, ask Jo")
	traffic(other, "no")
	p.golden(t, "status-held", "status", "app")
	p.golden(t, "hold-dry-run", "hold", other, "--dry-run=server")
	p.golden(t, "clear", "clear", other)
	traffic(other, "yes")
	p.golden(t, "release-all", "release", "--all", "--gate", "app")
	traffic(gated, "yes")
	p.golden(t, "release-nobody", "release", "--all")
	byHand := func() { // a person, without the plugin
		p.kubectl(t, "label", "--overwrite", "pod", other, v1alpha1.LabelTraffic+"=no")
	}
	byHand()
	p.golden(t, "keep", "keep", other)
	traffic(other, "yes")
	p.golden(t, "keep-cleared", "clear", other)
	byHand()
	p.golden(t, "release", "release", other)
	traffic(other, "yes")
}

// expires: a hold ends by itself, and nothing is left of it.
func (p *plugin) expires(t *testing.T) {
	pod := p.inTraffic(t)[1]
	began := time.Now()
	p.does(t, "hold", pod, "--for", "20s", "--reason", "a short look")
	trafficIs(t, p.Fleet, pod, "yes")
	took := time.Since(began)
	t.Logf("back %s after it was told to hold", took.Round(100*time.Millisecond))
	if took < 19*time.Second { // until a whole second
		t.Errorf("a hold of 20 s ended after %s", took)
	}
	now := p.pod(t, pod)
	for _, key := range []string{v1alpha1.AnnotationOverrideUntil, v1alpha1.AnnotationOverrideReason, v1alpha1.AnnotationGatedAt} {
		if v, ok := now.Annotations[key]; ok {
			t.Errorf("%s=%s is left", key, v)
		}
	}
	if v, ok := now.Labels[v1alpha1.LabelOverride]; ok {
		t.Errorf("the override %s is left", v)
	}
	p.says(t, "OverrideEnded", "the override no was to last until")

	// An override whose time cannot be read stands, and is told of.
	p.kubectl(t, "label", "pod", pod, v1alpha1.LabelOverride+"=no")
	p.kubectl(t, "annotate", "pod", pod, v1alpha1.AnnotationOverrideUntil+"=tomorrow")
	p.says(t, "HeldBack", `"tomorrow" is no time`)
	// What is left of it when a person takes the label off goes, too.
	p.kubectl(t, "label", "pod", pod, v1alpha1.LabelOverride+"-")
	patiently(t, func() error {
		if v, ok := p.pod(t, pod).Annotations[v1alpha1.AnnotationOverrideUntil]; ok {
			return fmt.Errorf("%s=%s is left", v1alpha1.AnnotationOverrideUntil, v)
		}
		return nil
	})
	trafficIs(t, p.Fleet, pod, "yes")
}

// suspends the gate while a pod is held out, and resumes it in the mode that it
// had: then the pod goes out again, because a person wants it so.
func (p *plugin) suspends(t *testing.T) {
	held := p.inTraffic(t)[1]
	p.does(t, "hold", held)
	p.golden(t, "suspend", "suspend", "app")
	patiently(t, func() error {
		out, err := p.Out(t.Context())
		if err == nil && len(out) > 0 {
			err = fmt.Errorf("out are %v", out)
		}
		return err
	})
	p.golden(t, "resume", "resume", "app")
	readyIs(t, p.Fleet, v1alpha1.ReasonEnforcing)
	p.kubectl(t, "patch", "trafficgate", "app", "--type=merge", "-p", `{"spec":{"mode":"Suspended"}}`)
	if out, code := p.podgate(t, "resume", "app"); code != 3 || !strings.Contains(out, "say --mode Enforce or --mode DryRun") {
		t.Errorf("a gate that was suspended by hand: exit code %d, %s", code, out)
	}
	p.does(t, "resume", "app", "--mode", "Enforce")
	readyIs(t, p.Fleet, v1alpha1.ReasonEnforcing)
	trafficIs(t, p.Fleet, held, v1alpha1.TrafficNo)
	p.does(t, "clear", held)
}

// wrongInput: each answer says what to do.
func (p *plugin) wrongInput(t *testing.T) {
	pod := p.inTraffic(t)[0]
	p.kubectl(t, "create", "role", "viewer", "--verb=get,list,watch",
		"--resource=pods,services,trafficgates.podgate.dev,deployments.apps,replicasets.apps,endpointslices.discovery.k8s.io")
	p.kubectl(t, "create", "rolebinding", "viewer", "--role=viewer", "--user=viewer")
	patiently(t, func() error { // the API server hears of its rights a moment later
		_, err := p.c.Kubectl(t.Context(), "auth", "can-i", "list", "pods", "-n", pluginNamespace, "--as=viewer")
		return err
	})
	for name, row := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no such gate":               {[]string{"status", "appp"}, 1, `there is no TrafficGate "appp" in namespace plugin; there is app; kubectl podgate list -A shows`},
		"no gates there":             {[]string{"status", "-n", "default"}, 1, "there are no TrafficGates in namespace default: kubectl podgate list -A shows"},
		"no such pod":                {[]string{"explain", "app-x"}, 1, `there is no pod "app-x" in namespace plugin; there is app-`},
		"a pod of no gate":           {[]string{"hold", "-n", stage.SystemNamespace, p.c.controllerPod(t).Name}, 3, "belongs to no Service that has a TrafficGate"},
		"no such Service":            {[]string{"enroll", "ap"}, 1, `there is no Service "ap" in namespace plugin; there is app`},
		"no right to see":            {[]string{"list", "--as=nobody"}, 1, "ask for that right"},
		"no right to see pods":       {[]string{"explain", pod, "--as=nobody"}, 1, "ask for that right"},
		"no right to patch pods":     {[]string{"hold", pod, "--as=viewer"}, 1, `cannot patch resource "pods" in API group "" in the namespace "plugin": ask for that right`},
		"no right to patch gates":    {[]string{"suspend", "app", "--as=viewer"}, 1, `cannot patch resource "trafficgates"`},
		"no right to enrol":          {[]string{"enroll", "app", "--yes", "--as=viewer"}, 3, "you may not patch deployments.apps"},
		"no such gate to suspend":    {[]string{"suspend", "appp"}, 1, `there is no TrafficGate "appp" in namespace plugin; there is app`},
		"no such gate to resume":     {[]string{"resume", "appp"}, 1, `there is no TrafficGate "appp" in namespace plugin; there is app`},
		"no such gate to release of": {[]string{"release", "--all", "--gate", "appp"}, 1, `there is no TrafficGate "appp" in namespace plugin; there is app`},
		"no such pod to hold":        {[]string{"hold", "app-x"}, 1, `there is no pod "app-x" in namespace plugin; there is app-`},
		"no such pod to keep":        {[]string{"keep", "app-x"}, 1, `there is no pod "app-x" in namespace plugin; there is app-`},
		"no such pod to clear":       {[]string{"clear", "app-x"}, 1, `there is no pod "app-x" in namespace plugin; there is app-`},
		"no such pod to release":     {[]string{"release", "app-x"}, 1, `there is no pod "app-x" in namespace plugin; there is app-`},
		"no pod named":               {[]string{"release"}, 2, "kubectl podgate release --help"},
		"no such Service to undo":    {[]string{"unenroll", "ap"}, 1, `there is no Service "ap" in namespace plugin; there is app`},
		"no duration":                {[]string{"hold", pod, "--for", "2x"}, 2, "kubectl podgate hold --help"},
		"a time that is over":        {[]string{"hold", pod, "--for", "-2h"}, 2, "--for"},
		"no such format":             {[]string{"status", "app", "-o", "xml"}, 2, "wide"},
		"nobody to ask":              {[]string{"enroll", "app"}, 3, "say --yes to go ahead without being asked"},
		"no Prometheus":              {[]string{"explain", pod, "--prometheus", "http://127.0.0.1:1"}, 1, "check --prometheus http://127.0.0.1:1"},
		"no Prometheus, as the gate": {[]string{"explain", pod, "--prometheus", "http://127.0.0.1:1"}, 1, "GUARDS (what would hold it in traffic now)"},
		"no cluster":                 {[]string{"list", "--server=https://127.0.0.1:1"}, 1, "the cluster does not answer"},
		"a pod that serves":          {[]string{"release", pod}, 0, "is in traffic already: nothing to release"},
		"no override":                {[]string{"clear", pod}, 0, "had no override"},
		"not suspended":              {[]string{"resume", "app"}, 0, "is in mode Enforce already: nothing to change"},
	} {
		t.Run(name, func(t *testing.T) {
			out, code := p.podgate(t, row.args...)
			t.Log(strings.TrimSpace(out))
			if code != row.code || !strings.Contains(out, row.want) {
				t.Errorf("exit code %d, want %d and %q", code, row.code, row.want)
			}
		})
	}
}

// controllerGone: a word that nobody hears is noticed.
func (p *plugin) controllerGone(t *testing.T) {
	pod := p.inTraffic(t)[0]
	scale := func(n string) {
		p.c.kubectl(t, "-n", stage.SystemNamespace, "scale", "deployment/podgate", "--replicas="+n)
	}
	scale("0")
	patiently(t, func() error {
		if n := len(p.c.controllerPods(t)); n > 0 {
			return fmt.Errorf("%d controllers left", n)
		}
		return nil
	})
	out, code := p.podgate(t, "hold", pod, "--wait", "1s")
	if code != 4 || !strings.Contains(out, "is it running?") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	if out := p.does(t, "status", "app"); !strings.Contains(out, `its traffic label is "yes"`) {
		t.Errorf("the status does not say that nobody acts:\n%s", out)
	}
	scale("1")
	trafficIs(t, p.Fleet, pod, "no") // it is heard as soon as somebody listens
	p.does(t, "clear", pod, "--wait", "90s")
	p.remove(t)
}

// watches the gate while something happens to it.
func (p *plugin) watches(t *testing.T) {
	cmd := p.command(t.Context(), "podgate", "-n", pluginNamespace, "status", "app", "--watch")
	out := &syncBuffer{}
	cmd.Stdout, cmd.Stderr = out, out
	must(t, cmd.Start())
	shows := func(what string) {
		t.Helper()
		patiently(t, func() error {
			if !strings.Contains(out.String(), what) {
				return fmt.Errorf("no %q in\n%s", what, out.String())
			}
			return nil
		})
	}
	shows("plugin/app")
	pod := p.inTraffic(t)[0]
	p.does(t, "hold", pod, "--reason", "to be seen")
	shows("a person's override says no: to be seen")
	p.does(t, "clear", pod)
	must(t, cmd.Process.Signal(os.Interrupt))
	if err := cmd.Wait(); err != nil {
		t.Errorf("interrupted, it ends with %v", err)
	}
}

// completes: kubectl asks the plugin.
func (p *plugin) completes(t *testing.T) {
	pod := p.names(t)[0]
	for args, want := range map[string]string{
		"status -n plugin ":                  "app",
		"hold -n plugin " + pod[:len(pod)-1]: pod,
		"enroll -n plugin ":                  "app",
		"list -n plug":                       "plugin",
		"list -o j":                          "json",
	} {
		words := strings.Split(args, " ")
		patiently(t, func() error { // it gives up soon: nobody waits for a completion
			text, err := p.command(t.Context(), append([]string{"__complete", "podgate"}, words...)...).Output()
			if err != nil || !slices.Contains(strings.Split(string(text), "\n"), want) {
				return fmt.Errorf("%q is completed to %q (%v)", args, text, err)
			}
			return nil
		})
	}
	text, err := p.command(t.Context(), "plugin", "list").CombinedOutput()
	if err != nil || !strings.Contains(string(text), "/kubectl-podgate\n") || strings.Contains(string(text), "warning") {
		t.Errorf("kubectl plugin list: %v\n%s", err, text)
	}
}
