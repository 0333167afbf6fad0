// Package offline answers queries about history without a Prometheus server: from
// an OpenMetrics file with timestamps, or from the directory of a Prometheus
// database, evaluated in this process by Prometheus' own engine.
//
// It may import Prometheus' libraries, nothing of Podgate's own. The controller
// does not import it.
package offline
