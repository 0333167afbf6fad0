package build

import (
	"context"
	"fmt"
	"os/exec"
)

// NPMInstall fetches the npm packages that the lock file in a directory names. A
// registry that fails once is asked again.
func NPMInstall(ctx context.Context, dir string) error {
	cmd := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--fetch-retries=5")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	return nil
}
