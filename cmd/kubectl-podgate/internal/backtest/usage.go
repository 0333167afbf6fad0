package backtest

import "fmt"

// UsageError says that a command was called wrongly, or with a file or a query that is
// wrong: the same call can only fail again, whatever the cluster or Prometheus answers.
type UsageError struct{ err error }

// Error implements error.
func (u UsageError) Error() string { return u.err.Error() }

// Unwrap returns what the error is about.
func (u UsageError) Unwrap() error { return u.err }

func misused(format string, args ...any) error { return UsageError{fmt.Errorf(format, args...)} }
