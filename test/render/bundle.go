package render

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/podgate/podgate/test/cluster/build"
)

// ErrNoNPM says that the page cannot be built, and what to do.
var ErrNoNPM = errors.New("there is no npm. Install Node.js and run this again")

//go:embed web
var web embed.FS

// bundle is the directory of the page's scripts and icons. It is built once from
// npm's packages, which takes a minute and, for that time, 500 MB beside the cache.
func bundle(ctx context.Context, log io.Writer) (string, error) {
	cache, err := build.Cache()
	if err != nil {
		return "", err
	}
	key, err := keyOf(web)
	if err != nil {
		return "", err
	}
	return build.Once(filepath.Join(cache, "render-"+key), "the page for dashboards", log, func(into, dir string) error {
		if _, err := exec.LookPath("npm"); err != nil {
			return ErrNoNPM
		}
		began := time.Now()
		fmt.Fprintf(log, "fetching Grafana's packages and building the page for dashboards, once, into %s\n", dir)
		if err := makeBundle(ctx, into); err != nil {
			return err
		}
		fmt.Fprintf(log, "built the page for dashboards in %d s\n", int(time.Since(began).Seconds()))
		return nil
	})
}

// makeBundle leaves in a directory what the page needs, without what it was
// built from.
func makeBundle(ctx context.Context, into string) error {
	work := filepath.Join(into, "work")
	sources, err := fs.Sub(web, "web")
	if err != nil {
		return err
	}
	if err := os.CopyFS(work, sources); err != nil {
		return err
	}
	if err := build.NPMInstall(ctx, work); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "npm", "run", "build")
	cmd.Dir = work
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm run build: %w\n%s", err, out)
	}
	if err := os.Rename(filepath.Join(work, "out"), filepath.Join(into, "out")); err != nil {
		return err
	}
	return os.RemoveAll(work)
}

// keyOf changes with whatever changes the bundle.
func keyOf(sources fs.FS) (string, error) {
	hash := sha256.New()
	err := fs.WalkDir(sources, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(sources, path)
		fmt.Fprintf(hash, "%s %d\n%s", path, len(data), data)
		return err
	})
	return hex.EncodeToString(hash.Sum(nil))[:12], err
}
