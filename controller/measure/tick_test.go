package measure

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/podgate/podgate/api/v1alpha1"
)

// TestTicks: a gate's looks are whole intervals apart, wherever one begins to
// count, and a gate without a UID looks at whole multiples of its interval.
func TestTicks(t *testing.T) {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	const interval = 15 * time.Second
	for _, uid := range []types.UID{"", "0b1e7a52-9f5c-4f0e-8a8f-2f9a4f7f6e11"} {
		gate := &v1alpha1.TrafficGate{}
		gate.UID, gate.Spec.Interval = uid, v1alpha1.DurationOf(interval)
		first := LastTick(gate, noon)
		for ms := range 60_000 {
			now := noon.Add(time.Duration(ms) * time.Millisecond)
			at := LastTick(gate, now)
			if at.After(now) || now.Sub(at) >= interval || at.Sub(first)%interval != 0 {
				t.Fatalf("UID %q: the tick at %s is %s; the first was %s", uid, now, at, first)
			}
		}
		if (uid == "") != first.Equal(noon) {
			t.Errorf("UID %q: the tick at noon is %s", uid, first)
		}
	}
}
