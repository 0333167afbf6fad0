// Package stage sets the scene for the demo and the end-to-end tests: a cluster
// in a box, Podgate installed on it from config/default as on any cluster, the
// sample Service of config/samples with its gate, and a client that calls the
// Service at a steady rate.
//
// Podgate runs as the Deployment that config/default says, under its own
// service account; nothing here gives it more.
//
// It may import test/cluster, test/load, Podgate's api and Prometheus' client.
package stage
