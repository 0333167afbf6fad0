// Command pictures plays Podgate's story on a cluster in a box, and draws its
// dashboards at each moment of it, as they are in docs/img.
package main
