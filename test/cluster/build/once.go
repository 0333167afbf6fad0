package build

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Once makes a directory of the cache if it is not there. build fills another
// one beside it, which is renamed: dir is there whole or not at all. Of programs
// that start together one builds and the others wait, and tell log so. It returns
// dir.
func Once(dir, what string, log io.Writer, build func(into, dir string) error) (string, error) {
	if exists(dir) {
		return dir, nil
	}
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return "", err
	}
	unlock, err := lock(dir+".lock", func() {
		fmt.Fprintf(log, "waiting for another program that builds %s\n", what)
	})
	if err != nil {
		return "", err
	}
	defer unlock()
	if exists(dir) {
		return dir, nil
	}
	temporary, err := os.MkdirTemp(parent, ".building-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(temporary)
	if err := os.Chmod(temporary, 0o755); err != nil {
		return "", err
	}
	if err := build(temporary, dir); err != nil {
		return "", err
	}
	return dir, os.Rename(temporary, dir)
}
