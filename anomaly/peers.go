package anomaly

import "time"

// ownStratum is how many pods a stratum needs to be compared within itself.
const ownStratum = 4

// member is a pod that is judged in this tick and has data.
type member struct {
	slot, sample int
	// group is whom it is compared with.
	group int
	// ticks is how many ticks its sample brings news of; first that it is the
	// first sample of the pod.
	ticks int
	first bool
	// idle says that there were no events in its window: it cannot be judged now,
	// nor stand as a peer.
	idle bool
	// baseline says that it stands as a peer in its own group, everywhere that it
	// does among all.
	baseline, everywhere bool
}

// group is a set of pods that are compared with each other. Group 0 is all.
type group struct {
	members, base int
	crowded       bool
	suspects      int
}

// peers is how many pods m is compared with.
func (g *group) peers(m *member) int {
	if m.baseline {
		return g.base - 1
	}
	return g.base
}

// tick is one step's pods, and who is whose peer.
type tick struct {
	now, last time.Time
	// elapsed is the time since the last tick, 0 when time stood still or ran
	// backwards.
	elapsed time.Duration
	// judged and known count the pods that are judged, and those with events.
	judged, known int
	members       []member
	groups        []group
	strata        map[string]int
	floats        []float64
	// moved says that too many are worse than the fleet's own past.
	moved bool
	// doubt is the evidence above which a pod teaches nothing about healthy ones.
	doubt float64
}

func (t *tick) start(now time.Time, cfg Config) {
	t.elapsed = cfg.Interval
	if !t.last.IsZero() {
		t.elapsed = max(now.Sub(t.last), 0)
	}
	t.last, t.now = now, now
	t.judged, t.known = 0, 0
	t.members = t.members[:0]
	t.groups = append(t.groups[:0], group{})
	clear(t.strata)
}

func (t *tick) join(m member, stratum string) {
	if stratum != "" {
		if t.strata == nil {
			t.strata = map[string]int{}
		}
		g, ok := t.strata[stratum]
		if !ok {
			g = len(t.groups)
			t.strata[stratum] = g
			t.groups = append(t.groups, group{})
		}
		m.group = g
		t.groups[g].members++
	}
	if !m.idle {
		t.known++
	}
	t.groups[0].members++
	t.members = append(t.members, m)
}

// choose sets up the baseline: the pods that are judged now and not suspect
// themselves. Where more than 40 % of a group are suspect, nobody is left out.
func (t *tick) choose(r method, suspicion bool) {
	for k := range t.members {
		m := &t.members[k]
		if t.groups[m.group].members < ownStratum {
			m.group = 0
		}
		if suspicion && r.evidence(m.slot) >= suspect {
			t.groups[0].suspects++
			if m.group != 0 {
				t.groups[m.group].suspects++
			}
			continue
		}
		m.baseline, m.everywhere = !m.idle, !m.idle
	}
	for i := range t.groups {
		g := &t.groups[i]
		g.crowded = float64(g.suspects) > crowd*float64(g.members)
	}
	for k := range t.members {
		m := &t.members[k]
		m.baseline = m.baseline || !m.idle && t.groups[m.group].crowded
		m.everywhere = m.everywhere || !m.idle && t.groups[0].crowded
		if m.everywhere {
			t.groups[0].base++
		}
		if m.group != 0 && m.baseline {
			t.groups[m.group].base++
		}
	}
}

// doubtful says that what a member did lately must not teach how healthy pods
// differ: there is much evidence against it, too many of its group look bad, or
// so many of all are worse than the fleet's own past.
func (t *tick) doubtful(m *member, evidence float64) bool {
	return t.groups[m.group].crowded || t.moved || evidence >= t.doubt
}

// inGroup says whether m is in the baseline of group g.
func (m *member) inGroup(g int) bool {
	if g == 0 {
		return m.everywhere
	}
	return m.group == g && m.baseline
}
