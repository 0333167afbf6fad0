package cluster

import (
	"io"
	"os"
	"time"

	"github.com/podgate/podgate/test/cluster/wire"
)

// Node is a node of the cluster, with labels besides its name's.
type Node = wire.Node

// Options are how a cluster should be. The zero value is good.
type Options struct {
	// Images maps an image repository (a reference without tag and digest) to
	// the path of the program that runs in its place. A pod with any other
	// image waits with the reason ErrImagePull.
	Images map[string]string
	// Nodes are the cluster's nodes. Default: node-a, node-b and node-c, each
	// in a zone of its own, zone-a to zone-c.
	Nodes []Node
	// ScrapeInterval is how often Prometheus scrapes pods and evaluates rules.
	// Default: 1 s.
	ScrapeInterval time.Duration
	// Log gets what happens, a line each. Default: os.Stderr.
	Log io.Writer
	// KeepDir keeps the state directory, with all logs, after Stop.
	KeepDir bool
}

func (o Options) withDefaults() Options {
	if len(o.Nodes) == 0 {
		for _, zone := range []string{"a", "b", "c"} {
			o.Nodes = append(o.Nodes, Node{
				Name:   "node-" + zone,
				Labels: map[string]string{"topology.kubernetes.io/zone": "zone-" + zone},
			})
		}
	}
	if o.ScrapeInterval == 0 {
		o.ScrapeInterval = time.Second
	}
	if o.Log == nil {
		o.Log = os.Stderr
	}
	return o
}
