// Command image packs the controller into a container image, without Docker and
// without a base image: the static binary, certificate authorities, and a user
// that is not root. It writes a tarball that docker load, ctr images import,
// kind load image-archive and crane push take.
package main

import (
	"archive/tar"
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// authorities is where Linux distributions keep their certificate authorities.
var authorities = []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"}

// epoch stands for every time in the image, so that the same input makes the
// same image.
var epoch = time.Unix(0, 0).UTC()

func main() {
	binary := flag.String("binary", "", "the static linux binary to pack")
	reference := flag.String("image", "ghcr.io/podgate/podgate:dev", "name and tag of the image")
	arch := flag.String("arch", runtime.GOARCH, "the binary's architecture")
	out := flag.String("out", "dist/podgate-image.tar", "the tarball to write")
	flag.Parse()
	if err := run(*binary, *reference, *arch, *out); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(binary, reference, arch, out string) error {
	tag, err := name.NewTag(reference)
	if err != nil {
		return fmt.Errorf("--image %q: %w", reference, err)
	}
	image, err := build(binary, arch)
	if err != nil {
		return err
	}
	if err := tarball.WriteToFile(out, tag, image); err != nil {
		return err
	}
	digest, err := image.Digest()
	if err != nil {
		return err
	}
	info, err := os.Stat(out)
	if err != nil {
		return err
	}
	fmt.Printf("%s: %s (%d MB), %s\n", out, tag, info.Size()>>20, digest)
	return nil
}

func build(binary, arch string) (v1.Image, error) {
	content, err := layer(binary)
	if err != nil {
		return nil, err
	}
	files, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil })
	if err != nil {
		return nil, err
	}
	image, err := mutate.Append(empty.Image, mutate.Addendum{Layer: files, History: v1.History{CreatedBy: "podgate make image", Created: v1.Time{Time: epoch}}})
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = "linux", arch, v1.Time{Time: epoch}
	config.Config.Entrypoint = []string{"/podgate"}
	config.Config.User = "65532:65532"
	config.Config.Env = []string{"SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"}
	config.Config.Labels = map[string]string{"org.opencontainers.image.source": "https://github.com/podgate/podgate", "org.opencontainers.image.licenses": "Apache-2.0"}
	return mutate.ConfigFile(image, config)
}

// layer is the image's only layer.
func layer(binary string) ([]byte, error) {
	program, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	roots, err := firstFile(authorities)
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, f := range []struct {
		name string
		mode int64
		data []byte
	}{
		{"etc/passwd", 0o644, []byte("nonroot:x:65532:65532:nonroot:/:/sbin/nologin\n")},
		{"etc/ssl/certs/ca-certificates.crt", 0o644, roots},
		{"podgate", 0o755, program},
	} {
		header := &tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.data)), ModTime: epoch, Typeflag: tar.TypeReg}
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.data); err != nil {
			return nil, err
		}
	}
	return buf.Bytes(), w.Close()
}

func firstFile(paths []string) ([]byte, error) {
	for _, p := range paths {
		if b, err := os.ReadFile(p); err == nil {
			return b, nil
		}
	}
	return nil, fmt.Errorf("no certificate authorities at any of %v: install the package ca-certificates", paths)
}
