package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/test/stage"
)

// metricsAreGuarded: the controller shows its metrics to whom the API server lets
// read them, and to nobody else; the cluster's Prometheus is let.
func (c *cases) metricsAreGuarded(t *testing.T) {
	var pods corev1.PodList
	must(t, c.Client.List(t.Context(), &pods, client.InNamespace(stage.SystemNamespace)))
	if len(pods.Items) != 1 {
		t.Fatalf("%d pods of the controller, want 1", len(pods.Items))
	}
	eventually(t, func() error { // it serves a moment after it is Ready
		text, err := c.ControllerMetrics(t.Context(), pods.Items[0])
		if err == nil && !strings.Contains(text, "podgate_build_info{") {
			err = fmt.Errorf("Prometheus' account gets no podgate_build_info: %.200s", text)
		}
		return err
	})
	anybody, err := c.Token(t.Context(), "default", "default")
	must(t, err)
	for who, row := range map[string]struct {
		token  string
		status int
	}{
		"nobody": {"", http.StatusUnauthorized},
		// controller-runtime's word for a token that the API server refuses
		"a token that is made up":      {"made.up", http.StatusInternalServerError},
		"an account without the right": {anybody, http.StatusForbidden},
	} {
		var status int
		var text string
		eventually(t, func() (err error) {
			status, text, err = c.AskController(t.Context(), pods.Items[0], row.token)
			return err
		})
		if status != row.status || strings.Contains(text, "podgate_") {
			t.Errorf("%s gets %d, want %d: %.100s", who, status, row.status, text)
		}
	}
	eventually(t, func() error {
		v, err := c.Query(t.Context(), `podgate_build_info{namespace="podgate-system"}`)
		if err == nil && len(v) != 1 {
			err = fmt.Errorf("Prometheus has %v", v)
		}
		return err
	})
}
