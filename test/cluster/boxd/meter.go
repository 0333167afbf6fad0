package boxd

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	metrics "k8s.io/metrics/pkg/apis/metrics/v1beta1"

	"github.com/podgate/podgate/test/cluster/agent"
)

const (
	// meterPeriod is how often it is looked what pods have used.
	meterPeriod = time.Second
	// meterSamples is how many looks a pod's metrics are made from: the first and
	// the last of them count, which are five seconds apart.
	meterSamples = 6
)

// meter turns what processes have used into rates, as metrics-server does.
type meter struct {
	read func() []agent.Usage

	mu    sync.Mutex
	lives map[life][]sample
}

// life is one life of a container's process.
type life struct {
	pod       types.UID
	container string
	started   time.Time
}

// sample is what a process had used at some time.
type sample struct {
	at time.Time
	agent.Usage
}

func newMeter(read func() []agent.Usage) *meter {
	return &meter{read: read, lives: map[life][]sample{}}
}

func (m *meter) run(ctx context.Context) {
	tick := time.NewTicker(meterPeriod)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			m.take(time.Now(), m.read())
		}
	}
}

// take takes in what the running processes have used by now, and forgets those
// that do not run any more.
func (m *meter) take(now time.Time, usages []agent.Usage) {
	m.mu.Lock()
	defer m.mu.Unlock()
	kept := make(map[life][]sample, len(usages))
	for _, u := range usages {
		key := life{u.Pod.UID, u.Container, u.Started}
		samples := append(m.lives[key], sample{now, u})
		kept[key] = samples[max(0, len(samples)-meterSamples):]
	}
	m.lives = kept
}

// pods are the metrics of a namespace's pods, of all if it is empty, by name. A
// pod is there only if each of its containers has been looked at for long
// enough.
func (m *meter) pods(namespace string) []metrics.PodMetrics {
	m.mu.Lock()
	defer m.mu.Unlock()
	byPod := map[types.UID]*metrics.PodMetrics{}
	containers := map[types.UID]int{}
	for key, samples := range m.lives {
		first, last := samples[0], samples[len(samples)-1]
		if len(samples) < meterSamples || (namespace != "" && last.Pod.Namespace != namespace) {
			continue
		}
		if byPod[key.pod] == nil {
			byPod[key.pod] = podMetrics(last.Pod, first.at, last.at)
			containers[key.pod] = len(last.Pod.Spec.Containers)
		}
		byPod[key.pod].Containers = append(byPod[key.pod].Containers, containerMetrics(first, last))
	}
	var all []metrics.PodMetrics
	for uid, pod := range byPod {
		if len(pod.Containers) == containers[uid] {
			all = append(all, *pod)
		}
	}
	slices.SortFunc(all, func(a, b metrics.PodMetrics) int {
		return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name)
	})
	return all
}

func podMetrics(pod *core.Pod, from, to time.Time) *metrics.PodMetrics {
	return &metrics.PodMetrics{
		TypeMeta: meta.TypeMeta{Kind: "PodMetrics", APIVersion: metrics.SchemeGroupVersion.String()},
		ObjectMeta: meta.ObjectMeta{
			Namespace: pod.Namespace, Name: pod.Name, Labels: pod.Labels, CreationTimestamp: meta.NewTime(to),
		},
		Timestamp: meta.NewTime(to), Window: meta.Duration{Duration: to.Sub(from)},
	}
}

func containerMetrics(first, last sample) metrics.ContainerMetrics {
	share := float64(last.CPU-first.CPU) / float64(last.at.Sub(first.at))
	return metrics.ContainerMetrics{
		Name: last.Container,
		Usage: core.ResourceList{
			core.ResourceCPU:    *resource.NewScaledQuantity(int64(share*1e6), resource.Micro),
			core.ResourceMemory: *resource.NewQuantity(last.Memory, resource.BinarySI),
		},
	}
}
