package stage

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Kubectl runs kubectl with all rights, as a person would, and returns what it
// prints.
func (s *Stage) Kubectl(ctx context.Context, args ...string) (string, error) {
	return s.KubectlWith(ctx, "", args...)
}

// KubectlWith runs kubectl with some text on its standard input.
func (s *Stage) KubectlWith(ctx context.Context, stdin string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, s.Cluster.Kubectl(), args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+s.Kubeconfig())
	cmd.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		said := out.String() + errs.String()
		return said, fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(said))
	}
	return out.String(), nil // without warnings
}

// Until tries again and again until try succeeds, and returns how long it took;
// after the limit it returns the last error.
func Until(ctx context.Context, limit time.Duration, try func() error) (time.Duration, error) {
	began := time.Now()
	for {
		err := try()
		took := time.Since(began)
		if err == nil {
			return took, nil
		}
		if took > limit {
			return took, fmt.Errorf("after %s: %w", limit, err)
		}
		select {
		case <-ctx.Done():
			return took, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Pause waits without doing anything, unless ctx ends first; then it returns why.
func Pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
