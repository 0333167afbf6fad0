// Package page draws a backtest as one page of HTML that needs nothing else: no
// network, no other file. Everything is drawn in Go, so that the page reads without
// JavaScript too; what there is of it shows values under the pointer and sorts out
// the table.
//
// It may import packages anomaly, api, decide, source, replay and report.
package page
