package decide_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/podgate/podgate/anomaly"
	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/decide"
)

var now = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)

func at(d time.Duration) time.Time { return now.Add(d) }

var policy = decide.Policy{
	Interval: 15 * time.Second, Window: time.Minute, WarmUp: 2 * time.Minute,
	MaxGated: decide.Limit{Max: 20, Percent: true}, PerDomain: decide.Limit{Max: 50, Percent: true}, MinServing: 2,
	After: time.Minute, MaxAfter: 30 * time.Minute,
}

// world is a fleet for a test row, web-0, web-1, ..., all serving and normal
// until an edit says otherwise.
type world struct {
	decide.Input
	signal decide.Signal
}

func fleet(n int) *world {
	w := &world{signal: decide.Signal{Name: "errors", Kind: anomaly.Ratio, Unit: "standard deviations"}}
	w.Input = decide.Input{Gate: "web", Policy: policy, Now: now, Looked: true, LabelNew: true}
	for i := range n {
		p := decide.Pod{Name: fmt.Sprintf("web-%d", i), UID: fmt.Sprintf("uid-%d", i), Ready: true, Owned: true,
			ReadySince: at(-time.Hour), Labelled: true, Traffic: "yes"}
		w.Pods = append(w.Pods, p)
		w.signal.Result.Verdicts = append(w.signal.Result.Verdicts, anomaly.Verdict{Pod: p.UID, Class: anomaly.Normal, Bar: 3.5})
	}
	w.signal.Result.Fleet, w.signal.Answered = anomaly.Fleet{Judged: n, Known: n}, n
	return w
}

// bad makes pod i an outlier with that much evidence.
func (w *world) bad(i int, evidence float64) *world {
	v := &w.signal.Result.Verdicts[i]
	v.Class, v.Evidence, v.Level, v.Samples = anomaly.Outlier, evidence, 0.3, 100
	return w
}

// gated makes pod i gated by us, some time ago, for so long.
func (w *world) gated(i int, ago, stay time.Duration) *world {
	p := &w.Pods[i]
	p.Traffic = "no"
	p.Memory = decide.Memory{Gate: "web", GatedAt: at(-ago), GatedUntil: at(stay - ago), Reason: "was bad"}
	w.silent(i)
	return w
}

// relapsed says how often a gated pod's trials failed, and what then.
func (w *world) relapsed(i, times int, then v1alpha1.Then) *world {
	w.Pods[i].Memory.Relapses, w.Policy.Retries, w.Policy.Then = times, 3, then
	return w
}

// probe says whether pod i is healthy, as recovery.signal would.
func (w *world) probe(i int, healthy bool) *world {
	w.Probes = map[string]bool{w.Pods[i].UID: healthy}
	return w
}

// load gives the first known pods the same load.
func (w *world) load(limit, each float64, known int) *world {
	w.Headroom = &decide.Headroom{Max: limit, Load: map[string]float64{}}
	for _, p := range w.Pods[:known] {
		w.Headroom.Load[p.UID] = each
	}
	return w
}

// zones deals the pods out to n zones, nodes puts n neighbours on each node.
func (w *world) zones(n int) *world {
	for i := range w.Pods {
		w.Pods[i].Zone = fmt.Sprintf("zone-%d", i%n)
	}
	return w
}

func (w *world) nodes(n int) *world {
	for i := range w.Pods {
		w.Pods[i].Node = fmt.Sprintf("node-%d", i/n)
	}
	return w
}

// shared makes some pods another Service's too, which loses them with ours.
func (w *world) shared(service string, pods ...int) *world {
	for _, i := range pods {
		w.Pods[i].Services = append(w.Pods[i].Services, service)
	}
	return w
}

// silent makes pod i unknown to the metrics.
func (w *world) silent(i int) *world {
	w.signal.Result.Verdicts[i].Class = anomaly.Unknown
	return w
}

func (w *world) edit(f func(*world)) *world { f(w); return w }

func (w *world) pod(i int, f func(*decide.Pod)) *world { f(&w.Pods[i]); return w }

func (w *world) decide() decide.Plan {
	w.Signals = []decide.Signal{w.signal}
	return decide.Decide(w.Input)
}

// summary is a plan as a line: "Gate web-0 Outlier; Hold web-1 HeldLimit".
func summary(p decide.Plan) string {
	var out []string
	for _, d := range p.Decisions {
		out = append(out, fmt.Sprintf("%s %s %s", d.Action, d.Pod, d.Reason))
	}
	return strings.Join(out, "; ")
}

func override(v string) func(*decide.Pod) { return func(p *decide.Pod) { p.Override = v } }

