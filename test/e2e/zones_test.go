package e2e

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/podgate/podgate/api/v1alpha1"
)

// zones: a Service that keeps requests in their client's zone, as kube-proxy
// does it. Whether a person or the gate takes a pod out is the same to it.
func (c *cases) zones(t *testing.T) {
	if c.DataPlane() != "kube-proxy (nftables)" {
		t.Skip("without kube-proxy nobody keeps to zones")
	}
	f := c.joinFleet(t, "zones", 6)
	inZone := map[string][]string{}
	var all []string
	for _, p := range f.pods(t) {
		inZone[p.Spec.NodeName] = append(inZone[p.Spec.NodeName], p.Name)
		all = append(all, p.Name)
	}
	f.call(t, 15)
	home := inZone["node-a"] // the client and the one kube-proxy are there
	f.answeredBy(t, home)
	began := time.Now()
	t.Run("where one of two is out the other one has all of its zone's load", func(t *testing.T) {
		f.kubectl(t, "label", "pod", home[0], v1alpha1.LabelOverride+"=no")
		f.answeredBy(t, home[1:])
	})
	t.Run("where all of a zone are out the other zones have it", func(t *testing.T) {
		f.kubectl(t, "label", "pod", home[1], v1alpha1.LabelOverride+"=no")
		f.answeredBy(t, slices.DeleteFunc(all, func(pod string) bool { return slices.Contains(home, pod) }))
	})
	f.noneLost(t, began)
	f.remove(t)
}

// answeredBy waits until it is these pods that answer the client, all of them
// and no other, for two seconds.
func (f *fleet) answeredBy(t *testing.T, want []string) {
	t.Helper()
	patiently(t, func() error {
		now := time.Now()
		got := slices.Sorted(maps.Keys(f.View(now.Add(-2*time.Second), now).ByPod))
		if !slices.Equal(got, want) {
			return fmt.Errorf("%v answer, not %v", got, want)
		}
		return nil
	})
}
