package build

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// progressPeriod is how often a long build says how far it is.
const progressPeriod = 10 * time.Second

// compile is one run of `go build`.
type compile struct {
	dir, pkg, out, tags, vars string
}

func (c compile) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = c.dir
	// No C: the programs must run wherever they are copied. No workspace: the
	// nested module's own go.mod is what counts.
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	return cmd
}

func (c compile) build(ctx context.Context, stderr io.Writer) error {
	cmd := c.command(ctx, "build", "-v", "-trimpath", "-ldflags=-s -w "+c.vars, "-tags="+c.tags, "-o", c.out, c.pkg)
	cmd.Stderr = stderr
	return cmd.Run()
}

// runWithProgress builds, and tells log now and then how far it is.
func (c compile) runWithProgress(ctx context.Context, what string, log io.Writer) error {
	began := time.Now()
	fmt.Fprintf(log, "building %s\n", what)
	total := c.packages(ctx)
	counter := &lineCounter{}
	over := make(chan struct{})
	var waiting sync.WaitGroup
	waiting.Go(func() {
		tick := time.NewTicker(progressPeriod)
		defer tick.Stop()
		for {
			select {
			case <-over:
				return
			case <-tick.C:
				lines, last := counter.state()
				fmt.Fprintf(log, "building %s: %d s, %d of at most %d packages compiled, last %s\n",
					filepath.Base(c.out), int(time.Since(began).Seconds()), lines, total, last)
			}
		}
	})
	err := c.build(ctx, counter)
	close(over)
	waiting.Wait()
	if err != nil {
		return fmt.Errorf("build %s in %s: %w\n%s", c.pkg, c.dir, err, counter.tail())
	}
	fmt.Fprintf(log, "built %s in %d s\n", filepath.Base(c.out), int(time.Since(began).Seconds()))
	return nil
}

// packages is how many packages the program consists of, 0 if unknown. Those
// in Go's own build cache are not compiled again.
func (c compile) packages(ctx context.Context) int {
	out, err := c.command(ctx, "list", "-deps", "-tags="+c.tags, c.pkg).Output()
	if err != nil {
		return 0 // the build will say why
	}
	return bytes.Count(out, []byte("\n"))
}

// lineCounter counts the lines `go build -v` writes, a package each, and keeps
// the last ones, which are the errors if it fails.
type lineCounter struct {
	mu    sync.Mutex
	part  string
	count int
	last  []string
}

func (l *lineCounter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := strings.Split(l.part+string(p), "\n")
	l.part = lines[len(lines)-1]
	l.count += len(lines) - 1
	l.last = append(l.last, lines[:len(lines)-1]...)
	l.last = l.last[max(0, len(l.last)-20):]
	return len(p), nil
}

func (l *lineCounter) state() (count int, last string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.last); n > 0 {
		last = l.last[n-1]
	}
	return l.count, last
}

func (l *lineCounter) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(append(l.last, l.part), "\n")
}

// Program builds a light program of the module in dir into the cache, each time:
// Go's own build cache makes that quick. It returns the program's path.
func Program(ctx context.Context, dir, pkg string) (string, error) {
	cache, err := Cache()
	if err != nil {
		return "", err
	}
	bin, err := os.MkdirTemp(mkdir(filepath.Join(cache, "bin")), "build-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(bin)
	name := filepath.Base(pkg)
	c := compile{dir: dir, pkg: pkg, out: filepath.Join(bin, name)}
	output := &lineCounter{}
	if err := c.build(ctx, output); err != nil {
		return "", fmt.Errorf("build %s in %s: %w\n%s", pkg, dir, err, output.tail())
	}
	return place(c.out, filepath.Join(cache, "bin", name))
}
