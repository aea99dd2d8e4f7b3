// SPDX-License-Identifier: ISC

package pcre

import (
	"strconv"
	"strings"
)

// escapedPlace returns the place that a letter behind a backslash stands for.
func escapedPlace(letter byte) (at place, ok bool) {
	switch letter {
	case 'A', 'G':
		return begin, true
	case 'Z':
		return endOrNewline, true
	case 'z':
		return end, true
	case 'b':
		return wordEdge, true
	case 'B':
		return notWordEdge, true
	}
	return 0, false
}

// escape reads what begins with a backslash, outside of classes.
func (p *parser) escape() (t *tree, repeatable bool) {
	at := p.at
	if p.at+1 == len(p.text) {
		p.fail(len(p.text), errEndOfEscape)
	}
	c := p.text[p.at+1]
	if place, ok := escapedPlace(c); ok {
		p.at += 2
		return &tree{op: opPlace, at: at, place: place}, false
	}
	if set := p.escapedSet(); set != nil {
		return &tree{op: opSet, at: at, set: set}, true
	}
	switch c {
	case 'K':
		p.at += 2
		t := &tree{op: opKeep, at: len(p.text)}
		if p.look > 0 {
			p.refs = append(p.refs, t)
		}
		return t, false
	case 'R':
		p.at += 2
		return &tree{op: opLine, at: at}, true
	case 'C':
		p.at += 2
		return &tree{op: opSet, at: at, set: setOf(func(byte) bool { return true })}, true
	case 'X':
		p.fail(p.at+2, `\X is not supported here`)
	case 'N':
		p.at += 2
		if p.has("{") {
			if _, _, ok := p.interval(); !ok {
				p.unicode()
			}
			p.at = at + 2
		}
		return &tree{op: opSet, at: at, set: setOf(func(c byte) bool { return c != '\n' })}, true
	case 'g':
		return p.escapeG(), true
	case 'k':
		p.at += 2
		closing, ok := map[byte]byte{'{': '}', '<': '>', '\'': '\''}[p.peek()]
		if !ok {
			p.fail(p.at, errK)
		}
		p.at++
		return p.backTo(p.name(closing)), true
	}
	if '1' <= c && c <= '9' {
		n, digits := 0, 0
		for p.at+1+digits < len(p.text) && isDigit(p.text[p.at+1+digits]) && n <= maxGroups {
			n = n*10 + int(p.text[p.at+1+digits]-'0')
			digits++
		}
		if n < 10 || c >= '8' || n <= p.groups {
			p.at += 1 + digits
			if n > maxGroups {
				p.fail(p.at, errGroupNumber)
			}
			return p.backTo(n, "", p.at-1), true
		}
	}
	return p.char(p.escapedByte(false)), true
}

func (p *parser) peek() byte {
	if p.more() {
		return p.text[p.at]
	}
	return 0
}

func (p *parser) unicode() {
	if p.has("{U+") {
		p.fail(p.at, errUnicodeEscape)
	}
	p.fail(p.at, errPerlEscape)
}

// backTo makes a back-reference. at is where PCRE2 finds fault with it.
func (p *parser) backTo(group int, name string, at int) *tree {
	t := &tree{op: opBack, at: at, group: group, name: name, fold: p.opt&Caseless != 0}
	p.refs = append(p.refs, t)
	return t
}

