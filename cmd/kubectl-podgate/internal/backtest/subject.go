package backtest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/gatefile"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/replay"
)

// subject is a gate to be replayed, the file that it is from, and what the cluster
// knows of its pods.
type subject struct {
	policy string
	gate   *v1alpha1.TrafficGate
	known  map[string]replay.Known
}

// inTheCluster is the policy of a gate that no file is named for.
const inTheCluster = "in the cluster"

// name of what the gate is from, for errors.
func (s subject) name() string {
	switch s.policy {
	case "", inTheCluster:
		return fmt.Sprintf("TrafficGate %s/%s", s.gate.Namespace, s.gate.Name)
	case gatefile.Stdin:
		return "the standard input"
	}
	return s.policy
}

// place is the namespace to look in, and whether -n was given.
type place struct {
	namespace string
	given     bool
}

// place of a command: what -n says, else the context, else the default.
func (o *options) place(cmd *cobra.Command) (place, error) {
	if f := cmd.Flag("namespace"); f != nil && f.Changed {
		return place{f.Value.String(), true}, nil
	}
	namespace, _, err := o.getter.ToRawKubeConfigLoader().Namespace()
	if err != nil || namespace == "" {
		namespace = metav1.NamespaceDefault
	}
	return place{namespace, false}, err
}

// subjects are the gate and, if another is asked for, that one too: in the place of
// the first, with its ticks and its pods.
func (o *options) subjects(cmd *cobra.Command, args []string) ([]subject, error) {
	in, err := o.place(cmd)
	if err != nil && len(args) > 0 && o.filename == "" {
		return nil, ClusterError{err}
	}
	first, err := o.subject(cmd.Context(), args, in)
	if err != nil {
		return nil, err
	}
	out := []subject{first}
	if o.compare != "" {
		other, err := o.read(o.compare, place{first.gate.Namespace, in.given})
		if err != nil {
			return nil, err
		}
		other.UID = first.gate.UID
		if first.policy == "" {
			out[0].policy = inTheCluster
		}
		out = append(out, subject{o.compare, other, first.known})
	}
	for _, s := range out {
		if err := s.check(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// subject reads the gate from the cluster or from a file.
func (o *options) subject(ctx context.Context, args []string, in place) (s subject, err error) {
	switch {
	case o.filename != "" && len(args) > 0:
		return s, misused("a name and -f: name the gate in the cluster, or the file, not both")
	case o.filename != "":
		return o.fromFile(ctx, in)
	case len(args) == 0:
		return s, misused("no gate: name the file with the TrafficGate, -f FILE, or one that is in the cluster")
	case fileGiven(args[0]):
		return s, misused("%s is the name of a file, not of a TrafficGate in the cluster: did you mean -f %s?", args[0], args[0])
	}
	c, err := o.cluster()
	if err != nil {
		return s, err
	}
	if s.gate, err = c.gate(ctx, in.namespace, args[0]); err != nil {
		return s, err
	}
	s.known, err = c.known(ctx, s.gate)
	return s, err
}

// fromFile reads the gate of -f, and asks the cluster about its pods where it is to.
func (o *options) fromFile(ctx context.Context, in place) (s subject, err error) {
	s.policy = o.filename
	if s.gate, err = o.read(o.filename, in); err != nil {
		return s, err
	}
	s.gate.UID = types.UID(o.uid)
	if !o.ask {
		return s, nil
	}
	c, err := o.cluster()
	if err != nil {
		return s, err
	}
	s.known, err = c.known(ctx, s.gate)
	return s, err
}

// read reads a gate from a file.
func (o *options) read(name string, in place) (*v1alpha1.TrafficGate, error) {
	gate, err := gatefile.Read(name, o.In, in.namespace)
	if err != nil {
		return nil, misused("%w", err)
	}
	if in.given && gate.Namespace != in.namespace {
		return nil, misused("%s: metadata.namespace is %s, and --namespace says %s: leave one of them out, or make them the same", name, gate.Namespace, in.namespace)
	}
	return gate, nil
}

// fileGiven reports whether a name is rather that of a file.
func fileGiven(name string) bool {
	if slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(name)) {
		return true
	}
	_, err := os.Stat(name)
	return err == nil && strings.ContainsRune(name, filepath.Separator)
}

// check says what is wrong with a gate before anybody is asked.
func (s subject) check() error {
	if !slices.ContainsFunc(s.gate.Spec.Signals, func(sig v1alpha1.Signal) bool { return sig.External == nil }) {
		return misused("%s: only external detectors: there is nothing to replay, for what they said of the past is not in Prometheus", s.name())
	}
	return s.checkQueries()
}
