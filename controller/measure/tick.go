package measure

import (
	"hash/fnv"
	"time"

	"github.com/podgate/podgate/api/v1alpha1"
)

// HistoryLength is how much of Prometheus' history detectors are given before
// their first look: what they learn is only in memory, and is learned again from
// there by the same steps.
const HistoryLength = 3 * time.Hour

// LastTick is the last instant at which a gate was to look. A gate looks at
// whole multiples of its interval, shifted by an offset of its own so that not
// all gates look at once: after a restart the looks of the past can be repeated
// as they were. A gate that has no UID yet is not shifted.
func LastTick(gate *v1alpha1.TrafficGate, now time.Time) time.Time {
	interval := gate.Spec.Interval.Std()
	offset := time.Duration(0)
	if gate.UID != "" {
		hash := fnv.New64a()
		_, _ = hash.Write([]byte(gate.UID))
		offset = time.Duration(hash.Sum64() % uint64(interval)).Truncate(time.Millisecond)
	}
	return now.Add(-offset).Truncate(interval).Add(offset)
}
