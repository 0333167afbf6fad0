package command

import (
	"context"
	"io"
	"os"
	"time"

	"golang.org/x/term"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/render"
)

// fieldManager is the name under which the plugin writes, as managedFields show
// it. It does not begin with kubectl, because Flux rolls such edits back, and is
// not the controller's, because what a person does must be seen to be theirs.
const fieldManager = "podgate-cli"

// environment is what every command has.
type environment struct {
	cluster *genericclioptions.ConfigFlags
	streams genericiooptions.IOStreams
	now     func() time.Time
}

func newScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return nil, err
	}
	return scheme, v1alpha1.AddToScheme(scheme)
}

// config is for the cluster and user that the flags or the kubeconfig name.
func (e *environment) config() (*rest.Config, error) {
	config, err := e.cluster.ToRESTConfig()
	if err != nil {
		return nil, advised(err)
	}
	config.QPS, config.Burst = 50, 100 // a fleet's pods are patched one by one
	return config, nil
}

// client talks to the cluster.
func (e *environment) client() (client.Client, error) {
	config, err := e.config()
	if err != nil {
		return nil, err
	}
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	mapper, err := e.cluster.ToRESTMapper()
	if err != nil {
		return nil, advised(err)
	}
	c, err := client.New(config, client.Options{Scheme: scheme, Mapper: mapper})
	if err != nil {
		return nil, advised(err)
	}
	return client.WithFieldOwner(c, fieldManager), nil
}

// namespace is the one that the flags, the context or custom name.
func (e *environment) namespace() (string, error) {
	namespace, _, err := e.cluster.ToRawKubeConfigLoader().Namespace()
	return namespace, advised(err)
}

// connect is the namespace to work in, and the client to work with.
func (e *environment) connect() (namespace string, c client.Client, err error) {
	if namespace, err = e.namespace(); err != nil {
		return "", nil, err
	}
	c, err = e.client()
	return namespace, c, err
}

// page is standard output as a page: with colours on a terminal, unless NO_COLOR
// (https://no-color.org) or TERM=dumb say otherwise.
func (e *environment) page() render.Page { return e.pageOn(e.streams.Out) }

func (e *environment) pageOn(w io.Writer) render.Page {
	p := render.Page{Writer: w, Now: e.now()}
	if fd, ok := terminal(e.streams.Out); ok {
		p.Colours = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
		p.Width, _, _ = term.GetSize(fd)
	}
	return p
}

// terminal is the file descriptor of a stream that is a terminal.
func terminal(stream any) (int, bool) {
	f, ok := stream.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	return int(f.Fd()), true
}

// pause waits, unless ctx ends first.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
