package cluster

import (
	"context"
	"os/exec"
	"testing"
	"time"
)

func TestSmoke(t *testing.T) {
	began := time.Now()
	c, err := Start(context.Background(), Options{KeepDir: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Log("start", time.Since(began))
	out, _ := exec.Command(c.Kubectl(), "--kubeconfig", c.Kubeconfig(), "get", "nodes,svc,endpointslices,ns", "-A", "-o", "wide").CombinedOutput()
	t.Log(string(out))
	m, err := c.Memory(context.Background())
	t.Log(m, err)
	t.Log(c.Stop())
}
