package cluster_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/podgate/podgate/test/cluster"
	"github.com/podgate/podgate/test/cluster/build"
)

// keep leaves the logs for a look at what went wrong.
var keep = os.Getenv("PODGATE_KEEP") == "1"

// box is a cluster under test, and what all its cases need.
type box struct {
	t       *testing.T
	cluster *cluster.Cluster
	client  kubernetes.Interface
}

func startBox(t *testing.T) *box {
	t.Helper()
	module, err := filepath.Abs("..")
	must(t, err)
	images := map[string]string{}
	for image, pkg := range map[string]string{
		"podgate.dev/sample-server": "./sample/cmd/sample-server",
		"podgate.dev/reader":        "./cluster/testdata/reader",
	} {
		images[image], err = build.Program(t.Context(), module, pkg)
		must(t, err)
	}
	began := time.Now()
	c, err := cluster.Start(t.Context(), cluster.Options{Images: images, Log: t.Output(), KeepDir: keep})
	must(t, err)
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	t.Logf("started in %s; %s; notes %q", time.Since(began).Round(10*time.Millisecond), c.DataPlane(), c.Notes())
	client, err := kubernetes.NewForConfig(c.RESTConfig())
	must(t, err)
	return &box{t: t, cluster: c, client: client}
}

func (b *box) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), b.cluster.Kubectl(), append([]string{"--kubeconfig", b.cluster.Kubeconfig()}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("kubectl %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// apply applies a file. A pod is refused until its namespace has its service
// account, which takes a moment: so it is tried again.
func (b *box) apply(file string) {
	b.t.Helper()
	b.eventually(b.t, func() error {
		out, err := exec.CommandContext(b.t.Context(), b.cluster.Kubectl(), "--kubeconfig", b.cluster.Kubeconfig(), "apply", "-f", file).CombinedOutput()
		if err != nil {
			return fmt.Errorf("kubectl apply -f %s: %w\n%s", file, err, out)
		}
		return nil
	})
}

// pods are the pods of a selector in the test's namespace, without those that end.
func (b *box) pods(t *testing.T, selector string) []core.Pod {
	t.Helper()
	var all *core.PodList
	b.eventually(t, func() (err error) {
		all, err = b.client.CoreV1().Pods("shop").List(context.Background(), meta.ListOptions{LabelSelector: selector})
		return err
	})
	return all.Items
}

func (b *box) waitReady(selector string, n int) {
	b.t.Helper()
	b.eventually(b.t, func() error {
		ready := 0
		pods := b.pods(b.t, selector)
		for _, pod := range pods {
			if isReady(pod) == core.ConditionTrue && pod.DeletionTimestamp == nil {
				ready++
			}
		}
		if ready != n || len(pods) != n {
			return fmt.Errorf("%d of %d pods are Ready, want %d", ready, len(pods), n)
		}
		return nil
	})
}

func (b *box) readyIs(pod string, want core.ConditionStatus) error {
	p, err := b.client.CoreV1().Pods("shop").Get(context.Background(), pod, meta.GetOptions{})
	if err == nil && isReady(*p) != want {
		err = fmt.Errorf("%s has Ready %s, want %s", pod, isReady(*p), want)
	}
	return err
}

// waitRestarted waits until a pod's container was restarted so many times at least, and
// is Ready again.
func (b *box) waitRestarted(t *testing.T, name string, count int32) {
	t.Helper()
	b.eventually(t, func() error {
		pod, err := b.client.CoreV1().Pods("shop").Get(t.Context(), name, meta.GetOptions{})
		if err != nil {
			return err
		}
		s := pod.Status.ContainerStatuses[0]
		if s.RestartCount < count || !s.Ready || s.LastTerminationState.Terminated == nil {
			return fmt.Errorf("status of %s: %+v", name, s)
		}
		return nil
	})
}

func isReady(pod core.Pod) core.ConditionStatus {
	for _, c := range pod.Status.Conditions {
		if c.Type == core.PodReady {
			return c.Status
		}
	}
	return core.ConditionUnknown
}

// patience is how long anything may take: machines are shared, and how fast a
// cluster is, is nothing that these tests are about.
const patience = 2 * time.Minute

// eventually tries until there is no error, or patience is over.
func (b *box) eventually(t *testing.T, try func() error) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("after %s still: %v", patience, err)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
