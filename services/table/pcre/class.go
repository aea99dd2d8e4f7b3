// SPDX-License-Identifier: ISC

package pcre

import "strings"

// class reads a class in brackets.
func (p *parser) class() *tree {
	at := p.at
	if p.skip("[[:<:]]") {
		return besideWord(false)
	}
	if p.skip("[[:>:]]") {
		return besideWord(true)
	}
	p.posixOutside()
	p.at++
	t := &tree{op: opSet, at: at, set: &set{}}
	not := p.skip("^")
	for first := true; ; first = false {
		if p.classBlank(); !p.more() {
			p.fail(p.at, errClassEnd)
		}
		if !first && !p.literal && p.text[p.at] == ']' {
			break
		}
		c, single := p.classItem(t.set)
		hyphen := !p.literal && p.has("-")
		if !single {
			if hyphen && p.at+1 < len(p.text) && p.text[p.at+1] != ']' {
				p.fail(p.at, errRange)
			}
			continue
		}
		p.span(t.set, c)
	}
	p.at++ // ]
	if p.opt&Caseless != 0 {
		t.set.fold()
	}
	if not {
		t.set.invert()
	}
	return t
}

// besideWord is the beginning of a word, or the end of one.
func besideWord(behind bool) *tree {
	word := &tree{op: opLook, behind: behind, kids: []*tree{{op: opSet, set: setOf(isWord)}}}
	return &tree{op: opCat, kids: []*tree{{op: opPlace, place: wordEdge}, word}}
}

// span adds c, or the range that begins with it.
func (p *parser) span(s *set, c byte) {
	s.add(c)
	p.classBlank()
	if p.literal || !p.has("-") || p.has("-]") {
		return
	}
	at := p.at
	p.at++
	p.classBlank()
	if !p.more() {
		p.fail(p.at, errClassEnd)
	}
	if !p.literal && p.text[p.at] == ']' {
		p.at = at
		return
	}
	var other set
	to, single := p.classItem(&other)
	switch {
	case !single:
		p.fail(p.at, errRange)
	case to < c:
		p.fail(p.at-1, errRangeOrder)
	}
	for ; c < to; c++ {
		s.add(c)
	}
	s.add(to)
}

// classBlank skips what means nothing in a class.
func (p *parser) classBlank() {
	for p.more() {
		switch {
		case p.literal && p.skip(`\E`):
			p.literal = false
		case p.literal:
			return
		case p.skip(`\Q`):
			p.literal = true
		case p.skip(`\E`):
		case p.opt&extendedMore != 0 && (p.text[p.at] == ' ' || p.text[p.at] == '\t'):
			p.at++
		default:
			return
		}
	}
}

// classItem reads a byte, or adds several.
func (p *parser) classItem(s *set) (c byte, single bool) {
	c = p.text[p.at]
	if p.literal {
		p.at++
		return c, true
	}
	if c == '[' {
		if kind, name, not, length := p.posix(); length > 0 {
			if kind != ':' {
				p.fail(p.at, errCollating)
			}
			in := posixClasses()[name]
			if in == nil {
				p.fail(p.at+2+b2i(not), errPosixName)
			}
			if p.opt&Caseless != 0 && (name == "lower" || name == "upper") {
				in = isAlpha
			}
			members := setOf(in)
			if not {
				members.invert()
			}
			s.addAll(members)
			p.at += length
			return 0, false
		}
	}
	if c != '\\' {
		p.at++
		return c, true
	}
	if p.at+1 == len(p.text) {
		p.fail(len(p.text), errEndOfEscape)
	}
	if members := p.escapedSet(); members != nil {
		s.addAll(members)
		return 0, false
	}
	switch p.text[p.at+1] {
	case 'N':
		p.fail(p.at+2, errClassN)
	case 'R', 'X', 'B', 'A', 'z', 'Z', 'G', 'K', 'C', 'k', 'g':
		p.fail(p.at+1, errClassEscape)
	}
	return p.escapedByte(true), true
}

// posix looks for [:name:], [.name.] or [=name=].
func (p *parser) posix() (kind byte, name string, not bool, length int) {
	rest := p.text[p.at:]
	if len(rest) < 2 || strings.IndexByte(":.=", rest[1]) < 0 {
		return 0, "", false, 0
	}
	for i := 2; i+1 < len(rest); i++ {
		switch {
		case rest[i] == '\\' && (rest[i+1] == ']' || rest[i+1] == '\\'):
			i++
		case rest[i] == '[' && rest[i+1] == rest[1], rest[i] == ']':
			return 0, "", false, 0
		case rest[i] == rest[1] && rest[i+1] == ']':
			name, not = strings.CutPrefix(rest[2:i], "^")
			return rest[1], name, not, i + 2
		}
	}
	return 0, "", false, 0
}

// posixOutside refuses [:name:] that stands alone.
func (p *parser) posixOutside() {
	kind, _, _, length := p.posix()
	if length == 0 {
		return
	}
	if kind == ':' {
		p.fail(p.at, errPosixOutside)
	}
	p.fail(p.at, errCollating)
}
