package backtest

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/gatefile"
)

// pageFile is where a page is written to once there is one. What was in a regular file
// before stays until then; what is none, such as a fifo or a device, is written into. A
// nil one takes no page.
type pageFile struct {
	name string
	out  *os.File
	// target is the regular file whose place out takes; empty where out is written into.
	target string
	mode   fs.FileMode
}

// newPageFile finds out, before any work is done, whether the file can be written, and
// that it is none of those that are read. Without a name there is none.
func newPageFile(name string, read []readFile) (f *pageFile, err error) {
	switch info, statErr := os.Stat(name); {
	case name == "":
		return nil, nil
	case name == gatefile.Stdin:
		return nil, misused("--html -: the page goes to a file, the standard output has the decisions: name a file such as page.html")
	case errors.Is(statErr, fs.ErrNotExist):
		f, err = replacing(name, 0o644)
	case statErr != nil:
		err = statErr
	case info.IsDir():
		return nil, misused("--html %s is a directory: name a file in it, such as %s", name, filepath.Join(name, "page.html"))
	case !info.Mode().IsRegular():
		f = &pageFile{name: name}
		f.out, err = os.OpenFile(name, os.O_WRONLY, 0)
	default:
		if err := apart(name, info, read); err != nil {
			return nil, err
		}
		f, err = replacing(name, info.Mode().Perm())
	}
	if err != nil {
		return nil, misused("--html %s cannot be written: %w: name a file in a directory that is there and that you may write to", name, bare(err))
	}
	return f, nil
}

// readFile is a file that a command reads, or writes otherwise.
type readFile struct{ flag, name string }

// apart refuses to overwrite a file that is used.
func apart(name string, info fs.FileInfo, used []readFile) error {
	for _, u := range used {
		if other, err := os.Stat(u.name); err == nil && os.SameFile(info, other) {
			return misused("--html %s is the same file as %s %s, which the page would overwrite: name another", name, u.flag, u.name)
		}
	}
	return nil
}

// replacing makes the file that takes the place of a regular one, beside it: a rename
// leaves nothing by halves.
func replacing(name string, mode fs.FileMode) (*pageFile, error) {
	target, err := followed(name)
	if err != nil {
		return nil, err
	}
	out, err := os.CreateTemp(filepath.Dir(target), ".podgate-*.html")
	return &pageFile{name, out, target, mode}, err
}

// followed is where a name's symbolic links lead, even if nothing is there yet.
func followed(name string) (string, error) {
	target, err := filepath.EvalSymlinks(name)
	if !errors.Is(err, fs.ErrNotExist) {
		return target, err
	}
	link, err := os.Readlink(name)
	if err != nil {
		return name, nil // there is no such file, and no link either
	}
	if !filepath.IsAbs(link) {
		link = filepath.Join(filepath.Dir(name), link)
	}
	return followed(link)
}

// take has the page written, and puts it where it belongs.
func (f *pageFile) take(write func(io.Writer) error) error {
	if f == nil {
		return nil
	}
	err := write(f.out)
	if f.target != "" {
		err = errors.Join(err, f.out.Chmod(f.mode))
	}
	err = errors.Join(err, f.out.Close())
	if err == nil && f.target != "" {
		err = os.Rename(f.out.Name(), f.target)
	}
	if err != nil {
		return fmt.Errorf("--html %s: %w", f.name, err)
	}
	return nil
}

// discard removes what is left of a page that was not written.
func (f *pageFile) discard() {
	if f == nil {
		return
	}
	_ = f.out.Close()
	if f.target != "" {
		_ = os.Remove(f.out.Name())
	}
}

// bare is an error about a file without the file's name, which is told anyway.
func bare(err error) error {
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		return path.Err
	}
	return err
}
