package stage

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/api"
	promapi "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
)

// Query asks the cluster's Prometheus about now. A warning is an error, and so is
// an answer that is no vector.
func (s *Stage) Query(ctx context.Context, text string) (model.Vector, error) {
	client, err := api.NewClient(api.Config{Address: s.PrometheusURL()})
	if err != nil {
		return nil, err
	}
	v, warnings, _, err := promapi.NewAPI(client).Query(ctx, text, time.Now())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", text, err)
	}
	vector, ok := v.(model.Vector)
	if !ok || len(warnings) > 0 {
		return nil, fmt.Errorf("%s: a %s, warnings %q", text, v.Type(), warnings)
	}
	return vector, nil
}
