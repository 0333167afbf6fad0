package agent

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// New makes an Agent and finds out whether pods can have namespaces of their own.
func New(o Options) (*Agent, error) {
	if len(o.Nodes) == 0 {
		return nil, errors.New("the cluster needs at least one node")
	}
	if len(o.Nodes) > maxNodes {
		return nil, fmt.Errorf("%d nodes asked for: %d is the most, as each takes a network of 10.244.0.0/16", len(o.Nodes), maxNodes)
	}
	ca, err := os.ReadFile(o.CA)
	if err != nil {
		return nil, err
	}
	a := &Agent{options: o, ca: ca, workers: map[types.UID]*worker{}, addresses: newAddresses(o.Nodes)}
	if err := a.tryIsolation(); err != nil {
		o.Log(fmt.Sprintf("pods get no files at %s (%v): they find the API server through KUBECONFIG instead", secrets, err))
	} else {
		a.isolated = true
	}
	return a, nil
}

// tryIsolation runs an entry that does nothing but mount.
func (a *Agent) tryIsolation() error {
	out := &firstWords{}
	cmd, err := a.enter(entry{Isolated: true, Hostname: "try", Hosts: a.options.Hosts}, a.options.Dir, out)
	if err != nil {
		return err
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// firstWords keeps the first bytes that a process says.
type firstWords struct {
	mu   sync.Mutex
	data []byte
}

func (b *firstWords) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if room := 1024 - len(b.data); room > 0 {
		b.data = append(b.data, p[:min(room, len(p))]...)
	}
	return len(p), nil
}

func (b *firstWords) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.data)
}
