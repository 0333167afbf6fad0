package v1alpha1

import (
	"fmt"
	"strconv"
)

// Decimal is a real number written as a string, such as "0.01": Kubernetes
// objects carry no floats, because those do not survive every client.
//
// +kubebuilder:validation:MaxLength=32
type Decimal string

// Float returns the number, or an error that names the text.
func (d Decimal) Float() (float64, error) {
	f, err := strconv.ParseFloat(string(d), 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a decimal number such as \"0.01\"", string(d))
	}
	return f, nil
}

// Or returns the number, or fallback for a nil or unreadable one. Objects that
// passed the API server's validation are always readable.
func (d *Decimal) Or(fallback float64) float64 {
	if d == nil {
		return fallback
	}
	if f, err := d.Float(); err == nil {
		return f
	}
	return fallback
}
