package cluster

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// settings are the environment variables that change what is used, with what they
// may say besides nothing.
var settings = map[string][]string{
	"PODGATE_BOX":       {"loopback"},
	"PODGATE_BUILD_ALL": {"0", "1"},
}

// checkEnvironment is an error for a setting that means nothing here: better now
// than after minutes on another kind of box than was asked for.
func checkEnvironment() error {
	for name, values := range settings {
		if v := os.Getenv(name); v != "" && !slices.Contains(values, v) {
			return fmt.Errorf("%s=%s: must be %s, or not set", name, v, strings.Join(values, " or "))
		}
	}
	return nil
}
