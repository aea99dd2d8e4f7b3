// SPDX-License-Identifier: ISC

package maillog

import (
	"strconv"
	"time"
	"unicode/utf8"
)

const (
	maxText = 2000 // of the text proper, as everywhere in Postfix
	maxName = 255  // of a host, a process or a syslog name
	maxLine = 4096 // of a whole line: what Linux writes to a pipe in one piece
)

type severity uint8

const (
	info severity = iota
	warning
	failure
	fatal
	internal
)

// How a severity is written before the text, in JSON, and in syslog's numbers.
var (
	prefixes   = [...]string{info: "", warning: "warning: ", failure: "error: ", fatal: "fatal: ", internal: "panic: "}
	words      = [...]string{info: "info", warning: "warning", failure: "error", fatal: "fatal", internal: "panic"}
	priorities = [...]int{info: 6, warning: 4, failure: 3, fatal: 2, internal: 2}
)

// record is one event; its texts are clean.
type record struct {
	when     time.Time
	severity severity
	tag      string
	pid      int
	service  string // empty: about none in particular
	text     string
	lost     int // how many lost lines it tells of; 0: it does not
}

// appendSyslog appends r as the C library sends it to syslogd.
func (r *record) appendSyslog(b []byte, facility int) []byte {
	b = append(b, '<')
	b = strconv.AppendInt(b, int64(facility<<3|priorities[r.severity]), 10)
	b = append(b, '>')
	b = r.when.AppendFormat(b, "Jan _2 15:04:05 ")
	return r.appendMessage(b)
}

// appendText appends r as it is sent to postlogd and stands in log files.
func (r *record) appendText(b []byte, host string) []byte {
	b = r.when.AppendFormat(b, "Jan 02 15:04:05 ")
	b = append(b, host...)
	b = append(b, ' ')
	return r.appendMessage(b)
}

func (r *record) appendMessage(b []byte) []byte {
	b = append(b, r.tag...)
	b = append(b, '[')
	b = strconv.AppendInt(b, int64(r.pid), 10)
	b = append(b, "]: "...)
	b = append(b, prefixes[r.severity]...)
	return append(b, r.text...)
}

// jsonTime is RFC 3339 in UTC. Its digits are always six, so that lines sort.
const jsonTime = "2006-01-02T15:04:05.000000Z"

// appendJSON appends r as one object. A text so full of quotation marks that
// the line would outgrow maxLine is cut.
func (r *record) appendJSON(b []byte) []byte {
	const end = `"}`
	limit := len(b) + maxLine - len(end) - len("\n")
	b = append(b, `{"time":"`...)
	b = r.when.UTC().AppendFormat(b, jsonTime)
	b = append(b, `","severity":"`...)
	b = append(b, words[r.severity]...)
	b = append(b, `","program":"`...)
	b = appendQuoted(b, r.tag, limit)
	b = append(b, `","pid":`...)
	b = strconv.AppendInt(b, int64(r.pid), 10)
	if r.service != "" {
		b = append(b, `,"service":"`...)
		b = appendQuoted(b, r.service, limit)
		b = append(b, '"')
	}
	b = append(b, `,"text":"`...)
	b = appendQuoted(b, r.text, limit)
	return append(b, end...)
}

// appendQuoted appends clean text as the inside of a JSON string, as much as
// fits with b below limit.
func appendQuoted(b []byte, text string, limit int) []byte {
	for _, c := range text {
		if len(b)+utf8.UTFMax > limit {
			break
		}
		if c == '"' || c == '\\' {
			b = append(b, '\\')
		}
		b = utf8.AppendRune(b, c)
	}
	return b
}

// clean returns s cut to limit bytes, between characters, with a question mark
// for each byte that cannot be printed. Valid UTF-8 can, but for the control
// characters U+0080 to U+009F: a terminal takes them for the start of a
// command.
func clean(s string, limit int) string {
	if len(s) > limit {
		cut := limit
		for cut > 0 && limit-cut < utf8.UTFMax && !utf8.RuneStart(s[cut]) {
			cut--
		}
		if _, n := utf8.DecodeRuneInString(s[cut:]); cut+n <= limit {
			cut = limit // no character to be torn apart there
		}
		s = s[:cut]
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return replace(s, i)
		}
	}
	return s
}

// replace does clean's work from the first byte on that is not plain ASCII.
func replace(s string, from int) string {
	b := append(make([]byte, 0, len(s)), s[:from]...)
	for i := from; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1, r < ' ', r >= 0x7f && r < 0xa0:
			b = append(b, "????"[:n]...)
		default:
			b = append(b, s[i:i+n]...)
		}
		i += n
	}
	return string(b)
}
