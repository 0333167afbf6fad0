package traces

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/test/stage"
)

// TestTraces: a gating is found from its line in the log, and from its exemplar,
// as a trace at a collector; then the collector hangs, then it is gone, and
// overrides act.
func TestTraces(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a whole cluster, and builds Kubernetes the first time: not with -short")
	}
	s, err := stage.New(t.Context(), stage.Options{Log: t.Output(), Images: map[string]string{"podgate.dev/collector": "./traces/collector"}})
	must(t, err)
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	c := &cases{s}
	must(t, s.Install(t.Context()))
	until(t, func() error { // a pod is refused until its namespace has its service account
		_, err := s.Kubectl(t.Context(), "apply", "-f", "collector.yaml")
		return err
	})
	c.kubectl(t, "-n", "tracing", "wait", "--for=condition=Ready", "pod/collector", "--timeout=5m")
	c.kubectl(t, "-n", stage.SystemNamespace, "set", "env", "deployment/podgate",
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://collector.tracing.svc:4318", "OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=box",
		"OTEL_BSP_EXPORT_TIMEOUT=3000", "OTEL_BSP_SCHEDULE_DELAY=1000") // in milliseconds; so that the test sees earlier what is lost
	c.kubectl(t, "-n", stage.SystemNamespace, "rollout", "status", "deployment/podgate", "--timeout=5m")
	must(t, s.Apply(t.Context()))
	must(t, s.StartLoad(t.Context()))

	pods, err := s.Pods(t.Context())
	must(t, err)
	sick, well := pods[3].Name, pods[4].Name
	must(t, s.Turn(t.Context(), stage.Dials{ErrorShare: 0.3}, sick))
	c.trafficIs(t, sick, v1alpha1.TrafficNo)
	must(t, s.Turn(t.Context(), stage.Dials{}, sick)) // so that it is gated once
	id := c.gating(t, sick)
	t.Run("the trace is at the collector", func(t *testing.T) { c.isATrace(t, id, sick) })
	t.Run("the exemplar names it", func(t *testing.T) { c.isAnExemplar(t, id) })
	t.Run("Prometheus scrapes as before", c.isScraped)
	t.Run("a collector that hangs delays no override", func(t *testing.T) {
		response, err := c.http().Post(c.collector(t)+"/hang", "", nil)
		must(t, err)
		must(t, response.Body.Close())
		c.kubectl(t, "-n", stage.Namespace, "label", "pod", well, v1alpha1.LabelOverride+"=no")
		t.Logf("an override took %s", c.trafficIs(t, well, v1alpha1.TrafficNo))
		c.lookedSince(t, time.Now())
		until(t, func() error { return c.logged(t, "traces are lost; looks go on without") })
	})
	t.Run("nor does one that is gone", func(t *testing.T) {
		c.kubectl(t, "-n", "tracing", "delete", "pod", "collector")
		c.kubectl(t, "-n", stage.Namespace, "label", "pod", well, v1alpha1.LabelOverride+"-")
		t.Logf("an override's end took %s", c.trafficIs(t, well, v1alpha1.TrafficYes))
		c.lookedSince(t, time.Now())
	})
}

type cases struct{ *stage.Stage }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// until tries for as long as an export may take, and more.
func until(t *testing.T, try func() error) time.Duration {
	t.Helper()
	took, err := stage.Until(t.Context(), 3*time.Minute, try)
	must(t, err)
	return took.Round(time.Millisecond)
}

func (c *cases) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := c.Kubectl(t.Context(), args...)
	must(t, err)
	return out
}

func (c *cases) http() *http.Client {
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DialContext: c.DialContext, DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} // the controller's certificate is signed by itself
}

// collector is the collector's address.
func (c *cases) collector(t *testing.T) string {
	t.Helper()
	var pod corev1.Pod
	must(t, c.Client.Get(t.Context(), client.ObjectKey{Namespace: "tracing", Name: "collector"}, &pod))
	return "http://" + net.JoinHostPort(pod.Status.PodIP, "4318")
}

// trafficIs waits until a pod has a traffic label.
func (c *cases) trafficIs(t *testing.T, pod, want string) time.Duration {
	t.Helper()
	return until(t, func() error { return c.HasTraffic(t.Context(), pod, want) })
}

// lookedSince waits until the gate has looked after an instant.
func (c *cases) lookedSince(t *testing.T, at time.Time) {
	t.Helper()
	until(t, func() error {
		seconds, err := c.ask(t.Context(), "max(podgate_last_look_timestamp_seconds)")
		if err == nil && seconds <= float64(at.Unix()) {
			err = errors.New("the gate does not look")
		}
		return err
	})
}

// ask asks Prometheus for a number.
func (c *cases) ask(ctx context.Context, query string) (float64, error) {
	answer, err := c.Query(ctx, query)
	if err != nil {
		return 0, err
	}
	if len(answer) == 0 {
		return 0, fmt.Errorf("Prometheus knows nothing of %s", query)
	}
	return float64(answer[0].Value), nil
}

// lines are what the controllers have logged, as far as it is JSON.
func (c *cases) lines(t *testing.T) (out []map[string]any) {
	t.Helper()
	for line := range strings.Lines(c.kubectl(t, "-n", stage.SystemNamespace, "logs", "deployment/podgate", "--tail=-1")) {
		parsed := map[string]any{}
		if json.Unmarshal([]byte(line), &parsed) == nil {
			out = append(out, parsed)
		}
	}
	return out
}

