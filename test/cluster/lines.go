package cluster

import (
	"bytes"
	"fmt"
	"io"
	"sync"
)

// lines writes whole lines to a writer that several write to, and remembers
// the last ones for error messages.
type lines struct {
	mu   sync.Mutex
	to   io.Writer
	part []byte
	last [][]byte
}

// remembered is how many lines are kept for error messages.
const remembered = 20

func (l *lines) line(text string) { fmt.Fprintln(l, text) }

// Write takes what the box says, in any pieces.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.part = append(l.part, p...)
	for {
		i := bytes.IndexByte(l.part, '\n')
		if i < 0 {
			return len(p), nil
		}
		line := bytes.Clone(l.part[:i+1])
		l.part = l.part[i+1:]
		l.last = append(l.last, line)
		l.last = l.last[max(0, len(l.last)-remembered):]
		_, _ = l.to.Write(append([]byte("cluster: "), line...)) // nobody to tell
	}
}

// flush writes a line that has no end yet.
func (l *lines) flush() {
	l.mu.Lock()
	open := len(l.part) > 0
	l.mu.Unlock()
	if open {
		_, _ = l.Write([]byte("\n"))
	}
}

// tail is the last lines.
func (l *lines) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(bytes.Join(l.last, nil))
}
