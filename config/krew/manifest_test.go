package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/version"
	"sigs.k8s.io/yaml"
)

// manifest is what krew knows of a plugin, v1alpha2
// (https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest/).
type manifest struct {
	APIVersion string                `json:"apiVersion"`
	Kind       string                `json:"kind"`
	Metadata   struct{ Name string } `json:"metadata"`
	Spec       struct {
		Version          string         `json:"version"`
		ShortDescription string         `json:"shortDescription"`
		Description      string         `json:"description"`
		Caveats          string         `json:"caveats"`
		Homepage         string         `json:"homepage"`
		Platforms        []platformSpec `json:"platforms"`
	} `json:"spec"`
}

type platformSpec struct {
	URI      string                      `json:"uri"`
	Sha256   string                      `json:"sha256"`
	Selector *metav1.LabelSelector       `json:"selector"`
	Files    []struct{ From, To string } `json:"files"`
	Bin      string                      `json:"bin"`
}

// validate holds a manifest against krew's rules.
func validate(m manifest) (wrong []string) {
	must := func(ok bool, what string) {
		if !ok {
			wrong = append(wrong, what)
		}
	}
	must(m.APIVersion == "krew.googlecontainertools.github.com/v1alpha2", "apiVersion")
	must(m.Kind == "Plugin", "kind")
	must(regexp.MustCompile(`^[\w-]+$`).MatchString(m.Metadata.Name), "metadata.name must be a safe name")
	must(m.Spec.ShortDescription != "" && !strings.ContainsAny(m.Spec.ShortDescription, "\r\n"), "shortDescription must be one line")
	_, err := version.ParseSemantic(m.Spec.Version)
	must(err == nil && strings.HasPrefix(m.Spec.Version, "v"), "version must be a semantic one with a v")
	must(len(m.Spec.Platforms) > 0, "platforms")
	for _, p := range m.Spec.Platforms {
		must(strings.HasPrefix(p.URI, "https://"), "uri")
		must(regexp.MustCompile(`^[a-f0-9]{64}$`).MatchString(p.Sha256), "sha256 of "+p.URI)
		must(p.Bin != "" && !strings.Contains(p.Bin, ".."), "bin of "+p.URI)
		must(p.Files == nil || len(p.Files) > 0, "files, if there are any, of "+p.URI)
		for _, f := range p.Files {
			must(f.From != "" && f.To != "", "from and to of "+p.URI)
		}
		must(p.Selector != nil && len(p.Selector.MatchLabels)+len(p.Selector.MatchExpressions) > 0, "selector of "+p.URI)
		if p.Selector != nil {
			for key := range p.Selector.MatchLabels {
				must(key == "os" || key == "arch", "selector key "+key)
			}
		}
	}
	return wrong
}

func filled(t *testing.T, archive func(string) ([]byte, error)) manifest {
	t.Helper()
	text, err := os.ReadFile("podgate.yaml")
	if err != nil {
		t.Fatal(err)
	}
	out, err := fill(string(text), "v0.1.0", archive)
	if err != nil {
		t.Fatal(err)
	}
	var m manifest
	if err := yaml.UnmarshalStrict([]byte(out), &m); err != nil {
		t.Fatalf("%v in\n%s", err, out)
	}
	return m
}

func TestManifestFollowsKrewsRules(t *testing.T) {
	m := filled(t, func(name string) ([]byte, error) { return pack(binary(name), []byte(name), []byte("terms")) })
	for _, w := range validate(m) {
		t.Errorf("wrong: %s", w)
	}
	if m.Metadata.Name != "podgate" {
		t.Errorf("the plugin is called %q, and its file podgate.yaml", m.Metadata.Name)
	}
	if n := len(m.Spec.ShortDescription); n > 60 {
		t.Errorf("the short description has %d characters; kubectl krew search cuts it off", n)
	}
	sums := map[string]bool{}
	for _, p := range m.Spec.Platforms {
		system, arch, err := platform(p.URI[strings.LastIndex(p.URI, "/")+1:])
		if err != nil || p.Selector.MatchLabels["os"] != system || p.Selector.MatchLabels["arch"] != arch {
			t.Errorf("%s is for %v", p.URI, p.Selector.MatchLabels)
		}
		if !strings.Contains(p.URI, "/v0.1.0/kubectl-podgate_v0.1.0_") {
			t.Errorf("%s is not of this release", p.URI)
		}
		if p.Bin != binary(p.URI) {
			t.Errorf("%s: the program is called %s, and %s in the archive", p.URI, p.Bin, binary(p.URI))
		}
		sums[p.Sha256] = true
	}
	if len(sums) != len(m.Spec.Platforms) {
		t.Errorf("%d checksums for %d archives", len(sums), len(m.Spec.Platforms))
	}
}

// TestTheRulesAreRules: a manifest that breaks one is found.
func TestTheRulesAreRules(t *testing.T) {
	for name, spoil := range map[string]func(*manifest){
		"a name with a slash":         func(m *manifest) { m.Metadata.Name = "a/b" },
		"a version without a v":       func(m *manifest) { m.Spec.Version = "0.1.0" },
		"two lines of description":    func(m *manifest) { m.Spec.ShortDescription = "a\nb" },
		"a checksum that is none":     func(m *manifest) { m.Spec.Platforms[0].Sha256 = "abc" },
		"a platform without selector": func(m *manifest) { m.Spec.Platforms[0].Selector = nil },
		"a selector on something else": func(m *manifest) {
			m.Spec.Platforms[0].Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"libc": "musl"}}
		},
		"no program": func(m *manifest) { m.Spec.Platforms[0].Bin = "" },
	} {
		t.Run(name, func(t *testing.T) {
			m := filled(t, func(name string) ([]byte, error) { return []byte(name), nil })
			spoil(&m)
			if len(validate(m)) == 0 {
				t.Error("it passes")
			}
		})
	}
}

func TestArchives(t *testing.T) {
	content, err := pack("kubectl-podgate", []byte("program"), []byte("terms"))
	if err != nil {
		t.Fatal(err)
	}
	again, _ := pack("kubectl-podgate", []byte("program"), []byte("terms"))
	if !bytes.Equal(content, again) {
		t.Error("the same content gives other bytes")
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	files, got := tar.NewReader(unzipped), ""
	for {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(files)
		got += h.FileInfo().Mode().String() + " " + h.Name + " " + string(text) + "\n"
	}
	if want := "-rwxr-xr-x kubectl-podgate program\n-rw-r--r-- LICENSE terms\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if _, _, err := platform("kubectl-podgate.tar.gz"); err == nil {
		t.Error("a name without a platform is taken")
	}
}
