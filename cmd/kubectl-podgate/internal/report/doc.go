// Package report keeps the books of a replay, and tells what came of it: as a
// summary for people, and as one JSON object a decision for programs.
//
// It may import packages anomaly, api, decide, source and replay.
package report
