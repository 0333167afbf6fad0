package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/test/stage"
)

// controllers are the pods that Podgate runs in, by name.
func (a *Arena) controllers(ctx context.Context) ([]corev1.Pod, error) {
	var list corev1.PodList
	err := a.Client.List(ctx, &list, client.InNamespace(stage.SystemNamespace))
	return slices.DeleteFunc(list.Items, func(p corev1.Pod) bool { return p.DeletionTimestamp != nil }), err
}

// leader is the name of the pod that holds the lease, whether or not it still
// knows.
func (a *Arena) leader(ctx context.Context) (string, error) {
	lease := coordinationv1.Lease{}
	if err := a.Client.Get(ctx, client.ObjectKey{Namespace: stage.SystemNamespace, Name: "podgate.podgate.dev"}, &lease); err != nil {
		return "", err
	}
	if lease.Spec.HolderIdentity == nil || *lease.Spec.HolderIdentity == "" {
		return "", fmt.Errorf("nobody leads")
	}
	name, _, _ := strings.Cut(*lease.Spec.HolderIdentity, "_") // of the host, which is the pod's
	return name, nil
}

// metrics are what a controller tells of itself, by name.
func (a *Arena) metrics(ctx context.Context, pod corev1.Pod) (map[string]*dto.MetricFamily, error) {
	text, err := a.ControllerMetrics(ctx, pod)
	if err != nil {
		return nil, err
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	return parser.TextToMetricFamilies(strings.NewReader(text))
}

// gauge is the value of the series of the gate under test; 0 if there is none.
func gauge(family *dto.MetricFamily) float64 {
	for _, m := range family.GetMetric() {
		for _, l := range m.GetLabel() {
			if l.GetName() == "namespace" && l.GetValue() == with {
				return m.GetGauge().GetValue()
			}
		}
	}
	return 0
}

// looksSince returns nil once a controller has looked at the fleet's metrics as
// of some time after an instant, and calls its gate ready.
func (a *Arena) looksSince(ctx context.Context, since time.Time) error {
	pods, err := a.controllers(ctx)
	if err != nil {
		return err
	}
	err = fmt.Errorf("no controller runs")
	for _, p := range pods {
		families, readErr := a.metrics(ctx, p)
		if readErr != nil {
			err = readErr
			continue
		}
		last := time.UnixMilli(int64(1000 * gauge(families["podgate_last_look_timestamp_seconds"])))
		switch {
		case !last.After(since):
			err = fmt.Errorf("controller %s has not looked since", p.Name)
		case gauge(families["podgate_gate_ready"]) != 1:
			err = fmt.Errorf("controller %s does not call the gate ready", p.Name)
		default:
			return nil
		}
	}
	return err
}

// logs are the controllers' logs.
type logs struct {
	read map[string]int // how much of each

	mu       sync.Mutex
	starting []span
}

// span is from one time to another.
type span struct{ from, to time.Time }

// hearsay is how long after an API server is ready one of its answers may stand in a
// log that was given before.
const hearsay = 5 * time.Second

// starts is called before a component is killed, and what it returns when it is there
// again. An API server that starts answers before it has heard of all roles and their
// bindings, so that whoever asks meanwhile is forbidden what is theirs.
func (l *logs) starts(component string) (started func()) {
	from := time.Now()
	return func() {
		if component == "kube-apiserver" {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.starting = append(l.starting, span{from, time.Now().Add(hearsay)})
		}
	}
}

// whileStarting is whether a line was printed while an API server started.
func (l *logs) whileStarting(line []byte) bool {
	var printed struct{ TS time.Time }
	if json.Unmarshal(line, &printed) != nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.starting, func(s span) bool {
		return !printed.TS.Before(s.from.Truncate(time.Second)) && !printed.TS.After(s.to)
	})
}

// bad are the lines that the controllers have printed since the last call and
// that none of them ever should, as they are quoted.
func (l *logs) bad(dir string) (lines []string, err error) {
	files, err := filepath.Glob(filepath.Join(dir, "logs", "pods", stage.SystemNamespace+"_*.log"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no log of a controller in %s: %w", dir, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for line := range bytes.Lines(text[l.read[file]:]) {
			forbidden := bytes.Contains(line, []byte("forbidden")) && !l.whileStarting(line)
			if forbidden || bytes.Contains(line, []byte("panic")) {
				lines = append(lines, quote(line))
			}
		}
		l.read[file] = len(text)
	}
	return lines, nil
}
