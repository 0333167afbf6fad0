// Package crd holds the CustomResourceDefinition of TrafficGates, for programs
// that check one without an API server.
package crd

import _ "embed"

// TrafficGates is the CustomResourceDefinition, as YAML.
//
//go:embed podgate.dev_trafficgates.yaml
var TrafficGates []byte
