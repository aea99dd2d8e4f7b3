// SPDX-License-Identifier: ISC

package pcre

import "unicode"

// set is a set of bytes.
type set [4]uint64

func (s *set) add(c byte) { s[c>>6] |= 1 << (c & 63) }

func (s *set) has(c byte) bool { return s[c>>6]&(1<<(c&63)) != 0 }

func (s *set) addAll(o *set) {
	for i := range s {
		s[i] |= o[i]
	}
}

func (s *set) invert() {
	for i := range s {
		s[i] = ^s[i]
	}
}

// fold adds the other case of every letter.
func (s *set) fold() {
	for c := byte('a'); c <= 'z'; c++ {
		if upper := c - 'a' + 'A'; s.has(c) || s.has(upper) {
			s.add(c)
			s.add(upper)
		}
	}
}

// letters returns how many bytes there are in s, of whatever case.
func (s *set) letters() (n int) {
	for c := range 256 {
		if s.has(byte(c)) && (!isAlpha(byte(c)) || c&0x20 != 0 || !s.has(byte(c|0x20))) {
			n++
		}
	}
	return n
}

func setOf(in func(c byte) bool) *set {
	s := &set{}
	for c := range 256 {
		if in(byte(c)) {
			s.add(byte(c))
		}
	}
	return s
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isAlpha(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isAlnum(c byte) bool { return isDigit(c) || isAlpha(c) }
func isWord(c byte) bool  { return isAlnum(c) || c == '_' }
func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }
func isGraph(c byte) bool { return '!' <= c && c <= '~' }

func isHorizontal(c byte) bool { return c == ' ' || c == '\t' || c == 0xa0 }
func isVertical(c byte) bool   { return '\n' <= c && c <= '\r' || c == 0x85 }

// posixClasses are those of the C locale.
var posixClasses = map[string]func(c byte) bool{
	"alnum":  isAlnum,
	"alpha":  isAlpha,
	"ascii":  func(c byte) bool { return c < 0x80 },
	"blank":  func(c byte) bool { return c == ' ' || c == '\t' },
	"cntrl":  func(c byte) bool { return c < ' ' || c == 0x7f },
	"digit":  isDigit,
	"graph":  isGraph,
	"lower":  func(c byte) bool { return 'a' <= c && c <= 'z' },
	"print":  func(c byte) bool { return ' ' <= c && c <= '~' },
	"punct":  func(c byte) bool { return isGraph(c) && !isAlnum(c) },
	"space":  isSpace,
	"upper":  func(c byte) bool { return 'A' <= c && c <= 'Z' },
	"word":   isWord,
	"xdigit": func(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' },
}

// escapeClasses are \d and its kin, by the small letter.
var escapeClasses = map[byte]func(c byte) bool{
	'd': isDigit, 'h': isHorizontal, 's': isSpace, 'v': isVertical, 'w': isWord,
}

// property returns the bytes that have a Unicode property as code points.
func property(name string) *set {
	switch name {
	case "any":
		return setOf(func(byte) bool { return true })
	case "l&", "lc":
		return setOf(func(c byte) bool { return unicode.In(rune(c), unicode.Lu, unicode.Ll, unicode.Lt) })
	case "xan":
		return setOf(func(c byte) bool { return unicode.In(rune(c), unicode.L, unicode.N) })
	case "xwd":
		return setOf(func(c byte) bool { return unicode.In(rune(c), unicode.L, unicode.N) || c == '_' })
	case "xsp", "xps":
		return setOf(func(c byte) bool { return unicode.Is(unicode.Z, rune(c)) || isHorizontal(c) || isVertical(c) })
	case "xuc":
		return setOf(func(c byte) bool { return c == '$' || c == '@' || c == '`' || c >= 0xa0 })
	case "cn", "cs":
		return &set{} // all that are bytes are assigned
	}
	for _, tables := range []map[string]*unicode.RangeTable{unicode.Categories, unicode.Scripts} {
		for n, table := range tables {
			if plainName(n) == name {
				return setOf(func(c byte) bool { return unicode.Is(table, rune(c)) })
			}
		}
	}
	return nil
}
