// Package command is the commands of kubectl podgate, one file each. A command
// reads what it needs from the cluster, lets packages overview, story and enroll
// make sense of it, and package render say it. What it changes it changes under
// the caller's own rights, by edits that kubectl could make as well, and shows
// how.
//
// A new command is a function that returns a *cobra.Command, in a file of its own
// and in the list in root.go.
package command
