package fleet

import "fmt"

// Refusal is why a gate cannot work until a person changes something. It is an
// error for which no retry helps.
type Refusal struct {
	// Reason of the Ready and Stalled conditions.
	Reason string
	// Message says what is wrong and what to change.
	Message string
}

func (r *Refusal) Error() string { return r.Message }

// Refuse is a refusal for a reason, with its message formatted as by fmt.Sprintf.
func Refuse(reason, format string, args ...any) *Refusal {
	return &Refusal{reason, fmt.Sprintf(format, args...)}
}
