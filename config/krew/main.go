// Command krew builds the archives that the plugin's manifest for krew names, and
// fills their checksums into it.
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"text/template"
)

func main() {
	tag := flag.String("tag", "", "version of the release, such as v0.1.0")
	manifest := flag.String("manifest", "config/krew/podgate.yaml", "the template")
	license := flag.String("license", "LICENSE", "goes into each archive")
	out := flag.String("out", "dist", "folder for the archives and the manifest")
	flag.Parse()
	if err := run(*tag, *manifest, *license, *out); err != nil {
		fmt.Fprintln(os.Stderr, "krew:", err)
		os.Exit(1)
	}
}

func run(tag, manifest, license, out string) error {
	if !strings.HasPrefix(tag, "v") {
		return fmt.Errorf("-tag %q: must be a version such as v0.1.0", tag)
	}
	text, err := os.ReadFile(manifest)
	if err != nil {
		return err
	}
	terms, err := os.ReadFile(license)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	filled, err := fill(string(text), tag, func(name string) ([]byte, error) {
		program, err := build(name, tag)
		if err != nil {
			return nil, err
		}
		content, err := pack(binary(name), program, terms)
		if err != nil {
			return nil, err
		}
		return content, os.WriteFile(filepath.Join(out, name), content, 0o644)
	})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, filepath.Base(manifest)), []byte(filled), 0o644)
}

// fill fills a manifest's template; archive makes an archive by its name.
func fill(text, tag string, archive func(name string) ([]byte, error)) (string, error) {
	t, err := template.New("manifest").Funcs(template.FuncMap{
		"addURIAndSha": func(uri, tag string) (string, error) {
			uri = strings.ReplaceAll(uri, "{{ .TagName }}", tag)
			content, err := archive(path.Base(uri))
			sum := sha256.Sum256(content)
			return fmt.Sprintf("uri: %s\n    sha256: %s", uri, hex.EncodeToString(sum[:])), err
		},
	}).Parse(text)
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	err = t.Execute(&out, map[string]string{"TagName": tag})
	return out.String(), err
}

// platform is the operating system and architecture in an archive's name.
func platform(name string) (system, arch string, err error) {
	parts := strings.Split(strings.TrimSuffix(name, ".tar.gz"), "_")
	if len(parts) != 4 {
		return "", "", fmt.Errorf("archive %s: the name must be NAME_VERSION_OS_ARCH.tar.gz", name)
	}
	return parts[2], parts[3], nil
}

// binary is the name of the program in an archive.
func binary(name string) string {
	if strings.Contains(name, "_windows_") {
		return "kubectl-podgate.exe"
	}
	return "kubectl-podgate"
}

// build compiles the plugin for an archive's platform.
func build(name, tag string) ([]byte, error) {
	system, arch, err := platform(name)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "krew")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, binary(name))
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w -X main.version="+tag, "-o", program, "./cmd/kubectl-podgate")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system, "GOARCH="+arch)
	if text, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building for %s/%s: %w: %s", system, arch, err, text)
	}
	return os.ReadFile(program)
}

// pack makes the archive. The same content gives the same bytes.
func pack(binary string, program, license []byte) ([]byte, error) {
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	files := tar.NewWriter(zip)
	for _, f := range []struct {
		name    string
		mode    int64
		content []byte
	}{{binary, 0o755, program}, {"LICENSE", 0o644, license}} {
		if err := files.WriteHeader(&tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.content)), Format: tar.FormatUSTAR}); err != nil {
			return nil, err
		}
		if _, err := files.Write(f.content); err != nil {
			return nil, err
		}
	}
	if err := files.Close(); err != nil {
		return nil, err
	}
	err := zip.Close()
	return out.Bytes(), err
}
