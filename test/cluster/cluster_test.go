package cluster_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	core "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/podgate/podgate/test/load"
)

// TestCluster starts one cluster and does with it what tests of the product
// will do. The cases run in order, on the same three pods.
func TestCluster(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a whole cluster, and builds Kubernetes the first time: not with -short")
	}
	b := startBox(t)
	b.apply("testdata/web.yaml")
	b.waitReady("app=web", 3)
	t.Run("requests to a Service are balanced over its pods", b.balances)
	t.Run("a label takes a pod out of traffic and back", b.labelGates)
	t.Run("a deleted pod is replaced without a failed request", b.replaces)
	t.Run("a pod has its account's rights and names of Services", b.accounts)
	t.Run("an unknown image is explained", b.unknownImage)
	t.Run("the metrics API tells what a pod's process uses", b.measures)
	t.Run("Prometheus scrapes the pods", b.scrapes)
	t.Run("Prometheus can hang and come back", b.prometheusHangs)
	t.Run("a pod can hang and is restarted by its liveness probe", b.podHangs)
	t.Run("a pod can crash", b.podCrashes)
	t.Run("the API server can crash and come back", b.apiServerCrashes)
	t.Run("kubectl shows logs", b.logs)
	t.Run("memory", func(t *testing.T) {
		sizes, err := b.cluster.Memory(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range slices.Sorted(maps.Keys(sizes)) {
			t.Logf("%-24s %4d MB", name, sizes[name]>>20)
		}
	})
	t.Run("nothing is left after Stop", b.leavesNothing)
}

func (b *box) balances(t *testing.T) {
	g := b.load(100)
	defer g.Stop()
	b.allAnswer(t, g, time.Time{})
	began := time.Now()
	b.eventually(t, func() error { return atLeast(300, g.View(began, time.Now())) })
	g.Stop()
	v := g.View(began, time.Now())
	t.Log(v)
	if v.Failures > 0 || len(v.ByPod) != 3 {
		t.Fatalf("want no failure and three pods: %s", v)
	}
	for pod, view := range v.ByPod {
		if share := float64(view.Count) / float64(v.Count); share < 0.2 || share > 0.5 {
			t.Errorf("%s got %.0f %% of the requests", pod, 100*share)
		}
	}
}

func (b *box) labelGates(t *testing.T) {
	g := b.load(100)
	defer g.Stop()
	b.allAnswer(t, g, time.Time{})
	pod := b.pods(t, "app=web")[0].Name
	out := time.Now()
	b.label(t, pod, "no")
	b.eventually(t, func() error { // 150 requests in a row that the two others answer
		v := g.View(time.Now().Add(-3*time.Second), time.Now())
		if v.ByPod[pod].Count > 0 {
			return fmt.Errorf("%s still answers: %s", pod, v)
		}
		return atLeast(150, v)
	})
	t.Logf("the last request reached %s %s after its label changed", pod, g.LastAnswer(pod).Sub(out).Round(time.Millisecond))
	back := time.Now()
	b.label(t, pod, "yes")
	b.eventually(t, func() error {
		if g.LastAnswer(pod).Before(back) {
			return fmt.Errorf("%s gets no requests", pod)
		}
		return nil
	})
	t.Logf("the first request reached it %s after the label changed back", time.Since(back).Round(10*time.Millisecond))
	g.Stop()
	if v := g.View(out, time.Now()); v.Failures > 0 {
		t.Errorf("a pod that goes out of traffic costs requests: %s", v)
	}
}

