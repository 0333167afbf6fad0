package backtest

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/replay"
	"github.com/podgate/podgate/controller/decide"
	"github.com/podgate/podgate/controller/fleet"
)

// cluster reads what the cluster knows of a gate and its pods. It writes nothing.
type cluster struct {
	client.Reader
}

func (o *options) cluster() (*cluster, error) {
	config, err := o.getter.ToRESTConfig()
	if err != nil {
		return nil, ClusterError{err}
	}
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return nil, err
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, ClusterError{err}
	}
	return &cluster{c}, nil
}

// ClusterError says that the cluster did not tell what it was asked.
type ClusterError struct{ Err error }

// Error implements error.
func (c ClusterError) Error() string {
	return fmt.Sprintf("asking the cluster: %v; it need not be asked with -f FILE and without --ask-cluster", c.Err)
}

// Unwrap returns what went wrong.
func (c ClusterError) Unwrap() error { return c.Err }

// gate reads the TrafficGate of a name.
func (c *cluster) gate(ctx context.Context, namespace, name string) (*v1alpha1.TrafficGate, error) {
	gate := &v1alpha1.TrafficGate{}
	err := c.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, gate)
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("there is no TrafficGate %s in namespace %s: kubectl get trafficgates --all-namespaces lists them; a gate that is not applied yet is read with -f FILE", name, namespace)
	}
	if err != nil {
		return nil, ClusterError{err}
	}
	return gate, nil
}

// known is what the cluster says of the pods of a gate's Service that are there
// now: since when they are Ready, where they run, what they were made from.
func (c *cluster) known(ctx context.Context, gate *v1alpha1.TrafficGate) (map[string]replay.Known, error) {
	svc := &corev1.Service{}
	err := c.Get(ctx, types.NamespacedName{Namespace: gate.Namespace, Name: gate.Spec.ServiceRef.Name}, svc)
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("there is no Service %s in namespace %s: create it, correct spec.serviceRef, or leave the cluster out with -f FILE and without --ask-cluster", gate.Spec.ServiceRef.Name, gate.Namespace)
	}
	if err != nil {
		return nil, ClusterError{err}
	}
	if err := fleet.CheckService(svc, gate.Spec.TrafficLabel); err != nil {
		return nil, err
	}
	var pods corev1.PodList
	if err := c.List(ctx, &pods, client.InNamespace(gate.Namespace), client.MatchingLabels(fleet.BareSelector(svc, gate.Spec.TrafficLabel))); err != nil {
		return nil, ClusterError{err}
	}
	zones, err := c.zones(ctx, gate.Spec.Limits.PerDomain.TopologyKey)
	if err != nil {
		return nil, err
	}
	out := make(map[string]replay.Known, len(pods.Items))
	for i := range pods.Items {
		p := &pods.Items[i]
		if fleet.Member(p) {
			out[p.Name] = replay.Known{Created: p.CreationTimestamp.Time, Pod: knownPod(p, gate.Spec, zones)}
		}
	}
	return out, nil
}

// knownPod is a pod as far as it was the same all its life: what people and Podgate
// noted on it is about the present.
func knownPod(p *corev1.Pod, spec v1alpha1.TrafficGateSpec, zones map[string]string) decide.Pod {
	of := fleet.PodOf(p, spec.TrafficLabel)
	out := decide.Pod{Name: of.Name, UID: of.UID, Ready: of.Ready, ReadySince: of.ReadySince, Owned: of.Owned, Node: of.Node, Revision: of.Revision}
	if spec.StratumLabel != "" {
		out.Stratum = p.Labels[spec.StratumLabel]
	}
	switch key := spec.Limits.PerDomain.TopologyKey; {
	case key == corev1.LabelHostname:
		out.Zone = of.Node
	case p.Labels[key] != "":
		out.Zone = p.Labels[key]
	default:
		out.Zone = zones[of.Node]
	}
	return out
}

// zones are the nodes' values of a label. Where nodes may not be read, nothing is
// known of them.
func (c *cluster) zones(ctx context.Context, key string) (map[string]string, error) {
	nodes := &metav1.PartialObjectMetadataList{}
	nodes.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("NodeList"))
	err := c.List(ctx, nodes)
	if apierrors.IsForbidden(err) {
		return nil, nil
	}
	if err != nil {
		return nil, ClusterError{err}
	}
	out := map[string]string{}
	for _, n := range nodes.Items {
		out[n.Name] = n.Labels[key]
	}
	return out, nil
}
