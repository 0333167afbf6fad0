package faults

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/test/stage"
)

// prometheuses are what can be wrong with Prometheus besides its absence.
func prometheuses() []Fault {
	return []Fault{
		{Name: "prometheus-hangs", What: "Prometheus accepts connections and does not answer, for 25 s (SIGSTOP)", Rounds: 2,
			Earliest: -3 * time.Second, Latest: 12 * time.Second, Says: v1alpha1.ReasonMetricsUnavailable, Play: hangs("prometheus", 25*time.Second)},
		{Name: "prometheus-empty", What: "Prometheus loses all its data: kill -9, 3 to 8 s later back with nothing", Rounds: 2,
			Earliest: -3 * time.Second, Latest: 16 * time.Second, Play: loseData},
		{Name: "prometheus-minority", What: "Prometheus has lost 6 of the 10 pods, healthy ones, for 30 s", Rounds: 2,
			Earliest: -3 * time.Second, Latest: 5 * time.Second, Says: v1alpha1.ReasonMetricsUnavailable,
			Play: func(ctx context.Context, a *Arena, r *Round) error {
				return a.scrapeNot(ctx, r.well(6), 30*time.Second)
			}},
		{Name: "prometheus-blind", What: "Prometheus has lost the failing pod and 3 healthy ones, for 30 s", Rounds: 2,
			Earliest: -3 * time.Second, Latest: 5 * time.Second,
			Play: func(ctx context.Context, a *Arena, r *Round) error {
				return a.scrapeNot(ctx, append(r.well(3), r.Sick...), 30*time.Second)
			}},
	}
}

// hangs stops a component for a while, with its connections open.
func hangs(name string, d time.Duration) func(context.Context, *Arena, *Round) error {
	return func(ctx context.Context, a *Arena, _ *Round) error {
		c := a.Component(name)
		a.say("SIGSTOP of %s, for %s", name, d)
		if err := c.Pause(ctx); err != nil {
			return err
		}
		waited := stage.Pause(ctx, d)
		if err := c.Continue(context.WithoutCancel(ctx)); err != nil {
			return err
		}
		return waited
	}
}

// loseData kills Prometheus and starts it without its data.
func loseData(ctx context.Context, a *Arena, r *Round) error {
	prometheus := a.Component("prometheus")
	away := r.seconds(3, 8)
	a.say("kill -9 prometheus, for %s, and its data is gone", away)
	if err := prometheus.Kill(ctx); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(a.Dir(), "prometheus", "*"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no data of Prometheus: %w", err)
	}
	for _, f := range files {
		if err := os.RemoveAll(f); err != nil {
			return err
		}
	}
	waited := stage.Pause(ctx, away)
	if err := prometheus.Start(ctx); err != nil {
		return err
	}
	return waited
}

// scrapeNot makes Prometheus drop some pods of the fleet under test from its
// targets for a while, as a shard of it that is gone would.
func (a *Arena) scrapeNot(ctx context.Context, pods []string, d time.Duration) error {
	a.say("Prometheus drops %s, for %s", strings.Join(pods, ", "), d)
	path := filepath.Join(a.Dir(), "prometheus.yml")
	whole, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	const rules = "  relabel_configs:\n"
	drop := fmt.Sprintf("  - {source_labels: [__meta_kubernetes_namespace, __meta_kubernetes_pod_name], separator: /, regex: %q, action: drop}\n",
		with+"/("+strings.Join(pods, "|")+")")
	if err := a.configurePrometheus(ctx, path, strings.ReplaceAll(string(whole), rules, rules+drop)); err != nil {
		return err
	}
	waited := stage.Pause(ctx, d)
	if err := a.configurePrometheus(context.WithoutCancel(ctx), path, string(whole)); err != nil {
		return err
	}
	return waited
}

func (a *Arena) configurePrometheus(ctx context.Context, path, content string) error {
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, a.PrometheusURL()+"/-/reload", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("reloading the configuration of Prometheus: %s", response.Status)
	}
	return nil
}
