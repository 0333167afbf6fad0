package faults

import (
	"context"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/test/stage"
)

// apiServers are API servers that answer, but not what one would like.
func apiServers() []Fault {
	// The fault begins before the pod can be taken out, and is still there when it
	// would be.
	early := func(name, what, file, says string, lasts time.Duration) Fault {
		return Fault{Name: name, What: what, Rounds: 2, Earliest: 0, Latest: 6 * time.Second, Says: says,
			Play: func(ctx context.Context, a *Arena, _ *Round) error { return a.applied(ctx, file, lasts) }}
	}
	return []Fault{
		rejected("apiserver-429", "API Priority and Fairness rejects all that the controller asks, for 28 s: 429", "reject-everything.yaml"),
		rejected("apiserver-429-patches", "API Priority and Fairness rejects the controller's patches of pods, for 28 s: 429", "reject-patches.yaml"),
		early("apiserver-500-gone", "an admission webhook for pods whose server is gone, for 30 s: 500",
			"webhook-gone.yaml", v1alpha1.ReasonWriteFailed, 30*time.Second),
		early("apiserver-500", "an admission webhook for pods that answers 500, for 30 s",
			"webhook-fails.yaml", v1alpha1.ReasonWriteFailed, 30*time.Second),
		early("apiserver-slow", "an admission webhook that takes 3 s a write, of pods and of the gate, for 30 s",
			"webhook-slow.yaml", "", 30*time.Second),
		{Name: "apiserver-hangs", What: "kube-apiserver accepts connections and does not answer, for 20 s (SIGSTOP)", Rounds: 2,
			Earliest: -3 * time.Second, Latest: 16 * time.Second, Play: hangs("kube-apiserver", 20*time.Second)},
	}
}

// rejected is an API server that answers some requests of the controller with
// 429. The check is by a request that must be rejected in the same way.
func rejected(name, what, file string) Fault {
	return Fault{Name: name, What: what, Rounds: 2, Earliest: 0, Latest: 6 * time.Second,
		Prepare: func(ctx context.Context, a *Arena) error { return a.applyFile(ctx, "occupied.yaml", "apply") },
		Restore: func(ctx context.Context, a *Arena) error { return a.applyFile(ctx, "occupied.yaml", "delete") },
		Play: func(ctx context.Context, a *Arena, r *Round) error {
			occupied := make(chan error, 1)
			go func() { occupied <- a.occupy(ctx) }()
			err := stage.Pause(ctx, time.Second)
			second := a.occupy(ctx)
			r.check("a priority level that is occupied rejects", apierrors.IsTooManyRequests(second), "%v", second)
			err = errors.Join(err, a.applyFile(ctx, file, "apply"))
			a.say("%s is applied, for 28 s", file)
			err = errors.Join(err, <-occupied)
			return errors.Join(err, a.applyFile(context.WithoutCancel(ctx), file, "delete"))
		}}
}

// occupy does a request that takes 28 s, if it is let through.
func (a *Arena) occupy(ctx context.Context) error {
	config := a.RESTConfig()
	config.Impersonate.UserName = "occupier"
	config.WarningHandler = rest.NoWarnings{}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	// No retry: client-go would wait until the level is free.
	return client.CoreV1().RESTClient().Post().Namespace("faults").Resource("configmaps").MaxRetries(0).
		VersionedParams(&metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}, scheme.ParameterCodec).
		Body(&corev1.ConfigMap{ObjectMeta: named("faults", "occupied")}).Do(ctx).Error()
}

// applyFile applies a file of testdata, or deletes what is in it.
func (a *Arena) applyFile(ctx context.Context, file, verb string) error {
	text, err := os.ReadFile(a.data(file))
	if err != nil {
		return err
	}
	args := []string{verb, "-f", "-"}
	if verb == "delete" {
		args = append(args, "--wait=false")
	}
	_, err = a.KubectlWith(ctx, strings.ReplaceAll(string(text), "CA_BUNDLE", webhookAuthority()), args...)
	return err
}

// applied applies a file of testdata, and deletes what is in it after a while.
func (a *Arena) applied(ctx context.Context, file string, d time.Duration) error {
	a.say("%s is applied, for %s", file, d)
	if err := a.applyFile(ctx, file, "apply"); err != nil {
		return err
	}
	waited := stage.Pause(ctx, d)
	return errors.Join(waited, a.applyFile(context.WithoutCancel(ctx), file, "delete"))
}

// webhookAuthority is who vouches for the webhook's certificate, as a webhook's
// configuration has it.
func webhookAuthority() string {
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	return base64.StdEncoding.EncodeToString(block)
}
