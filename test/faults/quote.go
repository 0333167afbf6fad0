package faults

import (
	"encoding/json"
	"strings"
)

// maxQuote is how long a quoted line may be, in bytes.
const maxQuote = 300

// quote is what a person needs to see of a line that a controller has logged: the
// message and the error, without the stack, in at most maxQuote bytes. A line that
// is no JSON, a panic's for instance, is only cut.
func quote(line []byte) string {
	var logged struct{ Msg, Error string }
	text := strings.TrimSpace(string(line))
	if json.Unmarshal(line, &logged) == nil && logged.Msg != "" {
		text = logged.Msg
		if logged.Error != "" {
			text += ": " + logged.Error
		}
	}
	if len(text) <= maxQuote {
		return text
	}
	return strings.ToValidUTF8(text[:maxQuote-len("…")], "") + "…"
}
