// SPDX-License-Identifier: ISC

package posix

import "strings"

// token is one element of an expression.
type token struct {
	kind kind
	c    byte // a character, the digit of a back-reference, the letter of a class
	pos  place
}

type kind uint8

const (
	tokEnd     kind = iota
	tokChar         // c
	tokAny          // .
	tokBracket      // [
	tokClass        // \w \W \s \S
	tokPlace        // ^ $ \< and their kin
	tokOpen         // (
	tokClose        // )
	tokOr           // |
	tokStar
	tokPlus
	tokMaybe // ?
	tokFrom  // {
	tokTo    // }
	tokBack  // \1
	tokSlash // a backslash at the end
)

// place is what an expression can demand of a position in the string.
type place uint8

const (
	lineBegin place = iota + 1
	lineEnd
	begin
	end
	wordBegin
	wordEnd
	wordEdge
	notWordEdge
)

var escapedPlace = [256]place{
	'`': begin, '\'': end, '<': wordBegin, '>': wordEnd, 'b': wordEdge, 'B': notWordEdge,
}

// next moves to the next token. afterOpen says that in a basic expression a ^
// has its meaning here, as at the beginning.
func (p *parser) next(afterOpen bool) {
	p.at += p.width
	p.tok, p.width = p.peek(p.at, afterOpen)
}

// peek returns the token at i and its length.
func (p *parser) peek(i int, afterOpen bool) (token, int) {
	if i >= len(p.expr) {
		return token{kind: tokEnd}, 0
	}
	extended := p.flags&Extended != 0
	c := p.expr[i]
	t := token{kind: tokChar, c: c}
	if c == '\\' {
		if i+1 == len(p.expr) {
			return token{kind: tokSlash, c: c}, 1
		}
		// Unlike all others, a character behind a backslash keeps its case
		// where case is ignored; the C library would match nothing with it.
		c = p.raw[i+1]
		t.c = c
		switch {
		case strings.IndexByte("wWsS", c) >= 0:
			t.kind = tokClass
		case '1' <= c && c <= '9':
			t.kind = tokBack
		case escapedPlace[c] != 0:
			t.kind, t.pos = tokPlace, escapedPlace[c]
		case !extended:
			t.kind = operator(c, "()|+?{}")
		}
		return t, 2
	}
	switch c {
	case '.':
		t.kind = tokAny
	case '[':
		t.kind = tokBracket
	case '*':
		t.kind = tokStar
	case '^':
		if extended || afterOpen || i == 0 {
			t.kind, t.pos = tokPlace, lineBegin
		}
	case '$':
		if extended || p.beforeClose(i+1) {
			t.kind, t.pos = tokPlace, lineEnd
		}
	default:
		if extended {
			t.kind = operator(c, "()|+?{}")
		}
	}
	return t, 1
}

// beforeClose reports whether a part of a basic expression ends at i.
func (p *parser) beforeClose(i int) bool {
	rest := p.expr[i:]
	return rest == "" || strings.HasPrefix(rest, `\)`) || strings.HasPrefix(rest, `\|`)
}

func operator(c byte, among string) kind {
	if strings.IndexByte(among, c) < 0 {
		return tokChar
	}
	switch c {
	case '(':
		return tokOpen
	case ')':
		return tokClose
	case '|':
		return tokOr
	case '+':
		return tokPlus
	case '?':
		return tokMaybe
	case '{':
		return tokFrom
	default:
		return tokTo
	}
}
