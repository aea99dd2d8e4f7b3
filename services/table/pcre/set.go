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

// posixClasses are those of the C locale. Like all that is long here they are
// made when they are asked for: a process that compiles nothing has no use for
// them.
func posixClasses() map[string]func(c byte) bool {
	return map[string]func(c byte) bool{
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
}

// escapeClass is \d or one of its kin, by the small letter, or nil.
func escapeClass(letter byte) func(c byte) bool {
	switch letter {
	case 'd':
		return isDigit
	case 'h':
		return isHorizontal
	case 's':
		return isSpace
	case 'v':
		return isVertical
	case 'w':
		return isWord
	}
	return nil
}

// categories are the general categories of Unicode that bytes have as code
// points. Others have no such members.
func categories() map[string]*unicode.RangeTable {
	return map[string]*unicode.RangeTable{
		"c": unicode.C, "cc": unicode.Cc, "cf": unicode.Cf,
		"l": unicode.L, "ll": unicode.Ll, "lo": unicode.Lo, "lu": unicode.Lu,
		"n": unicode.N, "nd": unicode.Nd, "no": unicode.No,
		"p": unicode.P, "pc": unicode.Pc, "pd": unicode.Pd, "pe": unicode.Pe, "pf": unicode.Pf, "pi": unicode.Pi, "po": unicode.Po, "ps": unicode.Ps,
		"s": unicode.S, "sc": unicode.Sc, "sk": unicode.Sk, "sm": unicode.Sm, "so": unicode.So,
		"z": unicode.Z, "zs": unicode.Zs,
		"latin": unicode.Latin, "latn": unicode.Latin, "common": unicode.Common, "zyyy": unicode.Common,
	}
}

// property returns the bytes that have a Unicode property as code points, or nil
// if it is not known.
func property(name string) *set {
	isA := func(c byte, tables ...*unicode.RangeTable) bool { return unicode.In(rune(c), tables...) }
	switch name {
	case "any":
		return setOf(func(byte) bool { return true })
	case "l&", "lc":
		return setOf(func(c byte) bool { return isA(c, unicode.Lu, unicode.Ll) })
	case "xan":
		return setOf(func(c byte) bool { return isA(c, unicode.L, unicode.N) })
	case "xwd":
		return setOf(func(c byte) bool { return isA(c, unicode.L, unicode.N) || c == '_' })
	case "xsp", "xps":
		return setOf(func(c byte) bool { return isA(c, unicode.Z) || isHorizontal(c) || isVertical(c) })
	case "xuc":
		return setOf(func(c byte) bool { return c == '$' || c == '@' || c == '`' || c >= 0xa0 })
	case "cn", "co", "cs", "lm", "lt", "m", "mc", "me", "mn", "nl", "zl", "zp":
		return &set{}
	}
	if table := categories()[name]; table != nil {
		return setOf(func(c byte) bool { return isA(c, table) })
	}
	return nil
}