func (b *box) replaces(t *testing.T) {
	g := b.load(100)
	defer g.Stop()
	b.allAnswer(t, g, time.Time{})
	pod := b.pods(t, "app=web")[0]
	began := time.Now()
	if err := b.client.CoreV1().Pods("shop").Delete(t.Context(), pod.Name, meta.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	b.eventually(t, func() error {
		names := []string{}
		for _, p := range b.pods(t, "app=web") {
			names = append(names, p.Name)
		}
		if len(names) != 3 || slices.Contains(names, pod.Name) {
			return fmt.Errorf("pods are %v", names)
		}
		return nil
	})
	t.Logf("the pod was gone after %s", time.Since(began).Round(10*time.Millisecond))
	b.waitReady("app=web", 3)
	b.allAnswer(t, g, began)
	g.Stop()
	v := g.View(began, time.Now())
	t.Log(v)
	if v.Failures > 0 {
		t.Errorf("want no failure: %s", v)
	}
}

func (b *box) accounts(t *testing.T) {
	b.apply("testdata/reader.yaml")
	b.eventually(t, func() error {
		pod, err := b.client.CoreV1().Pods("shop").Get(t.Context(), "reader", meta.GetOptions{})
		if err == nil && pod.Status.Phase != core.PodSucceeded {
			err = fmt.Errorf("the pod is %s: %+v", pod.Status.Phase, pod.Status.ContainerStatuses)
		}
		return err
	})
	log, err := os.ReadFile(b.cluster.PodLog("shop", "reader"))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", log)
	for _, want := range []string{"greeting: hello", "pods: true", "secrets: false", "is forbidden", "service: true"} {
		if !strings.Contains(string(log), want) {
			t.Errorf("the pod's log lacks %q", want)
		}
	}
}

func (b *box) unknownImage(t *testing.T) {
	b.eventually(t, func() error {
		pod, err := b.client.CoreV1().Pods("shop").Get(t.Context(), "stranger", meta.GetOptions{})
		if err != nil {
			return err
		}
		for _, s := range pod.Status.ContainerStatuses {
			if w := s.State.Waiting; w != nil && w.Reason == "ErrImagePull" && strings.Contains(w.Message, "example.com:5000/stranger") {
				return nil
			}
		}
		return fmt.Errorf("status %+v", pod.Status.ContainerStatuses)
	})
}

// measures asks as people do, through the aggregated API.
func (b *box) measures(t *testing.T) {
	busy := b.pods(t, "app=web")[0]
	client := http.Client{Transport: &http.Transport{DialContext: b.cluster.DialContext, DisableKeepAlives: true}}
	dial := func(cpu string) {
		response, err := client.Post("http://"+busy.Status.PodIP+":8080/dials", "application/json", strings.NewReader(`{"cpu": `+cpu+`}`))
		must(t, err)
		response.Body.Close()
	}
	dial("0.2")
	defer dial("0")
	b.eventually(t, func() error {
		out, err := exec.CommandContext(t.Context(), b.cluster.Kubectl(), "--kubeconfig", b.cluster.Kubeconfig(),
			"top", "pod", "-n", "shop", "-l", "app=web", "--no-headers", "--sort-by=cpu").CombinedOutput()
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		if err != nil || len(lines) != 3 {
			return fmt.Errorf("kubectl top pod: %v\n%s", err, out)
		}
		fields := strings.Fields(lines[0])
		cpu, err := resource.ParseQuantity(fields[1])
		if err != nil || fields[0] != busy.Name || cpu.MilliValue() < 100 {
			return fmt.Errorf("want %s to use 200m:\n%s", busy.Name, out)
		}
		t.Logf("\n%s", out)
		return nil
	})
}

func (b *box) scrapes(t *testing.T) {
	b.eventually(t, func() error {
		got, err := b.query(`sum by (pod, node) (increase(http_requests_total{namespace="shop", job="web", code="200"}[30s]))`)
		if err == nil && len(got) < 3 {
			err = fmt.Errorf("series of %d pods", len(got))
		}
		return err
	})
}

func (b *box) prometheusHangs(t *testing.T) {
	prometheus := b.cluster.Component("prometheus")
	must(t, prometheus.Pause(t.Context()))
	if _, err := b.query("up"); err == nil {
		t.Error("Prometheus answers although it hangs")
	}
	must(t, prometheus.Continue(t.Context()))
	b.eventually(t, func() error { _, err := b.query("up"); return err })
	must(t, prometheus.Kill(t.Context()))
	if _, err := b.query("up"); err == nil {
		t.Error("Prometheus answers although it was killed")
	}
	must(t, prometheus.Start(t.Context()))
	b.eventually(t, func() error { _, err := b.query("up"); return err })
}

// podHangs stops a pod's process and lets it be: both probes count to three, each
// from a moment of its own, so that a process which went on once its pod is not
// Ready could be spared by the other.
func (b *box) podHangs(t *testing.T) {
	of := b.pods(t, "app=web")[0]
	pod, before := of.Name, of.Status.ContainerStatuses[0].RestartCount
	must(t, b.cluster.SignalPod(t.Context(), "shop", pod, syscall.SIGSTOP))
	began := time.Now()
	b.eventually(t, func() error { return b.readyIs(pod, core.ConditionFalse) })
	t.Logf("not Ready after %s", time.Since(began).Round(10*time.Millisecond))
	b.waitRestarted(t, pod, before+1)
	t.Logf("restarted and Ready after %s", time.Since(began).Round(10*time.Millisecond))
}

func (b *box) podCrashes(t *testing.T) {
	pod := b.pods(t, "app=web")[1]
	before := pod.Status.ContainerStatuses[0].RestartCount
	must(t, b.cluster.SignalPod(t.Context(), "shop", pod.Name, syscall.SIGKILL))
	b.waitRestarted(t, pod.Name, before+1)
}

func (b *box) apiServerCrashes(t *testing.T) {
	g := b.load(50)
	defer g.Stop()
	began := time.Now()
	api := b.cluster.Component("kube-apiserver")
	must(t, api.Kill(t.Context()))
	// client-go tries again for ten seconds, unless told otherwise.
	short, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := b.client.CoreV1().Pods("shop").List(short, meta.ListOptions{}); err == nil {
		t.Error("the API server answers although it was killed")
	}
	must(t, api.Start(t.Context()))
	t.Logf("the API server was back after %s", time.Since(began).Round(10*time.Millisecond))
	b.waitReady("app=web", 3)
	g.Stop()
	if v := g.View(began, time.Now()); v.Failures > 0 {
		t.Errorf("without the API server, requests fail: %s", v)
	}
	// The node agent must have noticed that it is back.
	pod := b.pods(t, "app=web")[0].Name
	must(t, b.client.CoreV1().Pods("shop").Delete(t.Context(), pod, meta.DeleteOptions{}))
	b.eventually(t, func() error {
		if _, err := b.client.CoreV1().Pods("shop").Get(t.Context(), pod, meta.GetOptions{}); !apierrors.IsNotFound(err) {
			return fmt.Errorf("%s is still there (%v)", pod, err)
		}
		return nil
	})
	b.waitReady("app=web", 3)
}

func (b *box) logs(t *testing.T) {
	pod := b.pods(t, "app=web")[0].Name
	out := b.kubectl(t, "logs", "-n", "shop", pod)
	if !strings.Contains(out, "serving on 10.244.") && !strings.Contains(out, "serving on 127.244.") {
		t.Errorf("kubectl logs says %q", out)
	}
}

func (b *box) leavesNothing(t *testing.T) {
	if n := len(processesOf(t, b.cluster.Dir())); n == 0 {
		t.Error("no process of the box is found while it runs: this test sees nothing")
	}
	began := time.Now()
	must(t, b.cluster.Stop())
	t.Logf("stopped in %s", time.Since(began).Round(time.Millisecond))
	if left := processesOf(t, b.cluster.Dir()); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := os.Stat(b.cluster.Dir()); err == nil && !keep {
		t.Error("the state directory is left behind")
	}
}

// processesOf finds the processes that name dir in their arguments or work in it.
func processesOf(t *testing.T, dir string) []string {
	t.Helper()
	var found []string
	paths, err := filepath.Glob("/proc/[0-9]*")
	must(t, err)
	for _, path := range paths {
		arguments, _ := os.ReadFile(path + "/cmdline")
		at, _ := os.Readlink(path + "/cwd")
		if strings.Contains(string(arguments), dir) || strings.HasPrefix(at, dir) {
			found = append(found, strings.ReplaceAll(string(arguments), "\x00", " "))
		}
	}
	return found
}

// query asks Prometheus and returns each series' labels.
func (b *box) query(promQL string) ([]map[string]string, error) {
	client := http.Client{Timeout: 2 * time.Second}
	response, err := client.Get(b.cluster.PrometheusURL() + "/api/v1/query?query=" + url.QueryEscape(promQL))
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Data struct {
			Result []struct{ Metric map[string]string }
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("%w: %s", err, body)
	}
	var all []map[string]string
	for _, series := range answer.Data.Result {
		all = append(all, series.Metric)
	}
	return all, nil
}

func (b *box) label(t *testing.T, pod, value string) {
	t.Helper()
	patch := fmt.Sprintf(`{"metadata":{"labels":{"traffic":%q}}}`, value)
	_, err := b.client.CoreV1().Pods("shop").Patch(t.Context(), pod, types.MergePatchType, []byte(patch), meta.PatchOptions{})
	must(t, err)
}

func (b *box) load(rate float64) *load.Generator {
	service, err := b.client.CoreV1().Services("shop").Get(context.Background(), "web", meta.GetOptions{})
	must(b.t, err)
	return load.Start(load.Options{URL: "http://" + service.Spec.ClusterIP + "/", Rate: rate, Timeout: 20 * time.Second, DialContext: b.cluster.DialContext})
}

// allAnswer waits until each pod has answered a request of the load since an instant:
// kube-proxy knows of a pod a moment after the API does.
func (b *box) allAnswer(t *testing.T, g *load.Generator, since time.Time) {
	t.Helper()
	b.eventually(t, func() error {
		for _, p := range b.pods(t, "app=web") {
			if last := g.LastAnswer(p.Name); last.IsZero() || last.Before(since) {
				return fmt.Errorf("%s does not answer", p.Name)
			}
		}
		return nil
	})
}

// atLeast is an error while a view has fewer requests.
func atLeast(n int, v load.View) error {
	if v.Count < n {
		return fmt.Errorf("%d requests, not %d", v.Count, n)
	}
	return nil
}
