// Command podgate is the controller: it watches TrafficGates and takes outlier
// pods out of their Services' traffic. See --help.
package main

import (
	"flag"
	"fmt"
	"os"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
)

func main() {
	var o options
	var logging zap.Options
	o.bind(flag.CommandLine)
	logging.BindFlags(flag.CommandLine)
	flag.Parse()
	ctrl.SetLogger(zap.New(zap.UseFlagOptions(&logging)))

	if flag.NArg() > 0 {
		fail(fmt.Errorf("unexpected argument %q: podgate takes flags only, see --help", flag.Arg(0)))
	}
	if err := run(ctrl.SetupSignalHandler(), o); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "podgate:", err)
	os.Exit(1)
}
