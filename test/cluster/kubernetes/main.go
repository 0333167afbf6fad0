package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// programs maps a program's name to its main function, which returns the exit
// code. By then os.Args is what the program would see on its own.
var programs = map[string]func() int{
	"etcd":                    etcd,
	"kube-apiserver":          apiServer,
	"kube-controller-manager": controllerManager,
	"kube-proxy":              kubeProxy,
	"kubectl":                 kubectl,
}

func main() {
	run, args := pick(os.Args)
	if run == nil {
		usage(os.Stderr)
		os.Exit(2)
	}
	os.Args = args
	os.Exit(run())
}

// pick chooses the program by the name in args[0], else by args[1], and
// returns the arguments that program should see.
func pick(args []string) (func() int, []string) {
	if run := programs[filepath.Base(args[0])]; run != nil {
		return run, args
	}
	if len(args) > 1 {
		return programs[args[1]], args[1:]
	}
	return nil, nil
}

func usage(w io.Writer) {
	names := slices.Sorted(maps.Keys(programs))
	fmt.Fprintf(w, "usage: kubernetes %s [flags]\n", strings.Join(names, "|"))
}
