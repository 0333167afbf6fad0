package command

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"k8s.io/client-go/tools/cache"
	ctrlcache "sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/render"
)

const (
	// settle is how long a change is waited out for others that come with it.
	settle = 200 * time.Millisecond
	// refresh is how often a terminal is drawn anew, for the ages that it shows.
	refresh = 5 * time.Second
	// clearScreen moves to the first place of a terminal and clears it.
	clearScreen = "\x1b[H\x1b[2J"
)

// watch shows something again whenever one of the objects in a namespace (empty
// for all) changes, until ctx ends. A terminal is drawn anew; elsewhere each state
// is printed below the one before, under its time.
func (e *environment) watch(ctx context.Context, c client.Client, namespace string, objects []client.Object, show func(client.Reader, render.Page) error) error {
	// Once without a cache, which would wait for a right that is missing for ever.
	if err := show(c, e.pageOn(&bytes.Buffer{})); err != nil {
		return err
	}
	informers, changed, err := e.informers(ctx, c, namespace, objects)
	if err != nil {
		return err
	}
	_, drawn := terminal(e.streams.Out)
	tick := time.NewTicker(refresh)
	defer tick.Stop()
	last := ""
	for {
		var text bytes.Buffer
		if err := show(informers, e.pageOn(&text)); err != nil {
			fmt.Fprintln(&text, "error:", err)
		}
		switch {
		case drawn:
			fmt.Fprint(e.streams.Out, clearScreen, text.String())
		case last == "":
			fmt.Fprint(e.streams.Out, text.String())
		case text.String() != last:
			fmt.Fprintf(e.streams.Out, "\n--- %s\n%s", e.now().UTC().Format("15:04:05 MST"), text.String())
		}
		last = text.String()
		if !next(ctx, changed, tick.C, drawn) {
			return nil
		}
	}
}

// next waits for the next reason to show something; none when ctx has ended.
func next(ctx context.Context, changed <-chan struct{}, tick <-chan time.Time, drawn bool) bool {
	for {
		select {
		case <-ctx.Done():
			return false
		case <-changed:
			return pause(ctx, settle) == nil
		case <-tick:
			if drawn {
				return true
			}
		}
	}
}

// informers is a cache of the objects, filled, and a channel that tells of
// changes.
func (e *environment) informers(ctx context.Context, c client.Client, namespace string, objects []client.Object) (client.Reader, <-chan struct{}, error) {
	config, err := e.config()
	if err != nil {
		return nil, nil, err
	}
	options := ctrlcache.Options{Scheme: c.Scheme(), Mapper: c.RESTMapper(), ReaderFailOnMissingInformer: true}
	if namespace != "" {
		options.DefaultNamespaces = map[string]ctrlcache.Config{namespace: {}}
	}
	made, err := ctrlcache.New(config, options)
	if err != nil {
		return nil, nil, err
	}
	changed := make(chan struct{}, 1)
	tell := func() {
		select {
		case changed <- struct{}{}:
		default: // somebody has told already
		}
	}
	for _, obj := range objects {
		informer, err := made.GetInformer(ctx, obj, ctrlcache.BlockUntilSynced(false))
		if err != nil {
			return nil, nil, advised(err)
		}
		if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc: func(any) { tell() }, UpdateFunc: func(any, any) { tell() }, DeleteFunc: func(any) { tell() },
		}); err != nil {
			return nil, nil, err
		}
	}
	go func() { _ = made.Start(ctx) }() // it ends with ctx, and without an error then
	if !made.WaitForCacheSync(ctx) {
		return nil, nil, ctx.Err()
	}
	return made, changed, nil
}
