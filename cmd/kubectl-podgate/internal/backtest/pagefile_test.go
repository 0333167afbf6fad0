package backtest

import (
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
)

const something = "<!DOCTYPE html>...</html>\n"

// write writes something as the page.
func write(t *testing.T, name string, read ...readFile) error {
	t.Helper()
	f, err := newPageFile(name, read)
	if err != nil {
		return err
	}
	defer f.discard()
	return f.take(func(w io.Writer) error { _, err := io.WriteString(w, something); return err })
}

// TestWhereAPageGoes: a file is replaced, a link leads to one, and what is no regular
// file is written into. Nothing else is left.
func TestWhereAPageGoes(t *testing.T) {
	for name, row := range map[string]struct {
		prepare func(*testing.T)
		html    string
		// page is the file that holds the page, links are those that are still links.
		page, links string
		mode        fs.FileMode
	}{
		"a new file":                          {func(*testing.T) {}, "page.html", "page.html", "", 0o644},
		"a file that is there keeps its mode": {func(t *testing.T) { put(t, "page.html", "before") }, "page.html", "page.html", "", 0o600},
		"a link to a file": {func(t *testing.T) {
			put(t, "real.html", "before")
			link(t, "real.html", "page.html")
		}, "page.html", "real.html", "page.html", 0o600},
		"a link to a link to nothing yet": {func(t *testing.T) {
			link(t, "real.html", "between")
			link(t, "between", "page.html")
		}, "page.html", "real.html", "between page.html", 0o644},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			row.prepare(t)
			if err := write(t, row.html); err != nil {
				t.Fatal(err)
			}
			links := strings.Fields(row.links)
			for _, l := range links {
				if info, err := os.Lstat(l); err != nil || info.Mode().Type() != fs.ModeSymlink {
					t.Errorf("%s is no link any more: %v %v", l, info, err)
				}
			}
			info, err := os.Lstat(row.page)
			if err != nil || info.Mode() != row.mode || info.Size() != int64(len(something)) {
				t.Errorf("%v %v, want mode %s", info, err, row.mode)
			}
			if left, _ := os.ReadDir("."); len(left) != 1+len(links) {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func link(t *testing.T, to, name string) {
	t.Helper()
	if err := os.Symlink(to, name); err != nil {
		t.Fatal(err)
	}
}

// TestAFifoIsWrittenInto holds for whatever is no regular file, also behind a link.
func TestAFifoIsWrittenInto(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := syscall.Mkfifo("fifo", 0o600); err != nil {
		t.Skip(err)
	}
	link(t, "fifo", "page.html")
	for _, name := range []string{"fifo", "page.html"} {
		reader, err := os.OpenFile("fifo", os.O_RDONLY|syscall.O_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := write(t, name); err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(reader); err != nil || string(text) != something {
			t.Errorf("%s: read %q %v", name, text, err)
		}
		reader.Close()
	}
	info, err := os.Lstat("fifo")
	if left, _ := os.ReadDir("."); err != nil || info.Mode().Type() != fs.ModeNamedPipe || len(left) != 2 {
		t.Errorf("%v %v, beside %v", info, err, left)
	}
}

// TestWhereNoPageGoes: nothing is overwritten that the page is made of.
func TestWhereNoPageGoes(t *testing.T) {
	t.Chdir(t.TempDir())
	put(t, "gate.yaml", "the gate")
	link(t, "gate.yaml", "link.html")
	link(t, "round", "round")
	if err := os.Link("gate.yaml", "hard.html"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir("dir", 0o700); err != nil {
		t.Fatal(err)
	}
	read := []readFile{{"--compare", ""}, {"-f", "gate.yaml"}}
	for name, want := range map[string]string{
		"-":                  "--html -: the page goes to a file",
		"dir":                "--html dir is a directory: name a file in it, such as dir/page.html",
		"gate.yaml":          "--html gate.yaml is the same file as -f gate.yaml, which the page would overwrite: name another",
		"./dir/../gate.yaml": "--html ./dir/../gate.yaml is the same file as -f gate.yaml",
		"link.html":          "--html link.html is the same file as -f gate.yaml",
		"hard.html":          "--html hard.html is the same file as -f gate.yaml",
		"round":              "--html round cannot be written: too many levels of symbolic links",
		"nowhere/x.html":     "--html nowhere/x.html cannot be written: no such file or directory: name a file in a directory",
		"gate.yaml/x.html":   "--html gate.yaml/x.html cannot be written: not a directory",
	} {
		err := write(t, name, read...)
		if _, wrong := err.(UsageError); !wrong || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	text, err := os.ReadFile("gate.yaml")
	if left, _ := os.ReadDir("."); err != nil || string(text) != "the gate" || len(left) != 5 {
		t.Errorf("%q %v, beside %v", text, err, left)
	}
}
