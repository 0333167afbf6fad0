package source

import (
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// Expand fills the variables into a query: $namespace and $service of the gate,
// and $__window as a PromQL duration.
func Expand(query, namespace, service string, window time.Duration) string {
	return strings.NewReplacer(
		"$namespace", namespace,
		"$service", service,
		"$__window", model.Duration(window).String(),
	).Replace(query)
}
