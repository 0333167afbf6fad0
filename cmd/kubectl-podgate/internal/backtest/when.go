package backtest

import (
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// instant reads a time as people give it: now, so long before or after now (-7d,
// -90m), RFC 3339, a date, or Unix seconds.
func instant(flag, text string, now time.Time) (time.Time, error) {
	if text == "now" {
		return now, nil
	}
	if sign, length, ok := relative(text); ok {
		d, err := model.ParseDuration(length)
		if err == nil {
			return now.Add(sign * time.Duration(d)), nil
		}
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	if s, err := strconv.ParseFloat(text, 64); err == nil && s > 1e8 && s < 1e11 {
		return time.UnixMilli(int64(1000 * s)), nil
	}
	return time.Time{}, misused("%s %q is no time: write now, -7d, -90m, 2026-03-01, 2026-03-01T12:00:00Z (times without a zone are UTC) or Unix seconds", flag, text)
}

func relative(text string) (sign time.Duration, length string, ok bool) {
	if length, ok := strings.CutPrefix(text, "-"); ok {
		return -1, length, true
	}
	if length, ok := strings.CutPrefix(text, "now-"); ok {
		return -1, length, true
	}
	if length, ok := strings.CutPrefix(text, "+"); ok {
		return 1, length, true
	}
	return 0, "", false
}
