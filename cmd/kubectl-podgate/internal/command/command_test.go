package command

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/overview"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/render"
	"github.com/podgate/podgate/controller/decide"
)

var now = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)

// execute runs the plugin without a cluster.
func execute(t *testing.T, args ...string) (string, error) {
	t.Helper()
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	streams, _, out, _ := genericiooptions.NewTestIOStreams()
	root := New(streams, "test")
	root.SetArgs(args)
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

func TestWrongUsage(t *testing.T) {
	for args, want := range map[string]string{
		"bogus":                            `unknown command "bogus" for "kubectl podgate": see kubectl podgate --help`,
		"list --bogus":                     "unknown flag: --bogus: see kubectl podgate list --help",
		"list extra":                       `unknown command "extra" for "kubectl podgate list": see kubectl podgate list --help`,
		"list -o xml":                      `--output "xml": must be one of table, wide, json, yaml, name`,
		"status a b":                       "accepts at most 1 arg(s), received 2: see kubectl podgate status --help",
		"explain":                          "accepts 1 arg(s), received 0: see kubectl podgate explain --help",
		"explain a -o wide":                `--output "wide": must be one of text, json, yaml`,
		"explain a --prometheus localhost": `--prometheus "localhost": must be an address such as http://localhost:9090`,
		"explain a --prometheus http://a --prometheus-timeout 0s":               "--prometheus-timeout 0s: must be greater than 0",
		"explain a --prometheus http://a --prometheus-http-config /nonexistent": "--prometheus-http-config /nonexistent: open /nonexistent",
		"explain a --prometheus-http-config x":                                  "--prometheus-http-config x is of no use without a server: name it with --prometheus",
		"convert":                                                               "0 files are named: name the one to convert, or - for the standard input: see kubectl podgate convert --help",
		"convert a -f b":                                                        "2 files are named: name the one to convert",
		"convert /nowhere/x":                                                    "/nowhere/x cannot be read: no such file or directory: name a file",
		"convert -f /nowhere/x":                                                 "/nowhere/x cannot be read: no such file or directory: name a file",
		"hold":                                                                  "requires at least 1 arg(s), only received 0: see kubectl podgate hold --help",
		"hold a --for yesterday":                                                `invalid argument "yesterday" for "--for" flag`,
		"hold a --for -1h":                                                      "--for -1h0m0s: must not be negative",
		"keep a --dry-run=maybe":                                                `--dry-run "maybe": must be none, client or server`,
		"clear a --for 1h":                                                      "unknown flag: --for",
		"keep a --wait -1s":                                                     "--wait -1s: must not be negative",
		"release":                                                               "name the pods to release, or say --all",
		"release a --all":                                                       "name the pods to release, or say --all",
		"release a --gate b":                                                    "--gate goes with --all only",
		"suspend":                                                               "accepts 1 arg(s), received 0",
		"resume a --mode Suspend":                                               `--mode "Suspend": must be Enforce or DryRun`,
		"enroll":                                                                "accepts 1 arg(s), received 0",
	} {
		t.Run(args, func(t *testing.T) {
			_, err := execute(t, strings.Fields(args)...)
			if err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("got  %v\nwant %s", err, want)
			}
			if code := ExitCode(err); code != exitUsage {
				t.Errorf("exit code %d, want %d", code, exitUsage)
			}
		})
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	gates := schema.GroupResource{Group: "podgate.dev", Resource: "trafficgates"}
	for name, row := range map[string]struct {
		err  error
		want string
	}{
		"no CRD":     {&meta.NoKindMatchError{GroupKind: schema.GroupKind{Group: "podgate.dev", Kind: "TrafficGate"}}, "this cluster knows no TrafficGates: install Podgate first"},
		"no right":   {apierrors.NewForbidden(gates, "web", errors.New("no")), "ask for that right, or see what you may do with kubectl auth can-i --list"},
		"no login":   {apierrors.NewUnauthorized("expired"), "log in to the cluster again"},
		"no cluster": {fmt.Errorf("listing: %w", &url.Error{Op: "Get", URL: "https://c", Err: errors.New("refused")}), "the cluster does not answer"},
		"another's certificate": {&url.Error{Op: "Get", URL: "https://c", Err: &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}},
			"the cluster's certificate is not trusted: x509: certificate signed by unknown authority: check certificate-authority"},
		"other things": {errors.New("as they are"), "as they are"},
	} {
		t.Run(name, func(t *testing.T) {
			err := advised(row.err)
			if !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %q, want %q", err, row.want)
			}
			if code := ExitCode(err); code != exitFailed {
				t.Errorf("exit code %d", code)
			}
		})
	}
	if advised(nil) != nil || ExitCode(nil) != exitDone || ExitCode(refused("x")) != exitRefused || ExitCode(fmt.Errorf("y: %w", noEffect("x"))) != exitNoEffect {
		t.Error("exit codes")
	}
	scrap := filepath.Join(t.TempDir(), "scrap")
	if err := os.WriteFile(scrap, []byte("clusters: [\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for args, row := range map[string]struct {
		want string
		code int
	}{
		"list":                             {"there is no kubeconfig: set KUBECONFIG, or name a cluster with --kubeconfig or --server (without one", exitUsage},
		"backtest web":                     {"asking the cluster: there is no kubeconfig: set KUBECONFIG", exitUsage},
		"list --kubeconfig nosuch":         {"the kubeconfig, or a file that it names, cannot be read: nosuch: no such file or directory: check --kubeconfig", exitUsage},
		"backtest web --kubeconfig nosuch": {"asking the cluster: the kubeconfig, or a file that it names, cannot be read: nosuch: no such file", exitUsage},
		"list --kubeconfig .":              {"the kubeconfig cannot be used: error loading config file \".\": read .: is a directory: check --kubeconfig", exitUsage},
		"list --kubeconfig " + scrap:       {"the kubeconfig cannot be used: error loading config file ", exitUsage},
		"list --server http://localhost:1": {"the cluster does not answer: ", exitFailed},
		"backtest web --cluster nosuch":    {"asking the cluster: ", exitFailed},
		"backtest gate.yaml":               {"gate.yaml is the name of a file", exitUsage},
	} {
		if _, err := execute(t, strings.Fields(args)...); err == nil || !strings.HasPrefix(err.Error(), row.want) || ExitCode(err) != row.code {
			t.Errorf("%s: %v (exit code %d), want %s", args, err, ExitCode(err), row.want)
		}
	}
	if _, err := execute(t, "list", "--context", "nowhere"); err == nil || !strings.Contains(err.Error(), "kubectl config get-contexts") {
		t.Errorf("a context that is not there: %v", err)
	}
}

