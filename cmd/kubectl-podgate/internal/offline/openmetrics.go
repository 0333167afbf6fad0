package offline

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/fileutil"
)

// commitEvery is how many samples are appended at once, so that memory is bounded.
const commitEvery = 50_000

// OpenOpenMetrics reads a file in the OpenMetrics text format, with a timestamp on
// every sample, such as promtool tsdb dump-openmetrics writes; gzip is understood.
// The samples go into a database on disk, in a temporary directory that is removed
// on Close.
func OpenOpenMetrics(ctx context.Context, name string) (_ *Data, err error) {
	dir, err := os.MkdirTemp("", "podgate-backtest-")
	if err != nil {
		return nil, err
	}
	remove := func() error { return os.RemoveAll(dir) }
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("--openmetrics %s: %w", name, err), remove())
		}
	}()
	text, done, err := content(name, dir)
	if err != nil {
		return nil, fmt.Errorf("it cannot be read: %w: name a file in the OpenMetrics text format, as promtool tsdb dump-openmetrics writes it", err)
	}
	defer done()
	if err := load(ctx, text, dir); err != nil {
		return nil, err
	}
	d, err := open(dir, dir)
	if err != nil {
		return nil, err
	}
	d.closers = append([]func() error{remove}, d.closers...)
	return d, nil
}

// content is what is in a file, without reading it into memory at once; what is
// packed is unpacked into a directory.
func content(name, dir string) (text []byte, done func(), err error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, nil, errors.Unwrap(err)
	}
	defer file.Close()
	var start [2]byte
	switch _, err := io.ReadFull(file, start[:]); {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, func() {}, nil
	case err != nil:
		return nil, nil, errors.Unwrap(err)
	}
	if start == [2]byte{0x1f, 0x8b} { // RFC 1952, section 2.3.1
		if name, err = unpack(file, filepath.Join(dir, "unpacked")); err != nil {
			return nil, nil, err
		}
	}
	mapped, err := fileutil.OpenMmapFile(name)
	if err != nil {
		return nil, nil, err
	}
	return mapped.Bytes(), func() { _ = mapped.Close() }, nil
}

// unpack writes what is in a packed file into another, whose name it returns.
func unpack(packed *os.File, name string) (_ string, err error) {
	if _, err := packed.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	reader, err := gzip.NewReader(packed)
	if err != nil {
		return "", err
	}
	out, err := os.Create(name)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(out, reader)
	return name, errors.Join(err, out.Close())
}

// load writes the samples of a text into one block of a database.
func load(ctx context.Context, text []byte, dir string) (err error) {
	// A block writer takes samples that are no more than half of the block's length
	// older than the latest. Here the length is that of any file.
	const anyLength = 100 * 365 * 24 * time.Hour
	w, err := tsdb.NewBlockWriter(slog.New(slog.DiscardHandler), dir, anyLength.Milliseconds())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	l := loader{writer: w, appender: w.Appender(ctx), last: map[storage.SeriesRef]int64{}}
	if err := l.load(ctx, text); err != nil {
		return err
	}
	if l.total == 0 {
		return errors.New("there are no samples in it")
	}
	_, err = w.Flush(ctx)
	return err
}

// farFuture is a time that no history is of: the year 2200, in milliseconds.
var farFuture = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

// loader appends the samples of a text.
type loader struct {
	writer   *tsdb.BlockWriter
	appender storage.Appender
	// ref and series are of the last sample: its series mostly goes on.
	ref            storage.SeriesRef
	series         []byte
	pending, total int
	// last is the time of each series' last sample: the database finds out too late,
	// and drops what comes out of order without a word.
	last map[storage.SeriesRef]int64
}

func (l *loader) load(ctx context.Context, text []byte) error {
	p := textparse.NewOpenMetricsParser(text, labels.NewSymbolTable())
	for line := 1; ; line++ { // an entry is a line: the format has no empty ones
		entry, err := p.Next()
		if errors.Is(err, io.EOF) {
			return l.appender.Commit()
		}
		if err != nil {
			return fmt.Errorf("line %d is not in the OpenMetrics text format: %w (the last line must be # EOF)", line, err)
		}
		if entry != textparse.EntrySeries {
			continue
		}
		if err := l.add(p); err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
		if l.pending++; l.pending < commitEvery {
			continue
		}
		if err := l.appender.Commit(); err != nil {
			return err
		}
		l.appender, l.pending = l.writer.Appender(ctx), 0
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// add appends the sample at which the parser is.
func (l *loader) add(p textparse.Parser) error {
	series, at, value := p.Series()
	if at == nil {
		return fmt.Errorf("sample %s has no timestamp: history needs one on every sample", series)
	}
	if *at == math.MinInt64 || *at == math.MaxInt64 {
		return fmt.Errorf("sample %s: timestamp %d is out of range", series, *at)
	}
	if *at > farFuture {
		return fmt.Errorf("sample %s is of the year %d: its timestamps look like milliseconds, and OpenMetrics has seconds: divide them by 1000", series, timeOf(*at).Year())
	}
	var of labels.Labels
	if !bytes.Equal(series, l.series) {
		l.ref, l.series = 0, series
	}
	if l.ref == 0 {
		p.Labels(&of)
	}
	ref, err := l.appender.Append(l.ref, of, *at, value)
	if err != nil {
		return fmt.Errorf("sample %s at %s: %w", series, timeOf(*at).Format(time.RFC3339), err)
	}
	if last, ok := l.last[ref]; ok && *at <= last {
		return fmt.Errorf("sample %s at %s does not come after the one at %s: the samples of a series must be in the order of time",
			series, timeOf(*at).Format(time.RFC3339), timeOf(last).Format(time.RFC3339))
	}
	l.ref, l.last[ref] = ref, *at
	l.total++
	return nil
}
