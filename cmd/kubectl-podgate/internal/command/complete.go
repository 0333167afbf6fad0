package command

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/api/v1alpha1"
)

// completionLimit is how long somebody who pressed Tab is kept waiting.
const completionLimit = 3 * time.Second

// completer completes one argument, or as many as there are.
type completer = func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective)

func (e *environment) completeGates() completer { return e.completeOne(&v1alpha1.TrafficGateList{}) }

func (e *environment) completeServices() completer { return e.completeOne(&corev1.ServiceList{}) }

func (e *environment) completePod() completer { return e.completeOne(&corev1.PodList{}) }

// completeOne completes the first argument.
func (e *environment) completeOne(list client.ObjectList) completer {
	return func(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return e.names(cmd.Context(), list, args, begun), cobra.ShellCompDirectiveNoFileComp
	}
}

// completePods completes any number of pods.
func (e *environment) completePods() completer {
	return func(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return e.names(cmd.Context(), &corev1.PodList{}, args, begun), cobra.ShellCompDirectiveNoFileComp
	}
}

// names are the names of a list's objects in the namespace that begin so and are
// not there yet. What goes wrong completes nothing.
func (e *environment) names(ctx context.Context, list client.ObjectList, taken []string, begun string) (out []cobra.Completion) {
	ctx, cancel := context.WithTimeout(ctx, completionLimit)
	defer cancel()
	c, err := e.client()
	if err != nil {
		return nil
	}
	namespace := ""
	if _, everywhere := list.(*corev1.NamespaceList); !everywhere {
		if namespace, err = e.namespace(); err != nil {
			return nil
		}
	}
	if err := c.List(ctx, list, client.InNamespace(namespace)); err != nil {
		return nil
	}
	_ = meta.EachListItem(list, func(obj runtime.Object) error {
		if o, ok := obj.(client.Object); ok && strings.HasPrefix(o.GetName(), begun) && !slices.Contains(taken, o.GetName()) {
			out = append(out, o.GetName())
		}
		return nil
	})
	return out
}

// completeFlags completes the connection's flags.
func (e *environment) completeFlags(root *cobra.Command) {
	_ = root.RegisterFlagCompletionFunc("namespace", func(cmd *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return e.names(cmd.Context(), &corev1.NamespaceList{}, nil, begun), cobra.ShellCompDirectiveNoFileComp
	})
	_ = root.RegisterFlagCompletionFunc("context", func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		raw, err := e.cluster.ToRawKubeConfigLoader().RawConfig()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return slices.Sorted(maps.Keys(raw.Contexts)), cobra.ShellCompDirectiveNoFileComp
	})
}