// until makes an override end so long from now.
func until(f func(*decide.Pod), d time.Duration) func(*decide.Pod) {
	return func(p *decide.Pod) {
		f(p)
		p.OverrideUntil, p.OverrideTime = at(d), at(d).Format(time.RFC3339)
	}
}
func unready(p *decide.Pod)    { p.Ready = false }
func unlabelled(p *decide.Pod) { p.Labelled, p.Traffic = false, "" }
func byHand(traffic string) func(*decide.Pod) {
	return func(p *decide.Pod) { p.Traffic, p.ByOther = traffic, true }
}

func TestDecide(t *testing.T) {
	for name, row := range map[string]struct {
		world *world
		want  string
	}{
		"a healthy fleet is left alone":         {fleet(10), ""},
		"an empty fleet is nothing to decide":   {fleet(0), ""},
		"one outlier is gated":                  {fleet(10).bad(3, 9), "Gate web-3 Outlier"},
		"the worst goes first, one at a look":   {fleet(10).bad(3, 9).bad(5, 12), "Gate web-5 Outlier; Hold web-3 HeldOneAtATime"},
		"equals go by name":                     {fleet(10).bad(5, 9).bad(3, 9), "Gate web-3 Outlier; Hold web-5 HeldOneAtATime"},
		"nobody is gated between two looks":     {fleet(10).bad(3, 9).edit(func(w *world) { w.Looked = false }), ""},
		"a pod that is not Ready is not gated":  {fleet(10).bad(3, 9).pod(3, unready), ""},
		"no data is no evidence":                {fleet(10).silent(3), ""},
		"one of three may go":                   {fleet(3).bad(0, 9), "Gate web-0 Outlier"},
		"one of two may not":                    {fleet(2).bad(0, 9), "Hold web-0 HeldCommonCause"},
		"the limit counts those out already":    {fleet(10).gated(0, 30*time.Second, time.Minute).gated(1, 30*time.Second, time.Minute).bad(3, 9), "Hold web-3 HeldLimit"},
		"pods not Ready use up the limit":       {fleet(10).pod(0, unready).pod(1, unready).bad(3, 9), "Hold web-3 HeldLimit"},
		"pods held out use up the limit":        {fleet(10).pod(0, byHand("no")).pod(1, byHand("no")).bad(3, 9), "Hold web-3 HeldLimit"},
		"minServing holds":                      {fleet(4).bad(3, 9).edit(func(w *world) { w.Policy.MinServing = 4 }), "Hold web-3 HeldMinServing"},
		"maxGated 0 gates nobody":               {fleet(10).bad(3, 9).edit(func(w *world) { w.Policy.MaxGated.Max = 0 }), "Hold web-3 HeldLimit"},
		"maxGated 100 % is still a minority":    {fleet(5).gated(0, 30*time.Second, time.Minute).gated(1, 30*time.Second, time.Minute).edit(func(w *world) { w.Policy.MaxGated.Max = 100 }).bad(2, 9), "Hold web-2 HeldCommonCause"},
		"half of the pods bad: a common cause":  {fleet(4).bad(0, 9).bad(1, 9), "Hold web-0 HeldCommonCause; Hold web-1 HeldCommonCause"},
		"the fleet's level moved: common cause": {fleet(10).bad(3, 9).edit(func(w *world) { w.signal.Result.Fleet.Moved = 5 }), "Hold web-3 HeldCommonCause"},
		"most pods without data: hold":          {fleet(10).bad(3, 9).edit(func(w *world) { w.signal.Result.Fleet.Known = 4 }), "Hold web-3 HeldIncompleteMetrics"},

		"a new pod gets its yes at once":           {fleet(3).pod(1, unlabelled).edit(func(w *world) { w.Looked = false }), "Label web-1 NewPod"},
		"also one that is not Ready yet":           {fleet(3).pod(1, func(p *decide.Pod) { unlabelled(p); unready(p) }), "Label web-1 NewPod"},
		"unless labelling is off":                  {fleet(3).pod(1, unlabelled).edit(func(w *world) { w.LabelNew = false }), ""},
		"a new pod held out by override stays out": {fleet(3).pod(1, func(p *decide.Pod) { unlabelled(p); p.Override = "no" }), "HoldOut web-1 Override"},
		"an odd traffic value is a person's":       {fleet(3).pod(1, byHand("pause")), ""},

		"override yes shields":               {fleet(10).bad(3, 9).pod(3, override("yes")), "Hold web-3 HeldOverride"},
		"override yes brings back":           {fleet(10).gated(3, 10*time.Second, time.Minute).pod(3, override("yes")), "Release web-3 Override"},
		"override yes beats a person's no":   {fleet(10).pod(3, byHand("no")).pod(3, override("yes")), "Release web-3 Override"},
		"override no takes out":              {fleet(10).pod(3, override("no")), "HoldOut web-3 Override"},
		"override no beyond the limit too":   {fleet(2).pod(0, override("no")).pod(1, override("no")), "HoldOut web-0 Override; HoldOut web-1 Override"},
		"override no leaves a gated one":     {fleet(10).gated(3, 2*time.Minute, time.Minute).pod(3, override("no")), ""},
		"override gone: back at once":        {fleet(10).gated(3, time.Second, time.Minute).pod(3, func(p *decide.Pod) { p.Memory.GatedUntil = time.Time{} }), "Release web-3 OverrideRemoved"},
		"override gone: gated ones go on":    {fleet(10).gated(3, time.Second, time.Minute), ""},
		"an unknown override is no override": {fleet(10).bad(3, 9).pod(3, override("maybe")), "Hold web-3 UnknownOverride; Gate web-3 Outlier"},

		"an override's time is not up":         {fleet(10).pod(3, until(override("no"), time.Second)), "HoldOut web-3 Override"},
		"its time is up: the label goes":       {fleet(10).pod(3, until(override("yes"), 0)), "Expire web-3 OverrideExpired"},
		"and the pod comes back":               {fleet(10).gated(3, time.Hour, 0).pod(3, func(p *decide.Pod) { p.Memory.GatedUntil = time.Time{} }).pod(3, until(override("no"), -1)), "Expire web-3 OverrideExpired; Release web-3 OverrideRemoved"},
		"one that had no effect yet goes too":  {fleet(10).pod(3, until(override("no"), -1)), "Expire web-3 OverrideExpired"},
		"and while Prometheus is silent":       {fleet(10).pod(3, until(override("yes"), -1)).edit(func(w *world) { w.Looked = false; w.signal.Err = "timeout" }), "Expire web-3 OverrideExpired"},
		"then the pod is judged, at next look": {fleet(10).bad(3, 9).pod(3, until(override("yes"), -1)), "Expire web-3 OverrideExpired; Hold web-3 HeldOverride"},
		"also without the traffic label":       {fleet(10).pod(3, unlabelled).pod(3, until(override("no"), -1)), "Expire web-3 OverrideExpired; Label web-3 NewPod"},
		"an unknown override ends in time too": {fleet(10).pod(3, until(override("maybe"), -1)), "Expire web-3 OverrideExpired"},
		"a time that is none: a person's word": {fleet(10).bad(3, 9).pod(3, func(p *decide.Pod) { p.Override, p.OverrideTime = "yes", "tomorrow" }), "Hold web-3 UnknownOverride; Hold web-3 HeldOverride"},
		"an old time cannot end the next one":  {fleet(10).pod(3, until(override(""), time.Hour)), "Expire web-3 OverrideRemoved"},
		"nor an old reason explain it":         {fleet(10).pod(3, func(p *decide.Pod) { p.OverrideReason = "disk" }), "Expire web-3 OverrideRemoved"},
		"suspended: the label goes in time":    {fleet(5).pod(0, until(override("yes"), -1)).edit(func(w *world) { w.ReleaseAll = decide.ReasonSuspended }), "Expire web-0 OverrideExpired"},
		"refused: an override's stays its time": {fleet(5).gated(0, 1, 0).pod(0, until(override("no"), -1)).edit(func(w *world) { w.ReleaseAll = decide.ReasonRefused }),
			"Expire web-0 OverrideExpired; Release web-0 Refused"},

		"put back by hand: noted": {fleet(10).gated(3, 10*time.Second, time.Minute).pod(3, byHand("yes")), "Note web-3 PutBack"},
		"put back by hand: pardoned": {fleet(10).bad(3, 9).pod(3, func(p *decide.Pod) {
			p.Memory = decide.Memory{Gate: "web", ReleasedAt: at(-20 * time.Second), GatedUntil: at(time.Minute)}
		}), "Hold web-3 HeldPardoned"},
		"a pardon ends with its time": {fleet(10).bad(3, 9).pod(3, func(p *decide.Pod) {
			p.Memory = decide.Memory{Gate: "web", ReleasedAt: at(-20 * time.Second), GatedUntil: at(-1)}
		}), "Gate web-3 Outlier"},
		"a pardon ends with health": {fleet(10).pod(3, func(p *decide.Pod) {
			p.Memory = decide.Memory{Gate: "web", ReleasedAt: at(-20 * time.Second), GatedUntil: at(time.Minute)}
		}), "Note web-3 Recovered"},
		"a no by hand on a gated pod: theirs": {fleet(10).gated(3, time.Hour, time.Minute).pod(3, byHand("no")), "Note web-3 PutBack"},
		"label removed by hand: back":         {fleet(10).gated(3, 10*time.Second, time.Minute).pod(3, unlabelled), "Label web-3 NewPod"},

		"time is up: on trial":                {fleet(10).gated(3, 61*time.Second, time.Minute), "Release web-3 Trial"},
		"also while Prometheus is silent":     {fleet(10).gated(3, 61*time.Second, time.Minute).edit(func(w *world) { w.signal.Result = anomaly.Result{}; w.signal.Err = "timeout" }), "Release web-3 Trial"},
		"also between two looks":              {fleet(10).gated(3, 61*time.Second, time.Minute).edit(func(w *world) { w.Looked = false }), "Release web-3 Trial"},
		"not before":                          {fleet(10).gated(3, 59*time.Second, time.Minute), ""},
		"not while it isn't Ready":            {fleet(10).gated(3, 61*time.Second, time.Minute).pod(3, unready), ""},
		"one on trial at a time":              {fleet(10).gated(3, 61*time.Second, time.Minute).gated(4, 62*time.Second, time.Minute), "Release web-4 Trial"},
		"others wait for the trial":           {fleet(10).gated(3, 61*time.Second, time.Minute).pod(4, func(p *decide.Pod) { p.Memory = decide.Memory{Gate: "web", ReleasedAt: at(-20 * time.Second)} }), ""},
		"but not for ever":                    {fleet(10).gated(3, 61*time.Second, time.Minute).silent(4).pod(4, func(p *decide.Pod) { p.Memory = decide.Memory{Gate: "web", ReleasedAt: at(-4 * time.Minute)} }), "Release web-3 Trial"},
		"nor is a trial of the future":        {fleet(10).gated(3, 61*time.Second, time.Minute).pod(4, func(p *decide.Pod) { p.Memory = decide.Memory{Gate: "web", ReleasedAt: at(24 * time.Hour)} }), "Release web-3 Trial"},
		"a clock that was ahead is no prison": {fleet(10).gated(3, -time.Hour, 2*time.Hour), "Release web-3 Trial"},
		"nor a note that says for ever":       {fleet(10).gated(3, 31*time.Minute, 1000*time.Hour), "Release web-3 Trial"},
		"long health forgives": {fleet(10).pod(4, func(p *decide.Pod) {
			p.Memory = decide.Memory{Gate: "web", ReleasedAt: at(-31 * time.Minute), Relapses: 2}
		}), "Note web-4 Recovered"},
		"without evidence nothing forgives": {fleet(10).silent(4).pod(4, func(p *decide.Pod) {
			p.Memory = decide.Memory{Gate: "web", ReleasedAt: at(-31 * time.Minute), Relapses: 2}
		}), ""},

		"the fleet shrank: the oldest back":          {fleet(5).gated(0, 30*time.Second, time.Minute).gated(1, 40*time.Second, time.Minute), "Release web-1 LimitShrunk"},
		"no eviction while another pod terminates":   {fleet(10).gated(3, 9, time.Minute).relapsed(3, 3, "Evict").edit(func(w *world) { w.Leaving = 1 }), "Hold web-3 HeldEviction"},
		"no eviction of what a person has marked":    {fleet(10).gated(3, 9, time.Minute).relapsed(3, 3, "Evict").pod(3, override("No")), "Hold web-3 UnknownOverride; Hold web-3 HeldEviction"},
		"no eviction during a common cause":          {fleet(4).gated(3, 9, time.Minute).relapsed(3, 3, "Evict").bad(0, 9).bad(1, 9), "Hold web-3 HeldEviction; Hold web-0 HeldCommonCause; Hold web-1 HeldCommonCause"},
		"a note that is lost strands nobody":         {fleet(10).pod(3, func(p *decide.Pod) { p.Traffic, p.ByUs = "no", true }), "Release web-3 NoteLost"},
		"nor does half of it":                        {fleet(10).gated(3, 1, time.Hour).pod(3, func(p *decide.Pod) { p.ByUs, p.Memory.Gate = true, "" }), "Release web-3 NoteLost"},
		"a sparse signal is no common cause":         {fleet(10).bad(3, 9).edit(func(w *world) { w.signal.Result.Fleet = anomaly.Fleet{Judged: 10, Known: 6, Moved: 2} }), "Gate web-3 Outlier"},
		"a pod that is written waits for the gating": {fleet(10).bad(3, 9).pod(3, func(p *decide.Pod) { p.OverrideReason = "disk" }), "Expire web-3 OverrideRemoved; Hold web-3 HeldBusy"},
		"a gating called off is done all the same":   {fleet(10).bad(3, 9).pod(3, func(p *decide.Pod) { p.Memory = decide.Memory{Gate: "web", Voided: "7"} }), "Gate web-3 Outlier"},
		"refused: a stray that a person holds stays": {fleet(5).edit(func(w *world) {
			w.ReleaseAll = decide.ReasonRefused
			w.Strays = append(w.Strays, fleet(1).gated(0, 1, 0).pod(0, override("no")).Pods...)
		}), ""},
		"all trials failed: held for a person":      {fleet(10).gated(3, time.Hour, time.Minute).relapsed(3, 3, "Hold"), ""},
		"one trial left: tried":                     {fleet(10).gated(3, time.Hour, time.Minute).relapsed(3, 2, "Hold"), "Release web-3 Trial"},
		"retried for ever if so wished":             {fleet(10).gated(3, time.Hour, time.Minute).relapsed(3, 9, "Retry"), "Release web-3 Trial"},
		"all trials failed: evicted if so wished":   {fleet(10).gated(3, time.Second, time.Minute).relapsed(3, 3, "Evict"), "Evict web-3 RetriesSpent"},
		"one eviction at a time":                    {fleet(10).gated(3, 9, time.Minute).relapsed(3, 3, "Evict").gated(4, 8, time.Minute).relapsed(4, 3, "Evict"), "Evict web-3 RetriesSpent; Hold web-4 HeldEviction"},
		"no eviction while another pod isn't ready": {fleet(10).gated(3, 9, time.Minute).relapsed(3, 3, "Evict").pod(4, unready), "Hold web-3 HeldEviction"},
		"no eviction of what nothing replaces":      {fleet(10).gated(3, 9, time.Minute).relapsed(3, 3, "Evict").pod(3, func(p *decide.Pod) { p.Owned = false }), "Hold web-3 HeldEviction"},
		"no eviction in the dark":                   {fleet(10).gated(3, 9, time.Minute).relapsed(3, 3, "Evict").edit(func(w *world) { w.signal.Err = "timeout" }), "Hold web-3 HeldEviction"},
		"nor between two looks":                     {fleet(10).gated(3, 9, time.Minute).relapsed(3, 3, "Evict").edit(func(w *world) { w.Looked = false }), ""},
		"an override brings back what was held":     {fleet(10).gated(3, time.Hour, time.Minute).relapsed(3, 3, "Hold").pod(3, override("yes")), "Release web-3 Override"},
		"the fleet shrank: those with trials first": {fleet(5).gated(0, 40*time.Second, time.Minute).relapsed(0, 3, "Hold").gated(1, 30*time.Second, time.Minute), "Release web-1 LimitShrunk"},
		"a probe says ill: not tried":               {fleet(10).gated(3, 61*time.Second, time.Minute).probe(3, false), ""},
		"a probe says well: tried":                  {fleet(10).gated(3, 61*time.Second, time.Minute).probe(3, true), "Release web-3 Trial"},
		"a probe that is wrong strands nobody":      {fleet(10).gated(3, 31*time.Minute, time.Minute).probe(3, false), "Release web-3 Trial"},
		"a probe brings nobody back early":          {fleet(10).gated(3, 10*time.Second, time.Minute).probe(3, true), ""},
		"a gating called off is forgotten":          {fleet(10).silent(3).pod(3, func(p *decide.Pod) { p.Memory = decide.Memory{Gate: "web", Voided: "7"} }), "Note web-3 Voided"},

		"after a common cause nobody is gated for a while": {fleet(10).bad(3, 9).edit(func(w *world) { w.CommonCauseAt = at(-89 * time.Second) }), "Hold web-3 HeldCommonCause"},
		"then somebody may be":                             {fleet(10).bad(3, 9).edit(func(w *world) { w.CommonCauseAt = at(-90 * time.Second) }), "Gate web-3 Outlier"},
		"a common cause of the future is none":             {fleet(10).bad(3, 9).edit(func(w *world) { w.CommonCauseAt = at(time.Hour) }), "Gate web-3 Outlier"},

		"half of a zone may be out":           {fleet(20).bad(3, 9).zones(5).edit(func(w *world) { w.Policy.PerDomain.Max = 40 }), "Gate web-3 Outlier"},
		"no more of a zone than allowed":      {fleet(20).gated(8, time.Second, time.Minute).bad(3, 9).zones(5).edit(func(w *world) { w.Policy.PerDomain.Max = 40 }), "Hold web-3 HeldDomain"},
		"another zone is another matter":      {fleet(20).gated(7, time.Second, time.Minute).bad(3, 9).zones(5).edit(func(w *world) { w.Policy.PerDomain.Max = 40 }), "Gate web-3 Outlier"},
		"a domain of one pod may lose it":     {fleet(10).bad(3, 9).zones(10), "Gate web-3 Outlier"},
		"perDomain 0 gates nobody":            {fleet(10).bad(3, 9).zones(2).edit(func(w *world) { w.Policy.PerDomain.Max = 0 }), "Hold web-3 HeldDomain"},
		"a sick node is limited":              {fleet(20).bad(0, 9).bad(1, 8).nodes(2), "Gate web-0 Outlier; Hold web-1 HeldOneAtATime"},
		"and then held":                       {fleet(20).gated(0, time.Second, time.Minute).bad(1, 8).nodes(2), "Hold web-1 HeldDomain"},
		"a node that is not sick is no limit": {fleet(20).gated(0, time.Second, time.Minute).bad(2, 8).nodes(2), "Gate web-2 Outlier"},

		"a Service of two loses none":            {fleet(10).bad(3, 9).shared("canary", 3, 4), "Hold web-3 HeldOtherService"},
		"nor does one of one":                    {fleet(10).bad(3, 9).shared("canary", 3), "Hold web-3 HeldOtherService"},
		"a Service of three may lose one":        {fleet(10).bad(3, 9).shared("canary", 3, 4, 5), "Gate web-3 Outlier"},
		"and no second one":                      {fleet(20).gated(4, time.Second, time.Minute).bad(3, 9).shared("canary", 3, 4, 5), "Hold web-3 HeldOtherService"},
		"one that a person holds out counts":     {fleet(20).pod(4, override("no")).bad(3, 9).shared("canary", 3, 4, 5), "HoldOut web-4 Override; Hold web-3 HeldOtherService"},
		"so does one that is not ready":          {fleet(20).pod(4, unready).bad(3, 9).shared("canary", 3, 4, 5), "Hold web-3 HeldOtherService"},
		"what it has not is no matter to it":     {fleet(20).gated(6, time.Second, time.Minute).bad(3, 9).shared("canary", 4, 5), "Gate web-3 Outlier"},
		"each of several counts":                 {fleet(20).bad(3, 9).shared("big", 1, 2, 3, 4, 5).shared("canary", 3, 4), "Hold web-3 HeldOtherService"},
		"it holds the worst, not the next":       {fleet(20).bad(3, 9).bad(7, 8).shared("canary", 3, 4), "Hold web-3 HeldOtherService; Gate web-7 Outlier"},
		"a Service came: its pods come back":     {fleet(20).gated(3, time.Second, time.Minute).shared("canary", 3, 4), "Release web-3 LimitShrunk"},
		"the longest out, and no more than must": {fleet(20).gated(3, 2*time.Second, time.Minute).gated(4, 3*time.Second, time.Minute).shared("canary", 3, 4, 5), "Release web-4 LimitShrunk"},
		"one back can be enough for two":         {fleet(20).gated(3, 2*time.Second, time.Minute).gated(4, 3*time.Second, time.Minute).shared("a", 3, 4, 5).shared("b", 4, 6), "Release web-4 LimitShrunk"},
		"what a person holds out stays":          {fleet(20).pod(3, override("no")).pod(3, byHand("no")).shared("canary", 3, 4), ""},

		"the rest can carry the load":         {fleet(10).bad(3, 9).load(0.8, 0.71, 10), "Gate web-3 Outlier"},
		"the rest could not carry the load":   {fleet(10).bad(3, 9).load(0.8, 0.73, 10), "Hold web-3 HeldHeadroom"},
		"the load of too few is known":        {fleet(10).bad(3, 9).load(0.8, 0.1, 4), "Hold web-3 HeldHeadroom"},
		"the load of half is enough":          {fleet(10).bad(3, 9).load(0.8, 0.1, 5), "Gate web-3 Outlier"},
		"the load is not known at all":        {fleet(10).bad(3, 9).load(0.8, 0.1, 10).edit(func(w *world) { w.Headroom.Err = "timeout" }), "Hold web-3 HeldHeadroom"},
		"the load of gated pods says nothing": {fleet(10).gated(0, time.Second, time.Minute).bad(3, 9).load(0.8, 0.72, 10), "Hold web-3 HeldHeadroom"},

		"too few serve: back":                 {fleet(3).gated(0, 30*time.Second, time.Minute).pod(1, unready), "Release web-0 LimitShrunk"},
		"deleted: everything back":            {fleet(5).gated(0, 1, time.Hour).gated(1, 1, time.Hour).edit(func(w *world) { w.ReleaseAll = decide.ReasonGateDeleted }), "Release web-0 GateDeleted; Release web-1 GateDeleted"},
		"deleted: an override's too":          {fleet(5).gated(0, 1, 0).pod(0, override("no")).edit(func(w *world) { w.ReleaseAll = decide.ReasonGateDeleted }), "Release web-0 GateDeleted"},
		"deleted: a lost note strands nobody": {fleet(5).gated(0, 1, time.Hour).pod(0, func(p *decide.Pod) { p.ByUs, p.Memory = true, decide.Memory{} }).edit(func(w *world) { w.ReleaseAll = decide.ReasonGateDeleted }), "Release web-0 GateDeleted"},
		"deleted: a person's own stays":       {fleet(5).pod(0, byHand("no")).edit(func(w *world) { w.ReleaseAll = decide.ReasonGateDeleted }), ""},
		"refused: an override's stays":        {fleet(5).gated(0, 1, 0).pod(0, override("no")).gated(1, 1, time.Hour).edit(func(w *world) { w.ReleaseAll = decide.ReasonRefused }), "Release web-1 Refused"},
		"suspended: no verdict counts":        {fleet(5).bad(0, 9).edit(func(w *world) { w.ReleaseAll = decide.ReasonSuspended }), ""},
		"suspended: new pods get their yes":   {fleet(5).pod(0, unlabelled).edit(func(w *world) { w.ReleaseAll = decide.ReasonSuspended }), "Label web-0 NewPod"},
		"a pod that left the fleet comes back": {fleet(5).edit(func(w *world) {
			w.Strays = append(w.Strays, fleet(1).gated(0, 1, time.Hour).Pods...)
			w.Strays[0].Name = "old"
		}), "Release old LeftFleet"},
		"another gate's pod is not ours": {fleet(5).gated(0, time.Hour, time.Minute).pod(0, func(p *decide.Pod) { p.Memory.Gate = "other" }), ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := summary(row.world.decide()); got != row.want {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
		})
	}
}

