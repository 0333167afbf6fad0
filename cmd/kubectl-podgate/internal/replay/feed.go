package replay

import (
	"context"
	"time"

	"github.com/podgate/podgate/controller/source"
)

// Source tells what questions would have been answered at every step of a stretch
// of the past, both ends included; see source.Prometheus.
type Source interface {
	History(ctx context.Context, questions []source.Question, from, to time.Time, step time.Duration) ([]source.Moment, error)
}

// The history is read in chunks, so that memory is bounded however long it is, and
// however many pods there are: a chunk has so many moments that it holds about
// chunkValues numbers.
const (
	firstChunk  = 40
	chunkValues = 100_000
	minChunk    = 10
	maxChunk    = 2000
)

// feed reads moments in their order, one chunk ahead of who takes them.
type feed struct {
	chunks chan chunk
	stop   context.CancelFunc
	left   []source.Moment
}

type chunk struct {
	moments []source.Moment
	err     error
}

// newFeed begins to read; close ends it.
func newFeed(ctx context.Context, src Source, questions []source.Question, from, to time.Time, step time.Duration) *feed {
	ctx, stop := context.WithCancel(ctx)
	f := &feed{chunks: make(chan chunk), stop: stop}
	go func() {
		defer close(f.chunks)
		for n := firstChunk; !from.After(to); {
			last := from.Add(time.Duration(n-1) * step)
			if last.After(to) {
				last = to
			}
			moments, err := src.History(ctx, questions, from, last, step)
			select {
			case f.chunks <- chunk{moments, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
			from, n = last.Add(step), chunkSize(n, moments)
		}
	}()
	return f
}

func (f *feed) close() { f.stop() }

// next is the next moment; ok is false after the last one.
func (f *feed) next() (m source.Moment, ok bool, err error) {
	for len(f.left) == 0 {
		c, open := <-f.chunks
		if !open || c.err != nil {
			return m, false, c.err
		}
		f.left = c.moments
	}
	m, f.left[0], f.left = f.left[0], source.Moment{}, f.left[1:]
	return m, true, nil
}

// chunkSize is how many moments to read next, after a chunk of n.
func chunkSize(n int, moments []source.Moment) int {
	values := 1
	for _, m := range moments {
		for _, a := range m.Answers {
			for _, s := range a.ByPod {
				values += 2 + len(s.Counts)
			}
		}
	}
	wanted := chunkValues * max(len(moments), 1) / values
	return max(minChunk, min(wanted, 4*n, maxChunk))
}
