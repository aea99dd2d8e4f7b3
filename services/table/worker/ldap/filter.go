// SPDX-License-Identifier: ISC

package ldap

import (
	"errors"
	"fmt"
	"strings"
)

// errFilter is the error of a filter that makes no sense.
var errFilter = errors.New("bad search filter")

// maxDepth is how deep filters may lie within each other.
const maxDepth = 200

// strictFilter makes a filter as OpenLDAP's library takes it one that RFC 4515
// allows. The former need not be in parentheses, may have blanks between its
// parts, and may have a backslash before a special character instead of its
// number. In the result each byte of a value that is not plain is a number.
func strictFilter(text string) (string, error) {
	p := filterParser{rest: text}
	p.blanks()
	if !strings.HasPrefix(p.rest, "(") {
		p.rest = "(" + p.rest + ")"
		// A value may end in a parenthesis only if that is within a filter.
		if strings.HasPrefix(p.rest, "(&") || strings.HasPrefix(p.rest, "(|") || strings.HasPrefix(p.rest, "(!") {
			return "", errFilter
		}
	}
	if !p.filter(0) {
		return "", errFilter
	}
	if p.blanks(); p.rest != "" {
		return "", errFilter
	}
	return p.out.String(), nil
}

// filterParser reads a filter from the left, and writes it.
type filterParser struct {
	rest string
	out  strings.Builder
}

func (p *filterParser) blanks() { p.rest = strings.TrimLeft(p.rest, " \t\r\n") }

// next takes c, if it is there.
func (p *filterParser) next(c byte) bool {
	if p.rest == "" || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// filter reads one in parentheses.
func (p *filterParser) filter(depth int) bool {
	if depth > maxDepth || !p.next('(') {
		return false
	}
	p.out.WriteByte('(')
	p.blanks()
	for _, c := range []byte("&|!") {
		if !p.next(c) {
			continue
		}
		p.out.WriteByte(c)
		p.blanks()
		ok := true
		if c == '!' { // has one, and nothing behind it
			ok = p.filter(depth+1) && p.next(')')
		} else {
			for ; ok && !p.next(')'); p.blanks() {
				ok = p.filter(depth + 1)
			}
		}
		p.out.WriteByte(')')
		return ok
	}
	end := closing(p.rest)
	if end < 0 || !p.item(p.rest[:end]) {
		return false
	}
	p.rest = p.rest[end+1:]
	p.out.WriteByte(')')
	return true
}

// closing returns where the parenthesis is that ends s, or -1.
func closing(s string) int {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case ')':
			return i
		case '(':
			return -1
		}
	}
	return -1
}

// item reads a comparison.
func (p *filterParser) item(text string) bool {
	left, value, ok := strings.Cut(text, "=")
	if !ok || left == "" {
		return false
	}
	kind := ""
	if last := left[len(left)-1]; strings.IndexByte("<>~:", last) >= 0 {
		left, kind = left[:len(left)-1], string(last)
	}
	attr, rule, extended := strings.Cut(left, ":")
	switch {
	case kind != ":" && extended, attr == "" && (kind != ":" || rule == ""), attr != "" && !isAttr(attr):
		return false
	case extended:
		if strings.EqualFold(rule, "dn") || len(rule) > 3 && strings.EqualFold(rule[:3], "dn:") {
			rule = "dn" + rule[2:] // as the standard has it
		}
		if name := strings.TrimPrefix(strings.TrimPrefix(rule, "dn"), ":"); name != "" && !isAttr(name) || name == "" && rule != "dn" {
			return false
		}
		attr += ":" + rule
	}
	p.out.WriteString(attr + kind + "=")
	return p.value(value, kind == "")
}

// value writes a value. Stars stand for themselves, unless they are wild.
func (p *filterParser) value(text string, wild bool) bool {
	star := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '*' && wild {
			if star { // nothing between two
				return false
			}
			p.out.WriteByte(c)
			star = true
			continue
		}
		star = false
		if c == '\\' {
			var n int
			if c, n = escaped(text[i+1:]); n == 0 {
				return false
			}
			i += n
		}
		if isPlain(c) {
			p.out.WriteByte(c)
		} else {
			fmt.Fprintf(&p.out, `\%02x`, c)
		}
	}
	return true
}

// escaped returns what s, which is behind a backslash, begins with, and of how
// many bytes that is; 0: it makes no sense.
func escaped(s string) (c byte, n int) {
	if len(s) >= 2 {
		if high, low := hex(s[0]), hex(s[1]); high >= 0 && low >= 0 {
			return byte(high<<4 | low), 2
		}
	}
	if s != "" && strings.IndexByte(`*()\`, s[0]) >= 0 {
		return s[0], 1
	}
	return 0, 0
}

// hex is the value of a digit, or -1.
func hex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

// isAttr reports whether name is that of an attribute, or its number; options
// may be behind it.
func isAttr(name string) bool {
	for i := 0; i < len(name); i++ {
		if c := name[i]; !isPlain(c) && (i == 0 || c != ';') || i == 0 && c == '-' {
			return false
		}
	}
	return name != ""
}

// isPlain reports whether c means nothing but itself, anywhere.
func isPlain(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '-' || c == '_'
}

// quoteFilter is what stands for a part of a key in a filter.
func quoteFilter(text string) string { return quote(text, `*()\`) }

// quoteDN is what stands for a part of a key in a distinguished name.
func quoteDN(text string) string { return quote(text, " \t\"#+,;<>\\") }

// quote has special characters replaced by their numbers.
func quote(text, special string) string {
	if !strings.ContainsAny(text, special) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if strings.IndexByte(special, text[i]) >= 0 {
			fmt.Fprintf(&b, `\%02X`, text[i])
		} else {
			b.WriteByte(text[i])
		}
	}
	return b.String()
}
