package command

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"
)

// output is the flag -o.
type output struct {
	format string
	may    []string
}

func (o *output) bind(cmd *cobra.Command, may ...string) {
	o.may = may
	cmd.Flags().StringVarP(&o.format, "output", "o", "", "output format: "+strings.Join(may, ", "))
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(asCompletions(may), cobra.ShellCompDirectiveNoFileComp))
}

func asCompletions(texts []string) (out []cobra.Completion) { return append(out, texts...) }

func (o *output) validate() error {
	if o.format == "" || slices.Contains(o.may, o.format) {
		return nil
	}
	return misused("--output %q: must be one of %s", o.format, strings.Join(o.may, ", "))
}

// structured prints a value as JSON or YAML if that is asked for, and reports
// whether it was.
func (o *output) structured(w io.Writer, value any) (bool, error) {
	var text []byte
	var err error
	switch o.format {
	case "json":
		text, err = json.MarshalIndent(value, "", "    ")
		text = append(text, '\n')
	case "yaml":
		text, err = yaml.Marshal(value)
	default:
		return false, nil
	}
	if err == nil {
		_, err = w.Write(text)
	}
	return true, err
}

// resource is how kubectl names a gate.
func resource(name string) string { return fmt.Sprintf("trafficgate.podgate.dev/%s", name) }