func TestAllowance(t *testing.T) {
	percent := func(p int) decide.Policy { return decide.Policy{MaxGated: decide.Limit{Max: p, Percent: true}} }
	for _, row := range []struct {
		policy  decide.Policy
		n, want int
	}{
		{percent(20), 0, 0}, {percent(20), 1, 0}, {percent(20), 2, 0}, {percent(20), 3, 1},
		{percent(20), 9, 1}, {percent(20), 10, 2}, {percent(20), 14, 2}, {percent(20), 15, 3},
		{percent(100), 10, 4}, {percent(100), 11, 5}, {percent(50), 2, 0}, {percent(0), 10, 0},
		{decide.Policy{MaxGated: decide.Limit{Max: 3}}, 10, 3}, {decide.Policy{MaxGated: decide.Limit{Max: 3}}, 6, 2}, {decide.Policy{MaxGated: decide.Limit{Max: 3}}, 2, 0},
	} {
		if got := row.policy.Allowance(row.n); got != row.want {
			t.Errorf("%+v of %d pods: %d, want %d", row.policy, row.n, got, row.want)
		}
	}
}

func TestBackOffDoublesWithEachRelapse(t *testing.T) {
	for relapses, want := range map[int]time.Duration{0: time.Minute, 1: 2 * time.Minute, 4: 16 * time.Minute, 5: 30 * time.Minute, 1 << 30: 30 * time.Minute} {
		if got := policy.BackOff(relapses); got != want {
			t.Errorf("%d relapses: %s, want %s", relapses, got, want)
		}
	}
	w := fleet(10).bad(3, 9).pod(3, func(p *decide.Pod) {
		p.Memory = decide.Memory{Gate: "web", ReleasedAt: at(-3 * time.Minute), ReleasedFor: decide.ReasonTrial, Relapses: 1}
	})
	m := w.decide().Decisions[0].Memory
	if stay := m.GatedUntil.Sub(now); m.Relapses != 2 || stay > 4*time.Minute || stay < 4*time.Minute*9/10 || !m.ReleasedAt.IsZero() {
		t.Errorf("memory of a second relapse: %+v", m)
	}
}

