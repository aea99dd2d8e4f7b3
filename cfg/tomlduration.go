// SPDX-License-Identifier: ISC

package cfg

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

var timeUnits = []struct {
	name string
	unit time.Duration
}{
	{"ms", time.Millisecond}, // before "m"
	{"s", time.Second},
	{"m", time.Minute},
	{"h", time.Hour},
	{"d", 24 * time.Hour},
	{"w", 7 * 24 * time.Hour},
}

// duration returns the text in Postfix's notation, one number with one unit,
// for a TOML duration, which may be a sum such as "1m30s". Postfix would take
// that for one minute, and "500ms" for 500 minutes.
func (p *tomlParser) duration(it *item, f form) string {
	text, _ := it.value.(string)
	millis := f == milliForm
	if isPlainDuration(text, millis) || f == orOffForm && text == "off" {
		return text
	}
	d, ok := parseDuration(text)
	switch {
	case !ok:
		other := ""
		if f == orOffForm {
			other = `, or "off"`
		}
		p.fail(it, "%s: specify a time with its unit, such as \"90s\", \"10m\", \"2h\" or \"1d\"%s", it.key, other)
	case d%time.Second == 0:
		return fmt.Sprintf("%ds", d/time.Second)
	case !millis:
		p.fail(it, "%s: %s: specify whole seconds", it.key, text)
	case d%time.Millisecond != 0:
		p.fail(it, "%s: %s: specify whole milliseconds", it.key, text)
	}
	return fmt.Sprintf("%dms", d/time.Millisecond)
}

// parseDuration adds up a sequence of numbers with units.
func parseDuration(text string) (time.Duration, bool) {
	var total float64
	for rest := text; rest != ""; {
		end := 0
		for end < len(rest) && (isDigit(rest[end]) || rest[end] == '.') {
			end++
		}
		n, err := strconv.ParseFloat(rest[:end], 64)
		if err != nil {
			return 0, false
		}
		rest = rest[end:]
		found := false
		for _, u := range timeUnits {
			var after string
			if after, found = strings.CutPrefix(rest, u.name); found {
				rest, total = after, total+n*float64(u.unit)
				break
			}
		}
		if !found {
			return 0, false
		}
	}
	if text == "" || total > math.MaxInt32*float64(time.Second) {
		return 0, false
	}
	return time.Duration(math.Round(total)), true
}

// isPlainDuration reports whether text is one whole number with one unit, so
// that all who read it agree on what it means.
func isPlainDuration(text string, millis bool) bool {
	number := strings.TrimRight(text, "smhdw")
	unit := text[len(number):]
	if !isPlainNumber(number) || unit == "ms" && !millis {
		return false
	}
	for _, u := range timeUnits {
		if u.name == unit {
			n, err := strconv.ParseInt(number, 10, 32)
			return err == nil && n <= math.MaxInt32/int64(max(u.unit/time.Second, 1))
		}
	}
	return false
}

// isPlainNumber reports whether text is how strconv would write the number.
func isPlainNumber(text string) bool {
	n, err := strconv.ParseInt(text, 10, 64)
	return err == nil && strconv.FormatInt(n, 10) == text
}
