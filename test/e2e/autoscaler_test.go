package e2e

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metrics "k8s.io/metrics/pkg/client/clientset/versioned/typed/metrics/v1beta1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// autoscaler: a HorizontalPodAutoscaler, the real one, that scales on the CPU
// time which the pods' processes really take, as metrics.k8s.io tells it. (What
// stands behind that API is the box's own, not metrics-server.)
//
// The gated pod counts in the mean that it scales on. So it does not see what the
// others bear more, unless the target is lowered by the share that may be gated.
func (c *cases) autoscaler(t *testing.T) {
	f := &scaled{c.joinFleet(t, "autoscaled", 3)}
	f.call(t, 15)
	sick := f.pods(t)[0].Name
	gated := f.gate(t, sick)
	var mean, others float64
	patiently(t, func() error {
		var pods map[string]float64
		mean, pods = f.seen(t, gated, 3)
		if others = meanOf(pods, sick); pods[sick] > others/2 || others < 1.2*mean {
			return fmt.Errorf("the gated pod uses %.0fm, and the others %.0fm where the autoscaler sees %.0fm", pods[sick], others, mean)
		}
		t.Logf("one of three gated: the autoscaler sees %.0fm a pod, those that serve bear %.0fm, and the gated one %.0fm", mean, others, pods[sick])
		return nil
	})
	wanted := math.Sqrt(mean * others) // of a pod: they bear more, and the autoscaler, which sees less, would add none

	t.Run("with a target lowered by the share that may be gated it adds a pod, and they bear no more than is wanted", func(t *testing.T) {
		f.target(t, wanted*2/3, 4)
		f.readyPods(t, 4)
		began := time.Now()
		patiently(t, func() error {
			_, pods := f.seen(t, began, 4)
			others := meanOf(pods, sick)
			if others > wanted {
				return fmt.Errorf("those that serve bear %.0fm, more than the %.0fm that are wanted", others, wanted)
			}
			t.Logf("wanted are %.0fm a pod, the target is %.0fm: there are four pods, and those that serve bear %.0fm", wanted, wanted*2/3, others)
			return nil
		})
	})
	t.Run("scaling in takes the gated pod first", func(t *testing.T) {
		before := f.inTraffic(t)
		f.Stop()
		f.kubectl(t, "patch", "hpa", "app", "--type=json", "-p", `[{"op": "replace", "path": "/spec/behavior/scaleDown/selectPolicy", "value": "Max"}]`)
		f.target(t, 1000, 4)
		left := f.readyPods(t, 3)
		if slices.Contains(left, sick) || !slices.Equal(left, before) {
			t.Errorf("left are %v, of which %v served and %s was gated", left, before, sick)
		}
	})
	f.remove(t)
}

// scaled is a fleet with an autoscaler.
type scaled struct{ *fleet }

// target sets the autoscaler's target, in millicores a pod, and the most pods.
func (f *scaled) target(t *testing.T, milli float64, most int) {
	t.Helper()
	f.kubectl(t, "patch", "hpa", "app", "--type=json", "-p", fmt.Sprintf(`[
		{"op": "replace", "path": "/spec/metrics/0/resource/target/averageValue", "value": "%dm"},
		{"op": "replace", "path": "/spec/maxReplicas", "value": %d}]`, int(milli), most))
}

// seen waits until the autoscaler has seen the load of so many pods since some
// time. It returns the mean that it has seen, and each pod's load, in millicores.
func (f *scaled) seen(t *testing.T, since time.Time, pods int) (mean float64, byPod map[string]float64) {
	t.Helper()
	patiently(t, func() (err error) {
		if byPod, err = f.load(t, since); err != nil {
			return err
		}
		if len(byPod) != pods {
			return fmt.Errorf("metrics of %d pods, not %d", len(byPod), pods)
		}
		hpa := f.decided(t)
		if len(hpa.Status.CurrentMetrics) == 0 || hpa.Status.CurrentMetrics[0].Resource == nil {
			return fmt.Errorf("the autoscaler sees no metrics: %+v", hpa.Status.Conditions)
		}
		mean = float64(hpa.Status.CurrentMetrics[0].Resource.Current.AverageValue.MilliValue())
		if all := meanOf(byPod, ""); math.Abs(mean-all) > 0.1*all {
			return fmt.Errorf("the autoscaler sees %.0fm a pod, and the mean of all is %.0fm", mean, all)
		}
		return nil
	})
	return mean, byPod
}

// load is what metrics.k8s.io tells of each pod for which all that it tells of
// has been since some time.
func (f *scaled) load(t *testing.T, since time.Time) (map[string]float64, error) {
	client, err := metrics.NewForConfig(f.c.RESTConfig())
	if err != nil {
		return nil, err
	}
	list, err := client.PodMetricses(f.Namespace).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	byPod := map[string]float64{}
	for _, p := range list.Items {
		if p.Timestamp.Add(-p.Window.Duration).After(since) {
			byPod[p.Name] = p.Containers[0].Usage.Cpu().AsApproximateFloat64() * 1000
		}
	}
	return byPod, nil
}

// meanOf is the mean load of all pods but one.
func meanOf(byPod map[string]float64, but string) float64 {
	sum, n := 0.0, 0
	for pod, load := range byPod {
		if pod != but {
			sum, n = sum+load, n+1
		}
	}
	return sum / float64(n)
}

// decided is the autoscaler, with what it has decided.
func (f *scaled) decided(t *testing.T) autoscalingv2.HorizontalPodAutoscaler {
	t.Helper()
	var hpa autoscalingv2.HorizontalPodAutoscaler
	must(t, f.c.Client.Get(t.Context(), client.ObjectKey{Namespace: f.Namespace, Name: "app"}, &hpa))
	return hpa
}
