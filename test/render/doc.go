// Package render draws Grafana's dashboards in headless Chromium: with Grafana's
// own npm packages, on a Prometheus that runs.
//
// Grafana's packages have its graphs, tables, stats, field configuration and
// theme; web/ adds what is only in its server: asking Prometheus, variables, the
// grid, annotations and the state timeline. So a picture shows what a person
// sees, but for details of the page around the panels.
//
// It may import test/browser and test/cluster/build. Nothing in config imports it.
package render