func (c *cases) logged(t *testing.T, msg string) error {
	t.Helper()
	if !slices.ContainsFunc(c.lines(t), func(line map[string]any) bool { return line["msg"] == msg }) {
		return fmt.Errorf("the controller does not log %q", msg)
	}
	return nil
}

// gating is the trace_id that the decision log has for the gating of a pod.
func (c *cases) gating(t *testing.T, pod string) (id string) {
	t.Helper()
	until(t, func() error {
		for _, line := range c.lines(t) {
			if line["msg"] == "decision" && line["action"] == "Gate" && line["pod"] == pod {
				id, _ = line["trace_id"].(string)
				return nil
			}
		}
		return fmt.Errorf("the gating of %s is not logged", pod)
	})
	if len(id) != 32 {
		t.Fatalf("its line has the trace_id %q", id)
	}
	return id
}

// isATrace checks the trace of a gating.
func (c *cases) isATrace(t *testing.T, id, pod string) {
	type span struct {
		Trace, Span, Parent, Name, Error string
		Attributes                       map[string]string
	}
	var trace []span
	until(t, func() error {
		response, err := c.http().Get(c.collector(t) + "/spans")
		if err != nil {
			return err
		}
		defer response.Body.Close()
		var all []span
		if err := json.NewDecoder(response.Body).Decode(&all); err != nil {
			return err
		}
		trace = slices.DeleteFunc(all, func(s span) bool { return s.Trace != id })
		if !slices.ContainsFunc(trace, func(s span) bool { return s.Name == "look" }) {
			return fmt.Errorf("of trace %s the collector has %d spans, and no look", id, len(trace))
		}
		return nil
	})
	name := map[string]string{}
	for _, s := range trace {
		name[s.Span] = s.Name
	}
	var got []string
	for _, s := range trace {
		got = append(got, strings.TrimSpace(fmt.Sprint(name[s.Parent], " > ", s.Name, " ", s.Attributes["podgate.gate"], s.Attributes["podgate.signal"],
			s.Attributes["k8s.pod.name"], s.Error)))
		if s.Attributes["service.name"] != "podgate" || s.Attributes["deployment.environment.name"] != "box" {
			t.Errorf("%s says of podgate itself %v", s.Name, s.Attributes)
		}
	}
	slices.Sort(got)
	got = slices.Compact(got)
	t.Logf("the trace of the gating:\n%s", strings.Join(got, "\n"))
	for _, want := range []string{"> look " + stage.Namespace + "/" + stage.Gate, "look > query errors", "query > HTTP POST", "look > confirm", "confirm > mark gate",
		"look > patch pod " + pod, "look > apply status"} {
		if !slices.Contains(got, want) {
			t.Errorf("the trace has no %q", want)
		}
	}
}

// isAnExemplar checks that the decisions have a trace as their exemplar, for those
// who may read the metrics, in the format that has exemplars.
func (c *cases) isAnExemplar(t *testing.T, id string) {
	var pods corev1.PodList
	must(t, c.Client.List(t.Context(), &pods, client.InNamespace(stage.SystemNamespace)))
	token, err := c.Token(t.Context(), "monitoring", "prometheus")
	must(t, err)
	i := slices.IndexFunc(pods.Items, func(p corev1.Pod) bool { return p.DeletionTimestamp == nil })
	ask := func(token string) (int, []byte) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+net.JoinHostPort(pods.Items[i].Status.PodIP, "8443")+"/metrics", nil)
		must(t, err)
		request.Header.Set("Accept", "application/openmetrics-text;version=1.0.0")
		if token != "" {
			request.Header.Set("Authorization", "Bearer "+token)
		}
		response, err := c.http().Do(request)
		must(t, err)
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		must(t, err)
		return response.StatusCode, text
	}
	if status, _ := ask(""); status != http.StatusUnauthorized {
		t.Errorf("who has no token gets %d", status)
	}
	status, text := ask(token)
	found := false
	for line := range bytes.Lines(text) {
		found = found || bytes.HasPrefix(line, []byte("podgate_decisions_total{action=\"Gate\"")) && bytes.Contains(line, []byte(`# {trace_id="`+id+`"} 1.0`))
		if name, _, _ := bytes.Cut(line, []byte("{")); bytes.HasSuffix(name, []byte("_created")) {
			t.Errorf("a series more: %s", line)
		}
	}
	if status != http.StatusOK || !found {
		t.Errorf("status %d, and no exemplar with %s among %d bytes", status, id, len(text))
	}
}

// isScraped checks that Prometheus takes the format that has exemplars.
func (c *cases) isScraped(t *testing.T) {
	until(t, func() error {
		n, err := c.ask(t.Context(), `sum(podgate_decisions_total{action="Gate"})`)
		if err == nil && n != 1 {
			err = fmt.Errorf("%g gatings are counted", n)
		}
		return err
	})
	if n, err := c.ask(t.Context(), `count({__name__=~"podgate_.*_created"})`); err == nil {
		t.Errorf("%g series that say when others began", n)
	}
}