func TestHelpTellsTheExitCodesAndCommands(t *testing.T) {
	out, err := execute(t, "--help")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Exit codes:", "0  done", "4  changed", "See and explain:", "Overrule:", "Enrol Services:", "--namespace", "--context"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q", want)
		}
	}
	if strings.Contains(out, "--insecure-skip-tls-verify") {
		t.Error("kubectl's rarer flags are shown")
	}
	root := New(genericiooptions.NewTestIOStreamsDiscard(), "test")
	for _, cmd := range root.Commands() {
		if cmd.Short == "" || cmd.Long == "" || cmd.Example == "" || (cmd.ValidArgsFunction == nil && cmd.Name() != "list") {
			t.Errorf("%s lacks its description, an example or completion", cmd.Name())
		}
	}
}

func TestCalledForCompletions(t *testing.T) {
	if got := Arguments([]string{"/usr/bin/kubectl_complete-podgate", "status", ""}); strings.Join(got, " ") != cobra.ShellCompRequestCmd+" status " {
		t.Errorf("got %q", got)
	}
	if got := Arguments([]string{"kubectl-podgate", "list"}); len(got) != 1 || got[0] != "list" {
		t.Errorf("got %q", got)
	}
	out, err := execute(t, cobra.ShellCompRequestCmd, "list", "-o", "")
	if err != nil || !strings.HasPrefix(out, "table\nwide\njson\n") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestEdits(t *testing.T) {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-0", UID: "u",
		Labels: map[string]string{v1alpha1.LabelOverride: "yes"}, Annotations: map[string]string{v1alpha1.AnnotationOverrideUntil: "x"}}}
	for name, row := range map[string]struct {
		edit            edit
		patch, commands string
	}{
		"hold for a time": {(&overriding{value: "no", lasts: 2 * time.Hour, reason: "Jo's disk"}).edit(now),
			`{"metadata":{"annotations":{"podgate.dev/override-reason":"Jo's disk","podgate.dev/override-until":"2026-03-01T05:00:00Z"},"labels":{"podgate.dev/override":"no"},"uid":"u"}}`,
			`kubectl -n shop label --overwrite pod web-0 podgate.dev/override=no; kubectl -n shop annotate --overwrite pod web-0 podgate.dev/override-reason='Jo'\''s disk' podgate.dev/override-until=2026-03-01T05:00:00Z`},
		"hold for ever takes an old time off": {(&overriding{value: "no"}).edit(now),
			`{"metadata":{"annotations":{"podgate.dev/override-reason":null,"podgate.dev/override-until":null},"labels":{"podgate.dev/override":"no"},"uid":"u"}}`,
			`kubectl -n shop label --overwrite pod web-0 podgate.dev/override=no; kubectl -n shop annotate --overwrite pod web-0 podgate.dev/override-until-`},
		"clear": {(&overriding{}).edit(now),
			`{"metadata":{"annotations":{"podgate.dev/override-reason":null,"podgate.dev/override-until":null},"labels":{"podgate.dev/override":null},"uid":"u"}}`,
			`kubectl -n shop label --overwrite pod web-0 podgate.dev/override-; kubectl -n shop annotate --overwrite pod web-0 podgate.dev/override-until-`},
		"release": {edit{labels: map[string]string{v1alpha1.LabelTraffic: "yes"}}, `{"metadata":{"labels":{"podgate.dev/traffic":"yes"},"uid":"u"}}`,
			`kubectl -n shop label --overwrite pod web-0 podgate.dev/traffic=yes`},
	} {
		t.Run(name, func(t *testing.T) {
			patch, err := row.edit.patch(pod)
			if err != nil {
				t.Fatal(err)
			}
			if data, _ := patch.Data(nil); string(data) != row.patch {
				t.Errorf("patch\n%s, want\n%s", data, row.patch)
			}
			if got := strings.Join(row.edit.commands(pod), "; "); got != row.commands {
				t.Errorf("commands\n%s, want\n%s", got, row.commands)
			}
		})
	}
}

