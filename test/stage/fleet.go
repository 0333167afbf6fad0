package stage

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/test/load"
)

// Fleet is a Service with its pods and its gate. They have one name, which is
// also the value of the pods' label app.kubernetes.io/name.
type Fleet struct {
	Namespace, Name string

	stage *Stage
}

// FleetOf is the fleet of a namespace and name.
func (s *Stage) FleetOf(namespace, name string) Fleet {
	return Fleet{Namespace: namespace, Name: name, stage: s}
}

// Call begins to call the Service by its cluster address, at the rate and with
// the timeout that the options say. The caller stops it.
func (f Fleet) Call(ctx context.Context, o load.Options) (*load.Generator, error) {
	address, err := f.Address(ctx)
	if err != nil {
		return nil, err
	}
	o.URL, o.DialContext = "http://"+address+"/", f.stage.DialContext
	return load.Start(o), nil
}

// Address is host and port of the Service.
func (f Fleet) Address(ctx context.Context) (string, error) {
	var svc corev1.Service
	if err := f.stage.Client.Get(ctx, types.NamespacedName{Namespace: f.Namespace, Name: f.Name}, &svc); err != nil {
		return "", err
	}
	return net.JoinHostPort(svc.Spec.ClusterIP, "80"), nil
}

// Pods are the pods of the Service, in traffic or not, by name, without those
// that end.
func (f Fleet) Pods(ctx context.Context) ([]corev1.Pod, error) {
	var list corev1.PodList
	err := f.stage.Client.List(ctx, &list, client.InNamespace(f.Namespace), client.MatchingLabels{"app.kubernetes.io/name": f.Name})
	pods := slices.DeleteFunc(list.Items, func(p corev1.Pod) bool { return p.DeletionTimestamp != nil })
	slices.SortFunc(pods, func(a, b corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	return pods, err
}

// Traffic is the value of every pod's traffic label.
func (f Fleet) Traffic(ctx context.Context) (map[string]string, error) {
	pods, err := f.Pods(ctx)
	out := make(map[string]string, len(pods))
	for _, p := range pods {
		out[p.Name] = p.Labels[v1alpha1.LabelTraffic]
	}
	return out, err
}

// Out are the names of the pods that are not in traffic.
func (f Fleet) Out(ctx context.Context) ([]string, error) {
	traffic, err := f.Traffic(ctx)
	var out []string
	for name, v := range traffic {
		if v != v1alpha1.TrafficYes {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out, err
}

// GetGate is the gate.
func (f Fleet) GetGate(ctx context.Context) (*v1alpha1.TrafficGate, error) {
	gate := &v1alpha1.TrafficGate{}
	return gate, f.stage.Client.Get(ctx, types.NamespacedName{Namespace: f.Namespace, Name: f.Name}, gate)
}

// Condition is a condition of the gate; an empty one if it has none of
// that type.
func (f Fleet) Condition(ctx context.Context, kind string) (metav1.Condition, error) {
	gate, err := f.GetGate(ctx)
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

// Turn sets the dials of pods of the fleet, by their names.
func (f Fleet) Turn(ctx context.Context, d Dials, names ...string) error {
	pods, err := f.Pods(ctx)
	if err != nil {
		return err
	}
	return f.stage.TurnPods(ctx, d, slices.DeleteFunc(pods, func(p corev1.Pod) bool { return !slices.Contains(names, p.Name) })...)
}

// TurnPods sets the dials of pods. It asks the pods only, so that it works while
// the API server does not.
func (s *Stage) TurnPods(ctx context.Context, d Dials, pods ...corev1.Pod) error {
	body, err := json.Marshal(d)
	if err != nil {
		return err
	}
	c := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DialContext: s.DialContext, DisableKeepAlives: true}}
	turn := func(p corev1.Pod) error {
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
		return nil
	}
	for _, p := range pods {
		if _, err := Until(ctx, time.Minute, func() error { return turn(p) }); err != nil {
			return err
		}
	}
	return nil
}

// HasTraffic is an error unless a pod's traffic label has a value.
func (f Fleet) HasTraffic(ctx context.Context, pod, value string) error {
	traffic, err := f.Traffic(ctx)
	if err == nil && traffic[pod] != value {
		err = fmt.Errorf("pod %s: the traffic label is %q, not %q", pod, traffic[pod], value)
	}
	return err
}
