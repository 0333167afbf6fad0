package browser

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// ErrNone says that there is no Chromium, and what to do.
var ErrNone = errors.New("there is no Chromium, and it cannot be installed here. Install it (Debian: apt-get install chromium) and run this again")

// Install installs a Chromium where there is none.
func Install(ctx context.Context, log io.Writer) error {
	_, err := find(ctx, log)
	return err
}

// find is a Chromium of this machine. Where there is none, Debian's is installed if
// that may be done; otherwise the error is ErrNone.
func find(ctx context.Context, log io.Writer) (string, error) {
	if path := installed(); path != "" {
		return path, nil
	}
	if _, err := exec.LookPath("apt-get"); err == nil && os.Getuid() == 0 {
		for _, args := range [][]string{{"update", "-q"}, {"install", "-y", "-q", "--no-install-recommends", "chromium", "fonts-dejavu-core"}} {
			fmt.Fprintf(log, "apt-get %s\n", strings.Join(args, " "))
			cmd := exec.CommandContext(ctx, "apt-get", args...)
			cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
			if out, err := cmd.CombinedOutput(); err != nil {
				fmt.Fprintf(log, "apt-get %s: %v\n%s", strings.Join(args, " "), err, out)
			}
		}
	}
	if path := installed(); path != "" {
		return path, nil
	}
	return "", ErrNone
}

func installed() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome-headless-shell"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}
