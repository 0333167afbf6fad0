package gatefile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/gatefile"
)

const valid = `
apiVersion: podgate.dev/v1alpha1
kind: TrafficGate
metadata: {name: checkout}
spec:
  serviceRef: {name: checkout}
  signals:
  - name: errors
    ratio: {bad: "x", total: "y"}
    outlier: {}
`

// TestRead: a gate is read with the CRD's defaults, as the API server would keep
// it.
func TestRead(t *testing.T) {
	service := "apiVersion: v1\nkind: Service\nmetadata: {name: checkout}\n"
	gate, err := gatefile.Read("-", strings.NewReader(service+"---\n# nothing\n---\n"+valid), "shop")
	if err != nil {
		t.Fatal(err)
	}
	if gate.Namespace != "shop" || gate.Name != "checkout" || gate.Spec.Interval.Std().Seconds() != 15 ||
		gate.Spec.Limits.MaxGated.String() != "20%" || *gate.Spec.Recovery.Retries != 3 {
		t.Errorf("read %+v", gate)
	}
	text, err := gatefile.Format(gate)
	if err != nil {
		t.Fatal(err)
	}
	again, err := gatefile.Parse([]byte(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if formatted, _ := gatefile.Format(again); formatted != text {
		t.Errorf("formatted:\n%s\nand once more:\n%s", text, formatted)
	}
}

// TestSamples: the gates that the repository shows are read.
func TestSamples(t *testing.T) {
	for _, name := range []string{"gate.yaml", "production.yaml", "external.yaml"} {
		gate, err := gatefile.Read(filepath.Join("../../../../config/samples", name), nil, "")
		if err != nil || gate.Namespace != "shop" {
			t.Errorf("%s: %v %v", name, gate, err)
		}
	}
}

func TestWrongFiles(t *testing.T) {
	unreadable := filepath.Join(t.TempDir(), "missing.yaml")
	if _, err := gatefile.Read(unreadable, nil, ""); err == nil || !strings.Contains(err.Error(), "missing.yaml cannot be read: no such file or directory: name a file") {
		t.Errorf("a file that is not there: %v", err)
	}
	for name, row := range map[string]struct{ text, want string }{
		"nothing":              {"", "there is nothing in it: it must hold a TrafficGate"},
		"something else":       {"apiVersion: v1\nkind: Service\n", "no TrafficGate (apiVersion: podgate.dev/v1alpha1) in it, only: v1 Service"},
		"two gates":            {valid + "---" + valid, "2 TrafficGates in it: leave one"},
		"no YAML":              {"kind: [", "it is not a Kubernetes object in YAML"},
		"a key twice":          {valid + "kind: TrafficGate\n", "already set in map"},
		"an unknown field":     {strings.Replace(valid, "spec:\n", "spec:\n  intervall: 5s\n", 1), "spec.intervall: there is no such field"},
		"a wrong type":         {strings.Replace(valid, "{name: checkout}\n  signals", "checkout\n  signals", 1), "spec.serviceRef: Invalid value: \"string\""},
		"no name":              {strings.Replace(valid, "{name: checkout}\nspec", "{namespace: shop}\nspec", 1), "metadata.name: there is none: give the gate a name"},
		"no metadata":          {strings.Replace(valid, "metadata: {name: checkout}\n", "", 1), "metadata.name: there is none: give the gate a name"},
		"no such name":         {strings.Replace(valid, "{name: checkout}\nspec", "{name: Check_Out}\nspec", 1), "metadata.name: Invalid value: \"Check_Out\": a lowercase RFC 1123 subdomain"},
		"a number as the name": {strings.Replace(valid, "{name: checkout}\nspec", "{name: 1}\nspec", 1), "metadata.name: it must be text"},
		"no rule":              {strings.Replace(valid, "    outlier: {}\n", "", 1), "a signal has exactly one of outlier"},
		"an interval too long": {strings.Replace(valid, "spec:\n", "spec:\n  interval: 2h\n", 1), "spec.interval: Invalid value: \"2h\": must be a duration from 5s to 1h"},
		"a list":               {"- 1\n", "it is not a Kubernetes object in YAML"},
	} {
		_, err := gatefile.Parse([]byte(row.text))
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %s", name, err, row.want)
		}
	}
}

// FuzzParse: whatever the text, there is a gate or an error.
func FuzzParse(f *testing.F) {
	f.Add([]byte(valid))
	for _, name := range []string{"gate.yaml", "production.yaml", "checkout.yaml"} {
		text, err := os.ReadFile(filepath.Join("../../../../config/samples", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		gate, err := gatefile.Parse(text)
		if (gate == nil) == (err == nil) {
			t.Errorf("%v and %v", gate, err)
		}
	})
}
