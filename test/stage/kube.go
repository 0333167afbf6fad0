package stage

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/api/v1alpha1"
)

// Kubectl runs kubectl with all rights, as a person would, and returns what it
// prints.
func (s *Stage) Kubectl(ctx context.Context, args ...string) (string, error) {
	return s.KubectlWith(ctx, "", args...)
}

// KubectlWith runs kubectl with some text on its standard input.
func (s *Stage) KubectlWith(ctx context.Context, stdin string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, s.Cluster.Kubectl(), args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+s.Kubeconfig())
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return string(out), nil
}

// ServiceAddress is host and port of the sample Service.
func (s *Stage) ServiceAddress(ctx context.Context) (string, error) {
	var svc corev1.Service
	if err := s.Client.Get(ctx, types.NamespacedName{Namespace: Namespace, Name: Service}, &svc); err != nil {
		return "", err
	}
	return net.JoinHostPort(svc.Spec.ClusterIP, "80"), nil
}

// Pods are the pods of the sample Service, in traffic or not, by name.
func (s *Stage) Pods(ctx context.Context) ([]corev1.Pod, error) {
	var list corev1.PodList
	err := s.Client.List(ctx, &list, client.InNamespace(Namespace), client.MatchingLabels{"app.kubernetes.io/name": Service})
	pods := slices.DeleteFunc(list.Items, func(p corev1.Pod) bool { return p.DeletionTimestamp != nil })
	slices.SortFunc(pods, func(a, b corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	return pods, err
}

// Traffic is the value of every pod's traffic label.
func (s *Stage) Traffic(ctx context.Context) (map[string]string, error) {
	pods, err := s.Pods(ctx)
	out := make(map[string]string, len(pods))
	for _, p := range pods {
		out[p.Name] = p.Labels[v1alpha1.LabelTraffic]
	}
	return out, err
}

// Out are the names of the pods that are not in traffic.
func (s *Stage) Out(ctx context.Context) ([]string, error) {
	traffic, err := s.Traffic(ctx)
	var out []string
	for name, v := range traffic {
		if v != v1alpha1.TrafficYes {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out, err
}

// GetGate is the sample gate.
func (s *Stage) GetGate(ctx context.Context) (*v1alpha1.TrafficGate, error) {
	gate := &v1alpha1.TrafficGate{}
	return gate, s.Client.Get(ctx, types.NamespacedName{Namespace: Namespace, Name: Gate}, gate)
}

// Condition is a condition of the sample gate; an empty one if it has none of
// that type.
func (s *Stage) Condition(ctx context.Context, kind string) (metav1.Condition, error) {
	gate, err := s.GetGate(ctx)
	if err != nil {
		return metav1.Condition{}, err
	}
	if c := meta.FindStatusCondition(gate.Status.Conditions, kind); c != nil {
		return *c, nil
	}
	return metav1.Condition{}, nil
}

// Dials are how a sample server behaves.
type Dials struct {
	// ErrorShare is the share of requests that fail, from 0 to 1.
	ErrorShare float64 `json:"errorShare"`
}

// Turn sets the dials of pods, all at once.
func (s *Stage) Turn(ctx context.Context, d Dials, names ...string) error {
	body, err := json.Marshal(d)
	if err != nil {
		return err
	}
	pods, err := s.Pods(ctx)
	if err != nil {
		return err
	}
	c := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DialContext: s.DialContext, DisableKeepAlives: true}}
	for _, p := range pods {
		if !slices.Contains(names, p.Name) {
			continue
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+net.JoinHostPort(p.Status.PodIP, "8080")+"/dials", bytes.NewReader(body))
		if err != nil {
			return err
		}
		request.Header.Set("Content-Type", "application/json")
		response, err := c.Do(request)
		if err != nil {
			return err
		}
		response.Body.Close()
		if response.StatusCode >= 300 {
			return fmt.Errorf("turning the dials of %s: %s", p.Name, response.Status)
		}
	}
	return nil
}

// Until tries again and again until try succeeds, and returns how long it took;
// after the limit it returns the last error.
func Until(ctx context.Context, limit time.Duration, try func() error) (time.Duration, error) {
	began := time.Now()
	for {
		err := try()
		took := time.Since(began)
		if err == nil {
			return took, nil
		}
		if took > limit {
			return took, fmt.Errorf("after %s: %w", limit, err)
		}
		select {
		case <-ctx.Done():
			return took, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}
