package faults

import (
	"context"
	"sync"
	"time"

	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/source"
	"github.com/podgate/podgate/test/stage"
)

// madeUp answers in Prometheus' place which pods are beyond the limit of a
// threshold, and lets an interval pass with each answer, so that the next look is
// due at once: a thousand looks take seconds.
type madeUp struct {
	pods []string
	time *clocktesting.FakePassiveClock

	mu sync.Mutex
	// flagged says who is beyond the limit at a look; looks is how many there were.
	flagged func(look int) []string
	looks   int
	// stop is after how many looks there is no answer any more; 0 is never.
	stop int
}

// History is none.
func (m *madeUp) History(context.Context, []source.Question, time.Time, time.Time, time.Duration) ([]source.Moment, error) {
	return nil, nil
}

// Ask implements controller.Source.
func (m *madeUp) Ask(ctx context.Context, questions []source.Question, _ time.Time) []source.Answer {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stop > 0 && m.looks >= m.stop {
		m.mu.Unlock()
		<-ctx.Done()
		m.mu.Lock()
		return make([]source.Answer, len(questions))
	}
	answer := source.Answer{ByPod: map[string]source.Sample{}}
	for _, p := range m.pods {
		answer.ByPod[p] = source.Sample{}
	}
	for _, p := range m.flagged(m.looks) {
		answer.ByPod[p] = source.Sample{Value: 1}
	}
	m.looks++
	m.time.SetTime(m.time.Now().Add(stage.Interval))
	return []source.Answer{answer}
}

func (m *madeUp) looked() int { m.mu.Lock(); defer m.mu.Unlock(); return m.looks }

// flies is a clock that stands still until it is moved.
func flies() *clocktesting.FakePassiveClock {
	return clocktesting.NewFakePassiveClock(clock.RealClock{}.Now())
}

// madeUpGate is the sample gate with a threshold of one half on a value that is
// made up.
func madeUpGate() *v1alpha1.TrafficGate {
	return &v1alpha1.TrafficGate{ObjectMeta: named(with, stage.Gate), Spec: v1alpha1.TrafficGateSpec{
		ServiceRef: v1alpha1.ServiceReference{Name: stage.Service}, Mode: v1alpha1.ModeEnforce,
		Interval: v1alpha1.DurationOf(stage.Interval), Window: v1alpha1.DurationOf(2 * stage.Interval),
		Recovery: v1alpha1.Recovery{After: v1alpha1.DurationOf(20 * time.Second), MaxAfter: v1alpha1.DurationOf(80 * time.Second), Then: v1alpha1.ThenRetry},
		Limits:   v1alpha1.Limits{WarmUp: new(v1alpha1.DurationOf(0))},
		Signals: []v1alpha1.Signal{{Name: "errors", Value: new("made up"),
			Threshold: &v1alpha1.Threshold{Above: new(v1alpha1.Decimal("0.5"))}}},
	}}
}