// TestTheEndOfAnOverrideIsWaitedFor: the next step is due when it is.
func TestTheEndOfAnOverrideIsWaitedFor(t *testing.T) {
	for name, row := range map[string]struct {
		world *world
		want  time.Time
	}{
		"nothing falls due":          {fleet(10), time.Time{}},
		"an override for ever":       {fleet(10).pod(3, override("yes")), time.Time{}},
		"an override for a minute":   {fleet(10).pod(3, until(override("yes"), time.Minute)), at(time.Minute)},
		"the earlier of two":         {fleet(10).pod(3, until(override("yes"), time.Minute)).pod(4, until(override("no"), time.Second)), at(time.Second)},
		"before a trial":             {fleet(10).gated(1, 0, time.Minute).pod(3, until(override("yes"), time.Second)), at(time.Second)},
		"one that is over":           {fleet(10).pod(3, until(override("yes"), -time.Minute)), time.Time{}},
		"also while it is suspended": {fleet(10).pod(3, until(override("yes"), time.Minute)).edit(func(w *world) { w.ReleaseAll = decide.ReasonSuspended }), at(time.Minute)},
		"a time without an override": {fleet(10).pod(3, until(override(""), time.Minute)), time.Time{}},
		"a time that cannot be read": {fleet(10).pod(3, func(p *decide.Pod) { p.Override, p.OverrideTime = "yes", "soon" }), time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := row.world.decide().Next; !got.Equal(row.want) {
				t.Errorf("got %s, want %s", got, row.want)
			}
		})
	}
}

