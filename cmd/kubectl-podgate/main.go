// Command kubectl-podgate is the kubectl plugin "kubectl podgate": it shows and
// explains what Podgate does, overrules it, and enrols Services. See --help.
package main

import (
	"fmt"
	"os"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/command"
)

// version is set when a release is built.
var version = "dev"

func main() {
	ctrl.SetLogger(logr.Discard()) // what goes wrong is told as an error, once
	klog.SetLogger(logr.Discard())
	streams := command.Standard()
	root := command.New(streams, version)
	root.SetArgs(command.Arguments(os.Args))
	err := root.ExecuteContext(ctrl.SetupSignalHandler())
	if err != nil {
		fmt.Fprintln(streams.ErrOut, "error:", err)
	}
	os.Exit(command.ExitCode(err))
}
