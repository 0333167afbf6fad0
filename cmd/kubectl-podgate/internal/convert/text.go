package convert

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// document is YAML with comments that is being written.
type document struct{ strings.Builder }

// line writes one line; an argument %q is a quoted string.
func (d *document) line(indent int, format string, args ...any) {
	fmt.Fprintf(d, strings.Repeat("  ", indent)+format+"\n", args...)
}

// comment writes a comment, folded.
func (d *document) comment(indent int, format string, args ...any) {
	prefix := strings.Repeat("  ", indent) + "#"
	line := prefix
	for _, word := range strings.Fields(fmt.Sprintf(format, args...)) {
		if len(line)+1+len(word) > 110 && line != prefix {
			d.WriteString(line + "\n")
			line = prefix
		}
		line += " " + word
	}
	d.WriteString(line + "\n")
}

var word = regexp.MustCompile(`^[a-z][-_a-z0-9]{2,}$`)

// plain is a text as it is where YAML takes it for a text, and quoted otherwise.
func plain(s string) string {
	if word.MatchString(s) && !slices.Contains([]string{"true", "false", "null", "yes", "off"}, s) {
		return s
	}
	return strconv.Quote(s)
}

// duration as the API has it.
func duration(d time.Duration) string {
	text := d.String()
	for _, end := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, end) {
			text = strings.TrimSuffix(text, end[1:])
		}
	}
	return text
}

func decimal(x float64) string { return strconv.Quote(strconv.FormatFloat(x, 'f', -1, 64)) }
