// Package server is the sample HTTP server of tests and the demo: a server
// with dials that make it sick in the ways Podgate is there for, while its
// health check stays well, and with the metrics that any server has.
//
// It imports client_golang and the standard library only.
package server