// escapeG reads \g, which is a back-reference or a call.
func (p *parser) escapeG() *tree {
	p.at += 2
	c := p.peek()
	if c == '<' || c == '\'' {
		closing := c
		if c == '<' {
			closing = '>'
		}
		p.at++
		if d := p.peek(); isDigit(d) || d == '+' || d == '-' {
			n := p.number(p.at-1, errSignedDigit)
			if p.peek() != closing {
				p.fail(p.at, errNameEnd)
			}
			p.at++
			return p.call(n, "", p.at-1)
		}
		return p.call(p.name(closing))
	}
	if c == '{' {
		p.at++
		if d := p.peek(); isDigit(d) || d == '+' || d == '-' {
			n := p.number(p.at-1, errG)
			if p.peek() != '}' {
				p.fail(p.at, errNameEnd)
			}
			p.at++
			return p.backTo(n, "", p.at-b2i(n > 0))
		}
		return p.backTo(p.name('}'))
	}
	if isDigit(c) || c == '+' || c == '-' {
		n := p.number(-1, errG)
		return p.backTo(n, "", p.at-b2i(n > 0))
	}
	p.fail(p.at, errG)
	return nil
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// number reads the number of a group, which may be relative to the last one. at
// is where fault is found with one that cannot be; negative is where it ends.
func (p *parser) number(at int, noDigit string) int {
	from := p.at
	sign := p.peek()
	if sign == '+' || sign == '-' {
		p.at++
	} else {
		sign = 0
	}
	n, digits := 0, p.at
	for isDigit(p.peek()) {
		if n = n*10 + int(p.peek()-'0'); n > maxGroups {
			p.fail(p.at+1, errGroupNumber)
		}
		p.at++
	}
	if p.at == digits {
		p.fail(from, noDigit)
	}
	if at < 0 {
		at = p.at
	}
	if sign != 0 && n == 0 {
		p.fail(at, errRelativeZero)
	}
	switch sign {
	case '-':
		if n > p.groups {
			p.fail(at, errReference)
		}
		return p.groups - n + 1
	case '+':
		return p.groups + n
	}
	return n
}

// name reads the name of a group and what ends it, and returns it as backTo and
// call want it.
func (p *parser) name(closing byte) (group int, name string, at int) {
	at = p.at
	switch c := p.peek(); {
	case !p.more():
		p.fail(p.at, errNameExpected)
	case isDigit(c):
		p.fail(p.at, errNameDigit)
	}
	for isWord(p.peek()) {
		p.at++
	}
	name = p.text[at:p.at]
	switch {
	case name == "":
		p.fail(p.at, errNameExpected)
	case len(name) > maxName:
		p.fail(p.at, errNameLong)
	case p.peek() != closing:
		p.fail(p.at, errNameEnd)
	}
	p.at++
	return 0, name, at
}

// escapedSet reads an escape that is a set of bytes, in classes too.
func (p *parser) escapedSet() *set {
	c := p.text[p.at+1]
	if in := escapeClass(c | 0x20); in != nil && isAlpha(c) {
		p.at += 2
		s := setOf(in)
		if c&0x20 == 0 {
			s.invert()
		}
		return s
	}
	if c|0x20 != 'p' {
		return nil
	}
	p.at += 2
	not := c == 'P'
	name := ""
	switch d := p.peek(); {
	case !p.more():
		p.fail(p.at, errProperty)
	case d == '{':
		end := strings.IndexByte(p.text[p.at:], '}')
		p.at++
		if end < 0 {
			p.fail(min(p.at, len(p.text)), errProperty)
		}
		name = p.text[p.at : p.at+end-1]
		p.at += end
		if strings.HasPrefix(strings.TrimLeft(name, " \t"), "^") {
			name = strings.TrimLeft(name, " \t")[1:]
			not = !not
		}
	default:
		name = p.text[p.at : p.at+1]
		p.at++
	}
	name = plainName(name)
	for _, prefix := range []string{"script=", "sc=", "scriptextensions=", "scx=", "script:", "sc:", "scriptextensions:", "scx:"} {
		name = strings.TrimPrefix(name, prefix)
	}
	s := property(name)
	if s == nil || name == "" {
		p.fail(p.at, errPropertyName)
	}
	if not {
		s.invert()
	}
	return s
}

// plainName is the name of a property as it is compared.
func plainName(name string) string {
	return strings.ToLower(strings.NewReplacer(" ", "", "_", "", "-", "", "\t", "").Replace(name))
}

// escapedByte reads an escape that is one byte.
func (p *parser) escapedByte(inClass bool) byte {
	p.at++
	c := p.text[p.at]
	p.at++
	if !isAlnum(c) {
		return c
	}
	switch c {
	case 'a':
		return 7
	case 'e':
		return 27
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'b':
		if inClass {
			return 8
		}
	case 'c':
		if !p.more() {
			p.fail(p.at, errEndOfControl)
		}
		c = p.text[p.at]
		if c < ' ' || c > '~' {
			p.fail(p.at, errControl)
		}
		p.at++
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		return c ^ 0x40
	case 'x':
		return p.hex()
	case 'o':
		if !p.skip("{") {
			p.fail(p.at, errOctalBrace)
		}
		return p.braced(8, errNotOctal)
	case 'u', 'U', 'l', 'L', 'F', 'N':
		p.fail(p.at, errPerlEscape)
	case '8', '9':
		return c
	}
	if '0' <= c && c <= '7' {
		n := int(c - '0')
		for i := 0; i < 2 && p.more() && '0' <= p.text[p.at] && p.text[p.at] <= '7'; i++ {
			n = n*8 + int(p.text[p.at]-'0')
			p.at++
		}
		if n > 0xff {
			p.fail(p.at, errOctal)
		}
		return byte(n)
	}
	p.fail(p.at-1, errEscape)
	return 0
}

// hex reads what follows \x.
func (p *parser) hex() byte {
	if p.skip("{") {
		return p.braced(16, errNotHex)
	}
	n := 0
	for i := 0; i < 2 && p.more(); i++ {
		d, err := strconv.ParseUint(p.text[p.at:p.at+1], 16, 8)
		if err != nil {
			break
		}
		n = n*16 + int(d)
		p.at++
	}
	return byte(n)
}

// braced reads a number up to a closing brace.
func (p *parser) braced(base int, other string) byte {
	if p.peek() == '}' || !p.more() {
		p.fail(p.at, errDigits)
	}
	n := uint64(0)
	for p.more() && p.text[p.at] != '}' {
		d, err := strconv.ParseUint(p.text[p.at:p.at+1], base, 8)
		if err != nil {
			break
		}
		if n = n*uint64(base) + d; n > 0xff {
			p.fail(p.at+1, errCodePoint)
		}
		p.at++
	}
	if !p.skip("}") {
		p.fail(min(p.at, len(p.text)-1), other)
	}
	return byte(n)
}
