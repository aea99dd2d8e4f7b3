// SPDX-License-Identifier: ISC

package posix

// set is a set of bytes.
type set [4]uint64

func (s *set) add(c byte) { s[c>>6] |= 1 << (c & 63) }

func (s *set) has(c byte) bool { return s[c>>6]&(1<<(c&63)) != 0 }

func (s *set) addIf(in func(c byte) bool) {
	for c := range 256 {
		if in(byte(c)) {
			s.add(byte(c))
		}
	}
}

func (s *set) invert() {
	for i := range s {
		s[i] = ^s[i]
	}
}

func between(low, high byte) func(byte) bool {
	return func(c byte) bool { return low <= c && c <= high }
}

func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }
func isLower(c byte) bool { return 'a' <= c && c <= 'z' }
func isAlpha(c byte) bool { return isUpper(c) || isLower(c) }
func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isAlnum(c byte) bool { return isAlpha(c) || isDigit(c) }
func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }
func isWord(c byte) bool  { return isAlnum(c) || c == '_' }
func isGraph(c byte) bool { return '!' <= c && c <= '~' }

// classes are those of the C locale, made when they are asked for.
func classes() map[string]func(c byte) bool {
	return map[string]func(c byte) bool{
		"alnum":  isAlnum,
		"alpha":  isAlpha,
		"blank":  func(c byte) bool { return c == ' ' || c == '\t' },
		"cntrl":  func(c byte) bool { return c < ' ' || c == 0x7f },
		"digit":  isDigit,
		"graph":  isGraph,
		"lower":  isLower,
		"print":  between(' ', '~'),
		"punct":  func(c byte) bool { return isGraph(c) && !isAlnum(c) },
		"space":  isSpace,
		"upper":  isUpper,
		"xdigit": func(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' },
	}
}

func upper(c byte) byte {
	if isLower(c) {
		return c - 'a' + 'A'
	}
	return c
}
