package agent

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"time"

	coordination "k8s.io/api/coordination/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podgate/podgate/test/cluster/wire"
)

// leasePeriod is how often each node's lease is renewed, as by a kubelet.
const leasePeriod = 10 * time.Second

// logsPort is the kubelet's port, from which the API server gets logs.
const logsPort = 10250

// createNodes creates the nodes, Ready from the first.
func (a *Agent) createNodes(ctx context.Context) error {
	nodes := a.options.Client.CoreV1().Nodes()
	for i, n := range a.options.Nodes {
		want := a.node(i, n)
		node, err := nodes.Create(ctx, want, meta.CreateOptions{})
		if errors.IsAlreadyExists(err) {
			node, err = nodes.Get(ctx, n.Name, meta.GetOptions{})
		}
		if err != nil {
			return fmt.Errorf("create node %s: %w", n.Name, err)
		}
		node.Status = want.Status // a creation does not take the status
		if _, err := nodes.UpdateStatus(ctx, node, meta.UpdateOptions{}); err != nil {
			return fmt.Errorf("report the status of node %s: %w", n.Name, err)
		}
	}
	return nil
}

func (a *Agent) node(i int, n wire.Node) *core.Node {
	network := fmt.Sprintf("10.244.%d.0/24", i)
	room := core.ResourceList{
		core.ResourceCPU:    resource.MustParse("32"),
		core.ResourceMemory: resource.MustParse("128Gi"),
		core.ResourcePods:   *resource.NewQuantity(podsPerNode, resource.DecimalSI),
	}
	return &core.Node{
		ObjectMeta: meta.ObjectMeta{Name: n.Name, Labels: labelsOf(n)},
		Spec:       core.NodeSpec{PodCIDR: network, PodCIDRs: []string{network}},
		Status: core.NodeStatus{
			Capacity: room, Allocatable: room,
			Conditions: healthy(meta.Now()),
			Addresses: []core.NodeAddress{
				{Type: core.NodeInternalIP, Address: a.options.Serve(a.addresses.host(n.Name))},
				{Type: core.NodeHostName, Address: n.Name},
			},
			DaemonEndpoints: core.NodeDaemonEndpoints{KubeletEndpoint: core.DaemonEndpoint{Port: logsPort}},
			NodeInfo: core.NodeSystemInfo{
				KubeletVersion: "v1.37.2-box", ContainerRuntimeVersion: "process://1",
				OperatingSystem: runtime.GOOS, Architecture: runtime.GOARCH, OSImage: "Podgate test cluster",
			},
		},
	}
}

// labelsOf are a node's labels: those that every node has, and its own.
func labelsOf(n wire.Node) map[string]string {
	labels := map[string]string{
		core.LabelHostname:   n.Name,
		core.LabelOSStable:   runtime.GOOS,
		core.LabelArchStable: runtime.GOARCH,
	}
	maps.Copy(labels, n.Labels)
	return labels
}

// healthy are the conditions of a node that has no trouble.
func healthy(now meta.Time) []core.NodeCondition {
	condition := func(kind core.NodeConditionType, status core.ConditionStatus, reason string) core.NodeCondition {
		return core.NodeCondition{Type: kind, Status: status, Reason: reason, LastHeartbeatTime: now, LastTransitionTime: now}
	}
	return []core.NodeCondition{
		condition(core.NodeMemoryPressure, core.ConditionFalse, "KubeletHasSufficientMemory"),
		condition(core.NodeDiskPressure, core.ConditionFalse, "KubeletHasNoDiskPressure"),
		condition(core.NodePIDPressure, core.ConditionFalse, "KubeletHasSufficientPID"),
		condition(core.NodeReady, core.ConditionTrue, "KubeletReady"),
	}
}

// renewLeases keeps the nodes' leases fresh. A failure is made good next time.
func (a *Agent) renewLeases(ctx context.Context) {
	for {
		for _, node := range a.options.Nodes {
			_ = a.renewLease(ctx, node.Name)
		}
		if !pause(ctx, leasePeriod) {
			return
		}
	}
}

func (a *Agent) renewLease(ctx context.Context, node string) error {
	leases := a.options.Client.CoordinationV1().Leases(core.NamespaceNodeLease)
	now, duration := meta.NewMicroTime(time.Now()), int32(40)
	spec := coordination.LeaseSpec{HolderIdentity: &node, LeaseDurationSeconds: &duration, RenewTime: &now}
	lease, err := leases.Get(ctx, node, meta.GetOptions{})
	if errors.IsNotFound(err) {
		fresh := &coordination.Lease{ObjectMeta: meta.ObjectMeta{Name: node}, Spec: spec}
		_, err = leases.Create(ctx, fresh, meta.CreateOptions{})
		return err
	}
	if err != nil {
		return err
	}
	lease = lease.DeepCopy()
	lease.Spec = spec
	_, err = leases.Update(ctx, lease, meta.UpdateOptions{})
	return err
}
