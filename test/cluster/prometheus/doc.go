// Package prometheus is empty: its go.mod pins the Prometheus server of the
// test cluster, as a tool. It is a Go module of its own so that the server's
// dependencies never reach the product or the tests.
package prometheus
