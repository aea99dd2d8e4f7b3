// SPDX-License-Identifier: ISC

package cfg

import (
	"fmt"
	"strings"
)

// tomlString writes s as a TOML string, literally where that saves escapes.
func tomlString(s string) string {
	control := strings.ContainsFunc(s, isControl)
	if strings.ContainsAny(s, `"\`) && !control && !strings.Contains(s, "'") {
		return "'" + s + "'"
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\t':
			b.WriteString(`\t`)
		case isControl(r):
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// tomlKey writes a key, in quotes where it needs them.
func tomlKey(s string) string {
	for i := range len(s) {
		if c := s[i]; !isAlnum(c) && c != '_' && c != '-' {
			return tomlString(s)
		}
	}
	if s == "" {
		return `""`
	}
	return s
}

// tomlList writes words as an array, on one line if that is short enough; an
// -o stays beside its value.
func tomlList(words []string) string {
	const width = 100
	texts := make([]string, len(words))
	for i, word := range words {
		texts[i] = tomlString(word)
	}
	if line := "[" + strings.Join(texts, ", ") + "]"; len(line) <= width {
		return line
	}
	var b strings.Builder
	for i, text := range texts {
		if i > 0 && words[i-1] == "-o" {
			b.WriteString(" " + text + ",")
		} else {
			b.WriteString("\n    " + text + ",")
		}
	}
	return "[" + b.String() + "\n]"
}
