package command

import (
	"errors"
	"fmt"
	"net"
	"net/url"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
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
	switch {
	case err == nil:
		return nil
	case clientcmd.IsEmptyConfig(err):
		return fmt.Errorf("%w: set KUBECONFIG, or name a cluster with --kubeconfig or --context", err)
	case clientcmd.IsContextNotFound(err):
		return fmt.Errorf("%w: kubectl config get-contexts shows those that there are", err)
	case meta.IsNoMatchError(err):
		return fmt.Errorf("this cluster knows no TrafficGates: install Podgate first (kubectl apply -k config/default), or choose another cluster with --context")
	case apierrors.IsForbidden(err):
		return fmt.Errorf("%w: ask for that right, or see what you may do with kubectl auth can-i --list", err)
	case apierrors.IsUnauthorized(err):
		return fmt.Errorf("%w: log in to the cluster again", err)
	case errors.As(err, &connection), errors.As(err, &network):
		return fmt.Errorf("the cluster does not answer: %w: check the context (kubectl config current-context) and your way to the cluster", err)
	}
	return err
}
