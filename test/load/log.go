package load

import (
	"strings"
	"sync"
	"time"
)

// ErrorKind is why a request had no complete answer.
type ErrorKind uint8

// The kinds of errors.
const (
	NoError    ErrorKind = iota
	TimedOut             // no answer in time
	Refused              // nobody listens there
	Broken               // the connection ended before the answer
	OtherError           // anything else
)

// String is the kind in words.
func (k ErrorKind) String() string {
	return [...]string{"none", "timed out", "refused", "broken", "other"}[min(k, OtherError)]
}

func contains(err error, text string) bool { return strings.Contains(err.Error(), text) }

// Outcome is what became of one request.
type Outcome struct {
	Start   time.Time
	Latency time.Duration
	Status  int       // 0 if there was no answer
	Error   ErrorKind // NoError if there was
	Pod     string    // who answered, if the answer says so
}

// Failed is whether the client did not get what it wanted.
func (o Outcome) Failed() bool { return o.Error != NoError || o.Status >= 500 }

// maxRecords bounds the memory of a Log: six hours at 200 requests a second,
// in 100 MB. Older ones are forgotten.
const maxRecords = 6 * 3600 * 200

// record is an Outcome in 24 bytes without pointers.
type record struct {
	start   int64 // ns since 1970
	latency int64 // ns
	pod     uint32
	status  uint16
	kind    ErrorKind
}

// Log keeps the outcomes of the last requests. Its methods may be called while
// the load runs.
type Log struct {
	mu      sync.Mutex
	limit   int
	records []record // a ring once it has limit entries
	next    int      // the oldest, then
	pods    []string
	index   map[string]uint32
}

func newLog(limit int) *Log { return &Log{limit: limit, index: map[string]uint32{}} }

func (l *Log) add(o Outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	pod, known := l.index[o.Pod]
	if !known {
		pod = uint32(len(l.pods))
		l.pods = append(l.pods, o.Pod)
		l.index[o.Pod] = pod
	}
	r := record{start: o.Start.UnixNano(), latency: int64(o.Latency), pod: pod, status: uint16(o.Status), kind: o.Error}
	if len(l.records) < l.limit {
		l.records = append(l.records, r)
		return
	}
	l.records[l.next] = r
	l.next = (l.next + 1) % l.limit
}

// Outcomes are the outcomes of the requests that started in [from, to), in the
// order in which they ended.
func (l *Log) Outcomes(from, to time.Time) []Outcome {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []Outcome
	first, last := from.UnixNano(), to.UnixNano()
	for i := range l.records {
		r := l.records[(l.next+i)%len(l.records)]
		if r.start >= first && r.start < last {
			found = append(found, Outcome{
				Start: time.Unix(0, r.start), Latency: time.Duration(r.latency),
				Status: int(r.status), Error: r.kind, Pod: l.pods[r.pod],
			})
		}
	}
	return found
}

// LastAnswer is when the last request started that the pod answered; zero if
// none did.
func (l *Log) LastAnswer(pod string) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	number, known := l.index[pod]
	var last int64
	for _, r := range l.records {
		if known && r.pod == number && r.status != 0 {
			last = max(last, r.start)
		}
	}
	if last == 0 {
		return time.Time{}
	}
	return time.Unix(0, last)
}

// View is the client's view of the requests that started in [from, to).
func (l *Log) View(from, to time.Time) View { return newView(l.Outcomes(from, to)) }
