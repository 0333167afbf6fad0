// Package render says in text what packages overview, story and enroll know: what
// matters first, times as people say them, colours only where they are wanted.
//
// It asks nobody and knows no clock: the time is an argument.
package render
