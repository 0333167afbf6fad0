package backtest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/page"
)

// pageFile is a file that a page is written to once there is one; what was there
// before stays until then. A nil one takes no page.
type pageFile struct {
	name string
	temp *os.File
}

// newPageFile finds out, before any work is done, whether the file can be written.
// Without a name there is none.
func newPageFile(name string) (*pageFile, error) {
	if name == "" {
		return nil, nil
	}
	temp, err := os.CreateTemp(filepath.Dir(name), ".podgate-*.html")
	if err != nil {
		var path *os.PathError
		if errors.As(err, &path) {
			err = path.Err
		}
		return nil, fmt.Errorf("--html %s cannot be written: %w: name a file in a directory that is there and that you may write to", name, err)
	}
	return &pageFile{name, temp}, nil
}

func (f *pageFile) write(p page.Page) error {
	if f == nil {
		return nil
	}
	err := errors.Join(page.Write(f.temp, p), f.temp.Chmod(0o644), f.temp.Close())
	if err == nil {
		err = os.Rename(f.temp.Name(), f.name)
	}
	if err != nil {
		return fmt.Errorf("--html %s: %w", f.name, err)
	}
	return nil
}

// discard removes what is left of a page that was not written.
func (f *pageFile) discard() {
	if f != nil {
		_ = f.temp.Close()
		_ = os.Remove(f.temp.Name())
	}
}
