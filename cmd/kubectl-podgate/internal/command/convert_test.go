package command

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestKubervisorsDemo: of four pods that price at about one euro a kilometre, one is
// set to none. The converted gate takes out that one, and no other, where the mean
// as the baseline flagged all four.
func TestKubervisorsDemo(t *testing.T) {
	resource, err := filepath.Abs("../convert/testdata/demo.yaml")
	if err != nil {
		t.Fatal(err)
	}
	gate, err := execute(t, "convert", resource)
	if err != nil {
		t.Fatal(err)
	}
	if same, err := execute(t, "convert", "-f", resource); err != nil || same != gate {
		t.Errorf("with -f: %v\n%s", err, same)
	}
	var sums, counts strings.Builder
	for i := range 4 {
		sum, count := 0.0, 0
		for at := 0; at <= 3600; at += 5 {
			count += 10
			if sum += 10 * (1 + 0.02*float64((at/5+i)%5)); i == 2 && at > 1800 {
				sum -= 10 * (1 + 0.02*float64((at/5+i)%5))
			}
			fmt.Fprintf(&sums, "pricer_price_sum{namespace=\"demo\",pod=\"pricer-%d\"} %g %d\n", i, sum, 1772323200+at)
			fmt.Fprintf(&counts, "pricer_price_count{namespace=\"demo\",pod=\"pricer-%d\"} %d %d\n", i, count, 1772323200+at)
		}
	}
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{"gate.yaml": gate, "prices.om": sums.String() + counts.String() + "# EOF\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := execute(t, "backtest", "-f", "gate.yaml", "--openmetrics", "prices.om")
	if err != nil || !strings.Contains(out, "Would have gated 1 pod, ") || !strings.Contains(out, "  pricer-2  ") {
		t.Errorf("%v\n%s\n%s", err, gate, out)
	}
}

// TestConvertSomeOfSeveral: what can be converted is printed; each of the others is
// an error that begins with the file's name, and the exit code says so.
func TestConvertSomeOfSeveral(t *testing.T) {
	const service = "apiVersion: kubervisor.k8s.io/v1alpha1\nkind: KubervisorService\nmetadata: {name: checkout, namespace: shop}\nspec: {service: checkout, "
	name := filepath.Join(t.TempDir(), "old.yaml")
	text := service + "breakers: [{customService: a, activater: {}}]}\n---\n" + service + "breakers: [{customService: a}]}\n---\n" + service + "}\n"
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := execute(t, "convert", name)
	want := name + ": document 1: KubervisorService shop/checkout: spec.breakers[0].activater: no such field; did you mean activator?\n" +
		name + ": document 3: KubervisorService shop/checkout: spec: it has no breaker: there is nothing to convert"
	if strings.Count(out, "kind: TrafficGate\n") != 1 || err == nil || err.Error() != want || ExitCode(err) != exitUsage {
		t.Errorf("%s\n%v, want\n%s", out, err, want)
	}
}

func TestConvertWrongInput(t *testing.T) {
	for args, want := range map[string]string{
		"convert convert.go":  "convert.go: it is not a Kubernetes object in YAML",
		"convert -":           "-: there is nothing in it: it must hold a KubervisorService",
		"suggest":             "no gate: name the file with the TrafficGate",
		"backtest -o nothing": `--output "nothing": must be one of text, json`,
	} {
		out, err := execute(t, strings.Fields(args)...)
		if err == nil || out != "" || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %q %v, want %s", args, out, err, want)
		}
		if code := ExitCode(err); code != exitUsage {
			t.Errorf("%s: exit code %d", args, code)
		}
	}
}
