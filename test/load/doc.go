// Package load sends a steady stream of requests and keeps what their sender
// saw: the client's view, against which what Podgate does is judged.
//
// It imports the standard library only.
package load