// TestARehearsalLeavesOverridesToTheRealFleet: a dry run's decisions do not
// include what is really done beside them.
func TestARehearsalLeavesOverridesToTheRealFleet(t *testing.T) {
	w := fleet(10).bad(3, 9).pod(3, until(override("yes"), -1)).pod(4, until(override("yes"), time.Minute)).pod(5, until(override(""), 0))
	w.Pods = decide.WithoutExpired(w.Pods, now)
	if got := summary(w.decide()); got != "Gate web-3 Outlier" {
		t.Error(got)
	}
	if w.Pods[4].Override != "yes" {
		t.Error("an override whose time is not up is gone")
	}
}

// TestTheSick checks Kubervisor's second fault: four pods of which one is at 0,
// 30 % from the mean flags all four, and the healthy were as likely to go.
func TestTheSickOneGoesNotTheHealthy(t *testing.T) {
	w := fleet(4)
	samples := make([]anomaly.Sample, 4)
	for i, v := range []float64{1, 1, 1, 0} {
		samples[i] = anomaly.Sample{Pod: w.Pods[i].UID, Judged: true, Known: true, Value: v}
	}
	for range 20 {
		d := anomaly.NewDeviation(anomaly.RuleOptions{Kind: anomaly.Value}, 30, false)
		w.signal.Result = d.Step(now, samples)
		if got := summary(w.decide()); got != "Gate web-3 Outlier" {
			t.Fatal(got)
		}
	}
}

