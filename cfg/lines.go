// SPDX-License-Identifier: ISC

package cfg

import (
	"fmt"
	"io"
	"strings"
)

// Line is one logical line of main.cf, master.cf or the source of a table.
type Line struct {
	Num  int    // of its first physical line
	Text string // without newlines, blanks at a continuation kept
}

// ReadLines splits r into logical lines. A line that begins with white space
// continues the one before it; blank lines and comments vanish, even in the
// middle of a continued line, and do not end it. name stands in messages.
//
// What is dropped is noted: a continuation of nothing, and whatever follows a
// null byte. The only error is that of reading; lines then holds what came
// before it.
func ReadLines(name string, r io.Reader) (lines []Line, notes []Note, errs Errors) {
	data, err := io.ReadAll(r)
	if err != nil {
		errs = append(errs, &Error{File: name, Text: "read: " + err.Error()})
	}
	var parts []string // of the logical line being collected
	start, end := 0, 0 // its first and last physical line
	flush := func() {
		if parts == nil {
			return
		}
		text := strings.Join(parts, "")
		parts = nil
		if before, _, found := strings.Cut(text, "\x00"); found {
			where := fmt.Sprintf("line %d", start)
			if end > start {
				where = fmt.Sprintf("line %d-%d", start, end)
			}
			notes = append(notes, Note{Warning, fmt.Sprintf("%s, %s: text after null byte may be ignored", name, where)})
			text = before
		}
		if isSpace(text[0]) {
			dots := ""
			if len(text) > 30 {
				dots = "..."
			}
			notes = append(notes, Note{Warning, fmt.Sprintf(`%s: logical line must not start with whitespace: "%s%s"`, name, first(text, 30), dots)})
			return
		}
		lines = append(lines, Line{start, text})
	}
	num := 0
	for rest, more := string(data), len(data) > 0; more; {
		var text string
		text, rest, _ = strings.Cut(rest, "\n")
		more = rest != ""
		num++
		if text != "" && !isSpace(text[0]) && text[0] != '#' {
			flush()
		}
		if blank := trimLeft(text); blank == "" || blank[0] == '#' || blank[0] == 0 {
			continue
		}
		if parts == nil {
			start = num
		}
		parts = append(parts, text)
		end = num
	}
	flush()
	return lines, notes, errs
}

// white is what C's isspace takes for white space.
const white = " \t\n\v\f\r"

func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isAlpha(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func isAlnum(c byte) bool { return isDigit(c) || isAlpha(c) }

func trimLeft(s string) string { return strings.TrimLeft(s, white) }

func trim(s string) string { return strings.Trim(s, white) }

// first returns at most the first n bytes of s, as %.*s does in C.
func first(s string, n int) string { return s[:min(n, len(s))] }
