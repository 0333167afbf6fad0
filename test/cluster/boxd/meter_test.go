package boxd

import (
	"testing"
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/podgate/podgate/test/cluster/agent"
)

var t0 = time.Unix(1_700_000_000, 0)

// usage of a pod of two containers, of which each uses a tenth of a core.
func usage(pod string, started time.Time, after time.Duration, containers ...string) (all []agent.Usage) {
	p := &core.Pod{ObjectMeta: meta.ObjectMeta{Namespace: "shop", Name: pod, UID: types.UID(pod)}}
	p.Spec.Containers = make([]core.Container, 2)
	for _, c := range containers {
		all = append(all, agent.Usage{Pod: p, Container: c, Started: started, CPU: after / 10, Memory: 1 << 20})
	}
	return all
}

func TestMeter(t *testing.T) {
	m := newMeter(nil)
	for i := range meterSamples {
		if got := m.pods("shop"); len(got) != 0 {
			t.Errorf("after %d looks there are metrics already: %+v", i, got)
		}
		since := time.Duration(i) * meterPeriod
		restarted := t0
		if i == meterSamples-1 {
			restarted = t0.Add(since)
		}
		m.take(t0.Add(since), append(append(
			usage("steady", t0, since, "a", "b"),
			usage("restarted", restarted, since, "a", "b")...),
			usage("half", t0, since, "a")...))
	}
	got := m.pods("shop")
	if len(got) != 1 || got[0].Name != "steady" || len(got[0].Containers) != 2 {
		t.Fatalf("want the pod whose two processes both ran for long enough, got %+v", got)
	}
	cpu := got[0].Containers[0].Usage[core.ResourceCPU]
	if cpu.MilliValue() != 100 || got[0].Window.Duration != (meterSamples-1)*meterPeriod {
		t.Errorf("got %s in %s, want 100m in 5s", cpu.String(), got[0].Window.Duration)
	}
	if n := len(m.pods("elsewhere")); n != 0 {
		t.Errorf("%d pods in another namespace", n)
	}
	m.take(t0.Add(time.Minute), nil)
	if n := len(m.pods("")); n != 0 {
		t.Errorf("%d pods have metrics that do not run any more", n)
	}
}
