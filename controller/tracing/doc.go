// Package tracing is the little that traces of looks need: parts of a look as
// spans, what went wrong on them, and their identifiers.
//
// There is no tracer in it and none in a global variable: a part is traced where
// the look that its context belongs to is, by that look's own tracer. Everything
// else costs a look into the context.
//
// It may import OpenTelemetry's libraries, nothing of Podgate's own.
package tracing
