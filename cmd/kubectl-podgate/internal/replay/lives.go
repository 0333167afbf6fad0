package replay

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/podgate/podgate/controller/source"
)

// A pod that the metrics are silent about, while they speak of others, for longer
// than absence has ended; if its name comes back it is another pod.
const absence = 5 * time.Minute

// life is a pod as the data knows it: its name, from its first to its last sample.
type life struct {
	name, uid, revision string
	from, to            time.Time
	// last is the number of the tick of its last sample so far, counting only ticks
	// at which the metrics spoke of anybody.
	last int
	// old says that it was there when the data began, nobody knows since when.
	old bool
}

// lives are the pods of the data, found while it is read ahead.
type lives struct {
	// patience is absence in ticks.
	patience int
	// spoken counts the moments that spoke of anybody, spokeAt is the last of them.
	spoken  int
	spokeAt time.Time
	current map[string]*life
	all     []*life // that may not have ended, by name
	count   map[string]int
}

func newLives(interval time.Duration) *lives {
	return &lives{patience: max(int((absence+interval-1)/interval), 2), current: map[string]*life{}, count: map[string]int{}}
}

// see takes in who is spoken of at a moment. first is the moment at which the data
// was asked for from.
func (l *lives) see(m source.Moment, signals int, first bool) {
	if !speaks(m, signals) {
		return
	}
	l.spoken, l.spokeAt = l.spoken+1, m.At
	for _, a := range m.Answers[:signals] {
		for name := range a.ByPod {
			l.seeOne(name, m.At, first)
		}
	}
}

func (l *lives) seeOne(name string, at time.Time, first bool) {
	p := l.current[name]
	if p == nil || l.spoken-p.last > l.patience {
		l.count[name]++
		p = &life{name: name, uid: name, revision: Revision(name), from: at, old: first}
		if n := l.count[name]; n > 1 {
			p.uid = fmt.Sprintf("%s (%d)", name, n)
		}
		l.current[name] = p
		i, _ := slices.BinarySearchFunc(l.all, p, func(a, b *life) int { return strings.Compare(a.name, b.name) })
		for i < len(l.all) && l.all[i].name == name {
			i++
		}
		l.all = slices.Insert(l.all, i, p)
	}
	p.to, p.last = at, l.spoken
}

// at are the pods that there are at an instant, by name. Those that have ended
// before are forgotten: instants come in their order. When the data itself has
// ended, nobody ends any more.
func (l *lives) at(now time.Time) (out []*life) {
	if now.After(l.spokeAt) {
		now = l.spokeAt
	}
	l.all = slices.DeleteFunc(l.all, func(p *life) bool {
		gone := p.to.Before(now)
		if gone && l.current[p.name] == p && l.spoken-p.last > l.patience {
			delete(l.current, p.name)
		}
		return gone && l.current[p.name] != p
	})
	for _, p := range l.all {
		if !p.from.After(now) && !p.to.Before(now) {
			out = append(out, p)
		}
	}
	return out
}

// speaks reports whether the signals say anything of anybody at a moment.
func speaks(m source.Moment, signals int) bool {
	for _, a := range m.Answers[:signals] {
		if len(a.ByPod) > 0 {
			return true
		}
	}
	return false
}

// timeline hands out moments once it is known who was there.
type timeline struct {
	feed    *feed
	lives   *lives
	signals int
	ahead   []waiting
	first   bool
	ended   bool
}

// waiting is a moment, and how many moments had spoken when it came.
type waiting struct {
	source.Moment
	spoken int
}

// next is the next moment, and the pods that there were. ok is false after the
// last one.
func (t *timeline) next() (m source.Moment, pods []*life, ok bool, err error) {
	for !t.ended && (len(t.ahead) == 0 || t.lives.spoken-t.ahead[0].spoken <= t.lives.patience) {
		m, ok, err := t.feed.next()
		if err != nil {
			return m, nil, false, err
		}
		if !ok {
			t.ended = true
			break
		}
		t.lives.see(m, t.signals, t.first)
		t.first = false
		t.ahead = append(t.ahead, waiting{m, t.lives.spoken})
	}
	if len(t.ahead) == 0 {
		return m, nil, false, nil
	}
	m, t.ahead[0], t.ahead = t.ahead[0].Moment, waiting{}, t.ahead[1:]
	return m, t.lives.at(m.At), true, nil
}
