package inprocess

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

// Writes makes clients whose every write of which the controller makes use goes
// through a function: it is told of what is written (nil for an apply), and does
// the write or not.
func Writes(through func(written client.Object, do func() error) error) client.NewClientFunc {
	return func(c *rest.Config, o client.Options) (client.Client, error) {
		real, err := client.NewWithWatch(c, o)
		if err != nil {
			return nil, err
		}
		return interceptor.NewClient(real, interceptor.Funcs{
			Patch: func(ctx context.Context, w client.WithWatch, obj client.Object, p client.Patch, opts ...client.PatchOption) error {
				return through(obj, func() error { return w.Patch(ctx, obj, p, opts...) })
			},
			SubResourceCreate: func(ctx context.Context, w client.Client, sub string, obj, created client.Object, opts ...client.SubResourceCreateOption) error {
				return through(obj, func() error { return w.SubResource(sub).Create(ctx, obj, created, opts...) })
			},
			SubResourcePatch: func(ctx context.Context, w client.Client, sub string, obj client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
				return through(obj, func() error { return w.SubResource(sub).Patch(ctx, obj, p, opts...) })
			},
			SubResourceApply: func(ctx context.Context, w client.Client, sub string, a runtime.ApplyConfiguration, opts ...client.SubResourceApplyOption) error {
				return through(nil, func() error { return w.SubResource(sub).Apply(ctx, a, opts...) })
			},
		}), nil
	}
}
