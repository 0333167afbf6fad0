package command

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Exit codes, as the root command's help tells them.
const (
	exitDone     = 0
	exitFailed   = 1
	exitUsage    = 2
	exitRefused  = 3
	exitNoEffect = 4
)

// coded is an error with an exit code of its own.
type coded struct {
	code int
	err  error
}

func (c coded) Error() string { return c.err.Error() }
func (c coded) Unwrap() error { return c.err }

// misused is wrong usage of a command.
func misused(format string, args ...any) error {
	return coded{exitUsage, fmt.Errorf(format, args...)}
}

// refused means that nothing was changed, because it would not have been right.
func refused(format string, args ...any) error {
	return coded{exitRefused, fmt.Errorf(format, args...)}
}

// noEffect means that something was changed, and what should follow from it did
// not within the time for it.
func noEffect(format string, args ...any) error {
	return coded{exitNoEffect, fmt.Errorf(format, args...)}
}

// ExitCode is the exit code for what a command returned.
func ExitCode(err error) int {
	if err == nil {
		return exitDone
	}
	if c := (coded{}); errors.As(err, &c) {
		return c.code
	}
	return exitFailed
}

// advised adds to an error from the cluster what a person can do about it.
func advised(err error) error {
	var connection *url.Error
	var network net.Error
	var file *fs.PathError
	var none noKubeconfigError
	var certificate *tls.CertificateVerificationError
	switch {
	case err == nil:
		return nil
	case clientcmd.IsEmptyConfig(err):
		return misused("%w: set KUBECONFIG, or name a cluster with --kubeconfig or --context", err)
	case clientcmd.IsContextNotFound(err):
		return misused("%w: kubectl config get-contexts shows those that there are", err)
	case meta.IsNoMatchError(err):
		return fmt.Errorf("this cluster knows no TrafficGates: install Podgate first (kubectl apply -k config/default), or choose another cluster with --context")
	case apierrors.IsForbidden(err):
		return fmt.Errorf("%w: ask for that right, or see what you may do with kubectl auth can-i --list", err)
	case apierrors.IsUnauthorized(err):
		return fmt.Errorf("%w: log in to the cluster again", err)
	case errors.As(err, &file): // before net.Error, which the system's error numbers are too
		return misused("the kubeconfig, or a file that it names, cannot be read: %s: %w: check --kubeconfig and KUBECONFIG", file.Path, file.Err)
	case strings.Contains(err.Error(), "error loading config file"): // an error of no type
		return misused("the kubeconfig cannot be used: %w: check --kubeconfig and KUBECONFIG", err)
	case errors.As(err, &none):
		return misused("%w", none)
	case errors.As(err, &certificate):
		return fmt.Errorf("the cluster's certificate is not trusted: %w: check certificate-authority in the kubeconfig, or the server's name (--tls-server-name)", certificate.Err)
	case errors.As(err, &connection), errors.As(err, &network):
		return fmt.Errorf("the cluster does not answer: %w: check the context (kubectl config current-context) and your way to the cluster", err)
	}
	return err
}

// noKubeconfigError is what the client library's last resort, localhost:8080, said where
// no cluster is named.
type noKubeconfigError struct{ err error }

func (n noKubeconfigError) Error() string {
	return fmt.Sprintf("there is no kubeconfig: set KUBECONFIG, or name a cluster with --kubeconfig or --server (without one %v)", n.err)
}

func (n noKubeconfigError) Unwrap() error { return n.err }

// withoutKubeconfig are the errors of a client for which no cluster is named.
type withoutKubeconfig struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (w withoutKubeconfig) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := w.RoundTripper.RoundTrip(r)
	if err != nil {
		err = noKubeconfigError{err}
	}
	return response, err
}

// knowsNoCluster makes the clients of flags say so where no kubeconfig, and no flag,
// names a cluster.
func knowsNoCluster(flags *genericclioptions.ConfigFlags) {
	flags.WrapConfigFn = func(c *rest.Config) *rest.Config {
		raw, err := flags.ToRawKubeConfigLoader().RawConfig()
		if err == nil && len(raw.Clusters) == 0 && *flags.APIServer == "" && c.Host == clientcmd.ClusterDefaults.Server {
			c.Wrap(func(rt http.RoundTripper) http.RoundTripper { return withoutKubeconfig{rt} })
		}
		return c
	}
}
