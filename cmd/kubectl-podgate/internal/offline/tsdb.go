package offline

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/prometheus/tsdb"
)

// Data is history that can be asked about until it is closed.
type Data struct {
	*API
	// From and To are the times of the first and the last sample. With a write-ahead
	// log, To is when it was last written to.
	From, To time.Time

	closers []func() error
}

// Close lets go of the files, and removes what was made on disk.
func (d *Data) Close() error {
	var errs []error
	for i := len(d.closers) - 1; i >= 0; i-- {
		errs = append(errs, d.closers[i]())
	}
	return errors.Join(errs...)
}

// OpenTSDB opens the directory of a Prometheus database, or a snapshot of one, for
// reading. A server may be running on it. What is in its write-ahead log is read
// into memory.
func OpenTSDB(dir string) (*Data, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("--tsdb %s: %w: name a Prometheus data directory (its --storage.tsdb.path), or a snapshot of one", dir, err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("--tsdb %s is no directory: name a Prometheus data directory (its --storage.tsdb.path), or a snapshot of one", dir)
	}
	// Files of the database are linked to where they are read, which works on one
	// file system only, and needs no rights on the database's directory there.
	d, err := open(dir, os.TempDir())
	if err != nil {
		d, err = open(dir, dir)
	}
	if err != nil {
		return nil, fmt.Errorf("--tsdb %s cannot be opened: %w: name a Prometheus data directory (its --storage.tsdb.path), or a snapshot of one", dir, err)
	}
	return d, nil
}

// open opens a database with some place for what has to be written to read it.
func open(dir, sandbox string) (_ *Data, err error) {
	db, err := tsdb.OpenDBReadOnly(dir, sandbox, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	d := &Data{closers: []func() error{db.Close}}
	defer func() {
		if err != nil {
			_ = d.Close()
		}
	}()
	blocks, err := db.Blocks()
	if err != nil {
		return nil, err
	}
	first, last := int64(math.MaxInt64), int64(math.MinInt64)
	for _, b := range blocks {
		first, last = min(first, b.Meta().MinTime), max(last, b.Meta().MaxTime-1)
	}
	until := last
	if log := lastWritten(filepath.Join(dir, "wal")); log > 0 {
		// Asked for what is later than all blocks, the log is read.
		until, last = math.MaxInt64, max(last, log)
	}
	if last == math.MinInt64 {
		return nil, errors.New("there is no data in it")
	}
	querier, err := db.Querier(math.MinInt64, until)
	if err != nil {
		return nil, err
	}
	d.closers = append(d.closers, querier.Close)
	d.API, d.From, d.To = newAPI(everything{querier}), timeOf(first), timeOf(last)
	return d, nil
}

// lastWritten is when a write-ahead log was last written to, in milliseconds; 0 if
// there is none.
func lastWritten(dir string) (ms int64) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && !e.IsDir() && info.Size() > 0 {
			ms = max(ms, info.ModTime().UnixMilli())
		}
	}
	return ms
}
