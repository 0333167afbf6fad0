package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Duration is a stretch of time as Go writes it: "90s", "1m30s", "2h".
//
// +kubebuilder:validation:Type=string
// +kubebuilder:validation:MaxLength=32
type Duration struct {
	metav1.Duration `json:",inline"`
}

// DurationOf wraps a duration for use in a spec.
func DurationOf(d time.Duration) Duration {
	return Duration{Duration: metav1.Duration{Duration: d}}
}

// Std returns the duration as the standard library's type; 0 for nil.
func (d *Duration) Std() time.Duration {
	if d == nil {
		return 0
	}
	return d.Duration.Duration
}
