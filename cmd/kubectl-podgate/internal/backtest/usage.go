package backtest

import "fmt"

// UsageError says that a command was called wrongly; nothing was asked or read
// because of it.
type UsageError struct{ err error }

// Error implements error.
func (u UsageError) Error() string { return u.err.Error() }

// Unwrap returns what the error is about.
func (u UsageError) Unwrap() error { return u.err }

func misused(format string, args ...any) error { return UsageError{fmt.Errorf(format, args...)} }
