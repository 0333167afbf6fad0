// Package promtool is empty: its go.mod pins Prometheus' promtool, which tests the
// alerts of config/prometheus. It is a Go module of its own so that promtool's
// dependencies never reach the product or the other tests.
package promtool
