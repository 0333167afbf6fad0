// Command docgen writes a reference page in Markdown for each command of the
// plugin into a folder, and takes out pages of commands that are gone.
package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra/doc"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/command"
)

func main() {
	if len(os.Args) != 2 {
		fail(fmt.Errorf("usage: docgen FOLDER"))
	}
	if err := generate(os.Args[1]); err != nil {
		fail(err)
	}
}

func generate(folder string) error {
	old, err := filepath.Glob(filepath.Join(folder, "*.md"))
	if err != nil {
		return err
	}
	for _, f := range old {
		if err := os.Remove(f); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	root := command.New(genericiooptions.IOStreams{Out: io.Discard, ErrOut: io.Discard}, "")
	root.DisableAutoGenTag = true // a date would differ with every run
	return doc.GenMarkdownTree(root, folder)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "docgen:", err)
	os.Exit(1)
}