// world is a gate with three pods, all of which serve.
func world(edit func(*overview.World)) *overview.World {
	w := &overview.World{Gate: &v1alpha1.TrafficGate{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"},
		Spec: v1alpha1.TrafficGateSpec{Mode: v1alpha1.ModeEnforce, TrafficLabel: v1alpha1.LabelTraffic, ServiceRef: v1alpha1.ServiceReference{Name: "web"}}},
		Policy: decide.Policy{MaxGated: decide.Limit{Max: 1}}}
	for i := range 3 {
		w.Pods = append(w.Pods, decide.Pod{Name: fmt.Sprintf("web-%d", i), UID: fmt.Sprintf("u%d", i), Ready: true, Labelled: true, Traffic: "yes"})
	}
	if edit != nil {
		edit(w)
	}
	return w
}

func condition(kind, status, reason string) func(*overview.World) {
	return func(w *overview.World) {
		w.Gate.Status.Conditions = []metav1.Condition{{Type: kind, Status: metav1.ConditionStatus(status), Reason: reason, Message: "because"}}
	}
}

func TestHoldThinksAboutTheOthers(t *testing.T) {
	mode := func(m v1alpha1.Mode) func(*overview.World) { return func(w *overview.World) { w.Gate.Spec.Mode = m } }
	room := func(w *overview.World) {
		w.Policy.MaxGated.Max = 2
		for _, uid := range []string{"u3", "u4"} {
			w.Pods = append(w.Pods, decide.Pod{UID: uid, Ready: true, Labelled: true, Traffic: "yes"})
		}
	}
	alone := func(w *overview.World) { w.Pods[1].Ready, w.Pods[2].Traffic = false, "no" }
	for name, row := range map[string]struct {
		world *overview.World
		o     overriding
		want  string
	}{
		"a pod of three": {world(nil), overriding{value: "no"},
			"is held out of traffic, until it is cleared; note: 1 of 3 pods are out of traffic with it, and the gate takes none out while 1 or more are"},
		"room is left":             {world(room), overriding{value: "no", reason: "disk"}, "is held out of traffic, until it is cleared: disk"},
		"for a time":               {world(nil), overriding{value: "yes", lasts: time.Hour}, "is kept in traffic, whatever the verdict, until 04:00:00 UTC"},
		"the last that serves":     {world(alone), overriding{value: "no"}, "refused: no other pod of Service web would serve: --force holds pod web-0 out all the same"},
		"by force":                 {world(alone), overriding{value: "no", force: true}, "is held out of traffic, until it is cleared; note: 3 of 3 pods are out of traffic with it, and the gate takes none out while 1 or more are"},
		"a dry run":                {world(mode(v1alpha1.ModeDryRun)), overriding{value: "no"}, "refused: TrafficGate shop/web is in mode DryRun, and acts in mode Enforce only: kubectl -n shop patch…"},
		"a suspended gate":         {world(mode(v1alpha1.ModeSuspended)), overriding{value: "yes"}, "refused: TrafficGate shop/web is suspended, and every pod is in traffic: kubectl podgate -n shop resume web…"},
		"a stalled gate":           {world(condition("Stalled", "True", "DuplicateGate")), overriding{value: "no"}, "refused: TrafficGate shop/web does not act: DuplicateGate: because…"},
		"a Service not enrolled":   {world(condition("Enrolled", "False", "NotEnrolled")), overriding{value: "no"}, "refused: TrafficGate shop/web does not act: NotEnrolled: because (kubectl podgate -n shop enroll web does both)…"},
		"no metrics: it acts":      {world(condition("MetricsAvailable", "False", "QueryFailed")), overriding{value: "yes"}, "is kept in traffic, whatever the verdict, until it is cleared"},
		"clearing is always right": {world(mode(v1alpha1.ModeSuspended)), overriding{}, "had no override: it is TrafficGate web's as before; note: TrafficGate shop/web is suspended…"},
	} {
		t.Run(name, func(t *testing.T) {
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-0", UID: "u0"}}
			ch, err := row.o.change(row.world, pod, render.Page{Writer: &bytes.Buffer{}, Now: now})
			got := ch.done.What
			for _, n := range ch.done.Notes {
				got += "; note: " + n
			}
			if err != nil {
				got = "refused: " + err.Error()
				if ExitCode(err) != exitRefused {
					t.Errorf("exit code %d", ExitCode(err))
				}
			}
			if begin, cut := strings.CutSuffix(row.want, "…"); got != row.want && !(cut && strings.HasPrefix(got, begin)) {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
		})
	}
}

func TestResumeKnowsTheModeBefore(t *testing.T) {
	for name, row := range map[string]struct {
		mode v1alpha1.Mode
		kept string
		to   v1alpha1.Mode
		want string
	}{
		"as it was":                       {v1alpha1.ModeSuspended, "Enforce", "", "Enforce"},
		"as is said":                      {v1alpha1.ModeSuspended, "Enforce", v1alpha1.ModeDryRun, "DryRun"},
		"suspended by hand":               {v1alpha1.ModeSuspended, "", "", "refused"},
		"something else is noted":         {v1alpha1.ModeSuspended, "Suspended", "", "refused"},
		"one that is not suspended stays": {v1alpha1.ModeDryRun, "Enforce", "", "DryRun"},
	} {
		t.Run(name, func(t *testing.T) {
			w := world(nil)
			w.Gate.Spec.Mode = row.mode
			w.Gate.Annotations = map[string]string{v1alpha1.AnnotationResumeMode: row.kept}
			got, err := (&modeOptions{to: row.to}).target(w.Gate)
			if err != nil {
				got = "refused"
			}
			if string(got) != row.want {
				t.Errorf("got %s (%v), want %s", got, err, row.want)
			}
		})
	}
}

func TestModePatchesKeepAndForget(t *testing.T) {
	w := world(nil)
	w.Gate.ResourceVersion = "7"
	patch, err := modePatch(w.Gate, v1alpha1.ModeSuspended)
	if want := `{"metadata":{"annotations":{"podgate.dev/resume-mode":"Enforce"},"resourceVersion":"7"},"spec":{"mode":"Suspended"}}`; err != nil || string(patch) != want {
		t.Errorf("%v: %s", err, patch)
	}
	if want := `{"metadata":{"annotations":{"podgate.dev/resume-mode":"Enforce"}},"spec":{"mode":"Suspended"}}`; string(byHand(patch)) != want {
		t.Errorf("by hand: %s", byHand(patch))
	}
	patch, _ = modePatch(w.Gate, v1alpha1.ModeEnforce)
	if !strings.Contains(string(patch), `"podgate.dev/resume-mode":null`) {
		t.Errorf("what was kept stays: %s", patch)
	}
}

func TestNamesThatAreAlike(t *testing.T) {
	names := []string{"cart-1", "checkout-a", "checkout-b", "payment", "zoo", "checkers"}
	if got := strings.Join(alike("checkot", names), " "); got != "checkout-a checkout-b checkers cart-1 payment" {
		t.Errorf("got %s", got)
	}
	if got := missing("pod", "x", "shop", nil, "name another namespace").Error(); got != `there is no pod "x" in namespace shop: name another namespace` {
		t.Errorf("got %s", got)
	}
	for arg, want := range map[string]string{"web": "web", "pod/web": "web", "trafficgate.podgate.dev/web": "web"} {
		if got := nameOf(arg); got != want {
			t.Errorf("%s is %s", arg, got)
		}
	}
}

func TestQuoted(t *testing.T) {
	for text, want := range map[string]string{"plain-1.2:3/4%": "plain-1.2:3/4%", "two words": "'two words'", "it's": `'it'\''s'`, "": "''", "$HOME": "'$HOME'"} {
		if got := quoted(text); got != want {
			t.Errorf("%q is quoted as %s", text, got)
		}
	}
}

func TestColoursOnTerminalsOnly(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	e := &environment{streams: genericiooptions.IOStreams{Out: file}, now: time.Now}
	if p := e.page(); p.Colours || p.Width != 0 {
		t.Errorf("a file gets colours (%t) or lines of %d", p.Colours, p.Width)
	}
}

// TestNoFlagHidesKubectls: a command that has a flag of kubectl's name takes that one
// away from its users.
func TestNoFlagHidesKubectls(t *testing.T) {
	root := New(genericiooptions.NewTestIOStreamsDiscard(), "test")
	for _, cmd := range root.Commands() {
		cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			if root.PersistentFlags().Lookup(f.Name) != nil {
				t.Errorf("%s hides kubectl's own --%s", cmd.Name(), f.Name)
			}
			if f.Shorthand != "" && root.PersistentFlags().ShorthandLookup(f.Shorthand) != nil {
				t.Errorf("%s hides kubectl's own -%s", cmd.Name(), f.Shorthand)
			}
		})
	}
}

// TestAReleasedPodIsNotGatedAtOnce: whoever puts it back has recovery.after at least,
// as the controller gives it.
func TestAReleasedPodIsNotGatedAtOnce(t *testing.T) {
	for until, want := range map[time.Time]string{now.Add(-time.Hour): "03:01:00", now.Add(30 * time.Second): "03:01:00", now.Add(time.Hour): "04:00:00"} {
		p := decide.Pod{Memory: decide.Memory{GatedUntil: until}}
		if got := pardon(p, decide.Policy{After: time.Minute}, render.Page{Now: now}); !strings.Contains(got, "again from "+want) {
			t.Errorf("out until %s: %s", until, got)
		}
	}
}
