package agent

import (
	"fmt"
	"sync"

	"github.com/podgate/podgate/test/cluster/wire"
)

// maxNodes leaves the last networks of 10.244.0.0/16 to the control plane.
const maxNodes = 200

// podsPerNode is how many addresses a node has for pods.
const podsPerNode = 250

// addresses gives pods their addresses, 10.244.<node>.<n>. An address that was
// given back is used again as late as possible, so that no connection and no
// metric of the old pod is taken for the new one's.
type addresses struct {
	mu    sync.Mutex
	index map[string]int // of each node
	next  map[string]int // of each node
	used  map[string]bool
}

func newAddresses(nodes []wire.Node) *addresses {
	a := &addresses{index: map[string]int{}, next: map[string]int{}, used: map[string]bool{}}
	for i, node := range nodes {
		a.index[node.Name] = i
	}
	return a
}

// take gives an address of the node's network. With all in use, which takes
// more pods than this machine can run, it shares one.
func (a *addresses) take(node string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	ip := ""
	for range podsPerNode {
		ip = fmt.Sprintf("10.244.%d.%d", a.index[node], 2+a.next[node]%podsPerNode)
		a.next[node]++
		if !a.used[ip] {
			break
		}
	}
	a.used[ip] = true
	return ip
}

func (a *addresses) giveBack(ip string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.used, ip)
}

// host is the node's own address.
func (a *addresses) host(node string) string { return NodeIP(a.index[node]) }

// NodeIP is the address of the node of the given index.
func NodeIP(index int) string { return fmt.Sprintf("10.244.254.%d", 2+index) }