// TestDecisionsReadWell holds the sentences that people see at 3 a.m.
func TestDecisionsReadWell(t *testing.T) {
	w := fleet(10).bad(3, 12.3)
	got := w.decide().Decisions[0].Message
	if want := "errors: 30 % where its peers have 0 % (evidence 12.3 standard deviations, 3.5 needed; 100 events)"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	limited := func(w *world) { w.signal.Unit = anomaly.OfLimit }
	got = fleet(10).bad(3, 9).edit(limited).decide().Decisions[0].Message
	if want := "errors: 30 %, the limit is 0 % (100 events)"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	naming := func(w *world) { w.signal.Name, w.signal.Unit = "detector", anomaly.Naming }
	got = fleet(10).bad(3, 9).edit(naming).decide().Decisions[0].Message
	if want := "detector: the external detector names it, look after look"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	got = fleet(10).edit(naming).edit(func(w *world) {
		w.signal.Result.Fleet = anomaly.Fleet{Judged: 10, Known: 10, Moved: 5, Level: 5, Usual: math.NaN()}
	}).decide().CommonCause
	if want := "detector: the external detector names 5 of 10 pods: the fault is not in the pods"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	w = fleet(10).gated(0, 30*time.Second, time.Minute).gated(1, 30*time.Second, time.Minute).bad(3, 12.3)
	got = w.decide().LimitReached
	if want := "web-3 stays in traffic: 2 of 10 pods may be out; 2 gated, 0 held out by people, 0 not ready"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestJudgedUpToTheGating: in history, the look for which a pod was gated counts,
// although the note on the pod has whole seconds only; the next one does not.
func TestJudgedUpToTheGating(t *testing.T) {
	look := now.Add(400 * time.Millisecond)
	p := fleet(10).gated(3, -400*time.Millisecond, time.Minute).Pods[3]
	p.Memory.GatedAt = p.Memory.GatedAt.Truncate(time.Second)
	for at, want := range map[time.Time]bool{look: true, look.Add(-15 * time.Second): true, look.Add(15 * time.Second): false} {
		if got := p.Judged("web", policy, at, at.Add(time.Minute)); got != want {
			t.Errorf("%s from the look: judged %t", at.Sub(look), got)
		}
	}
}
