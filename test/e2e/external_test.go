package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	certutil "k8s.io/client-go/util/cert"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/test/stage"
)

const externalNamespace = "external"

// allowDetector: a detector is asked once its host is allowed, and believed once
// its certificate is trusted.
func (c *cases) allowDetector(t *testing.T) {
	d := c.startDetector(t)
	d.available(t, v1alpha1.ReasonQueryRejected, "start it with --external-detectors=detector.external.svc")
	c.kubectl(t, "-n", stage.SystemNamespace, "set", "env", "deployment/podgate", "PODGATE_EXTERNAL_DETECTORS=*.external.svc")
	c.kubectl(t, "-n", stage.SystemNamespace, "rollout", "status", "deployment/podgate", "--timeout=90s")
	d.available(t, v1alpha1.ReasonQueryFailed, "certificate signed by unknown authority")
	d.kubectl(t, "patch", "trafficgate", "app", "--type=json", "-p",
		`[{"op":"add","path":"/spec/signals/0/external/caBundle","value":"`+base64.StdEncoding.EncodeToString(d.ca)+`"}]`)
	readyIs(t, d.Fleet, v1alpha1.ReasonEnforcing)
}

// externalDetector gates whom an HTTPS server names; whom it should not name
// stays, and its silence changes nothing.
func (c *cases) externalDetector(t *testing.T) {
	d := &detector{fleet: c.joinFleet(t, externalNamespace, 5)}
	controller := c.controllerPod(t)
	bad, good := d.inTraffic(t)[1], slices.Delete(d.inTraffic(t), 1, 2)
	d.say(t, "0s", bad, controller.Namespace+"/"+controller.Name, "app-gone")
	trafficIs(t, d.Fleet, bad, v1alpha1.TrafficNo)
	if got := d.pod(t, bad).Annotations[v1alpha1.AnnotationReason]; got != "detector: the external detector names it, look after look" {
		t.Errorf("the reason is %q", got)
	}
	gate, err := d.GetGate(t.Context())
	must(t, err)
	if got, want := gate.Status.LastEvaluation.Signals[0].Ignored, "not of the fleet: app-gone, "+controller.Namespace+"/"+controller.Name; got != want {
		t.Errorf("ignored are %q, not %q", got, want)
	}
	if labels := c.controllerPod(t).Labels; labels[v1alpha1.LabelTraffic] != "" {
		t.Errorf("a pod that is not of the fleet was written: %v", labels)
	}

	d.say(t, "0s", append(good[:3:3], bad)...) // most of them: it is not the pods
	readyIs(t, d.Fleet, v1alpha1.ReasonCommonCause)
	d.outIs(t, bad)

	d.say(t, "30s")
	d.available(t, v1alpha1.ReasonQueryFailed, "it took longer than 1s")
	d.kubectl(t, "label", "pod", good[0], v1alpha1.LabelOverride+"=no")
	t.Logf("an override took %s while the detector hung", trafficIs(t, d.Fleet, good[0], v1alpha1.TrafficNo).Round(time.Millisecond))
	d.kubectl(t, "label", "pod", good[0], v1alpha1.LabelOverride+"-")
	trafficIs(t, d.Fleet, good[0], v1alpha1.TrafficYes)
	d.outIs(t, bad)
	d.remove(t)
}

// available waits until the gate says why it has its metrics, or has not.
func (d *detector) available(t *testing.T, reason, text string) {
	t.Helper()
	patiently(t, func() error {
		now, err := d.Condition(t.Context(), v1alpha1.ConditionMetricsAvailable)
		if err == nil && (now.Reason != reason || !strings.Contains(now.Message, text)) {
			err = fmt.Errorf("%s: %s, not %s: %s", now.Reason, now.Message, reason, text)
		}
		return err
	})
}

// detector is a fleet with the detector that judges it.
type detector struct {
	*fleet
	ca []byte
}

func (c *cases) startDetector(t *testing.T) *detector {
	t.Helper()
	dir := t.TempDir()
	// The certificate comes with the CA that signs it behind it.
	cert, key, err := certutil.GenerateSelfSignedCertKey("detector.external.svc", nil, nil)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "tls.crt"), cert, 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "tls.key"), key, 0o600))
	c.kubectl(t, "create", "namespace", externalNamespace)
	c.kubectl(t, "-n", externalNamespace, "create", "secret", "generic", "detector", "--from-file="+dir)
	c.apply(t, "testdata/external")
	f := c.joinFleet(t, externalNamespace, 5)
	f.kubectl(t, "wait", "--for=condition=Ready", "pod/detector", "--timeout=90s")
	return &detector{f, cert}
}

// say lets the detector name pods, each by its name or as namespace/name, after a
// delay.
func (d *detector) say(t *testing.T, delay string, pods ...string) {
	t.Helper()
	type pod struct {
		Namespace string `json:"namespace,omitempty"`
		Name      string `json:"name"`
	}
	var named []pod
	for _, p := range pods {
		namespace, name, whole := strings.Cut(p, "/")
		if !whole {
			namespace, name = "", p
		}
		named = append(named, pod{namespace, name})
	}
	body, err := json.Marshal(map[string]any{"pods": named, "delay": delay})
	must(t, err)
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DialContext: d.c.DialContext, DisableKeepAlives: true}}
	response, err := client.Post("http://"+net.JoinHostPort(d.pod(t, "detector").Status.PodIP, "8080")+"/say", "application/json", bytes.NewReader(body))
	must(t, err)
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatal(response.Status)
	}
}

// outIs checks that one pod only is out of traffic.
func (d *detector) outIs(t *testing.T, pod string) {
	t.Helper()
	out, err := d.Out(t.Context())
	must(t, err)
	if !slices.Equal(out, []string{pod}) {
		t.Errorf("out are %v, not %s", out, pod)
	}
}
