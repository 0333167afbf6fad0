// Package wire is what the test process and the box say to each other: the
// configuration the box is started with, and the requests it answers on its
// control socket. Both sides import it; it imports the standard library only.
package wire
