// SPDX-License-Identifier: ISC

package table

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Fold returns key in the case that a table stores: lower-case if f asks for
// it, with FoldFix of a Fixed table and with FoldMul of a Pattern one. table are
// the table's own flags.
//
// Where f says UTF8Request or UTF8Active, ok is false if the key is not valid
// UTF-8, and all letters are folded, in the way that Unicode calls full: what
// comes out may be longer. Otherwise only those of ASCII are.
func Fold(key string, f Flags, table Flags) (folded string, ok bool) {
	utf := f&(UTF8Request|UTF8Active) != 0
	if utf && !utf8.ValidString(key) {
		return "", false
	}
	if (f&FoldFix == 0 || table&Fixed == 0) && (f&FoldMul == 0 || table&Pattern == 0) {
		return key, true
	}
	// Most keys need nothing, and get it without a copy.
	for i := range len(key) {
		switch c := key[i]; {
		case utf && c >= utf8.RuneSelf:
			return foldRunes(key, i), true
		case 'A' <= c && c <= 'Z':
			return foldBytes(key, i, utf), true
		}
	}
	return key, true
}

// foldBytes lower-cases the letters of ASCII in key from i on, where the first
// of them is.
func foldBytes(key string, i int, utf bool) string {
	var b strings.Builder
	b.Grow(len(key))
	b.WriteString(key[:i])
	for ; i < len(key); i++ {
		c := key[i]
		switch {
		case utf && c >= utf8.RuneSelf:
			b.WriteString(foldRunes(key[i:], 0))
			return b.String()
		case 'A' <= c && c <= 'Z':
			c |= 0x20
		}
		b.WriteByte(c)
	}
	return b.String()
}

// foldRunes folds the characters of key from byte i on.
func foldRunes(key string, i int) string {
	var b strings.Builder
	b.Grow(len(key) + 4)
	b.WriteString(key[:i])
	for _, r := range key[i:] {
		if to := foldedUnlikeLower(r); to != "" {
			b.WriteString(to)
		} else if 0x13A0 <= r && r <= 0x13FD || 0xAB70 <= r && r <= 0xABBF {
			b.WriteRune(foldCherokee(r))
		} else {
			b.WriteRune(unicode.ToLower(r))
		}
	}
	return b.String()
}

// foldCherokee folds to the capital letters, which were there first.
func foldCherokee(r rune) rune {
	switch {
	case r >= 0xAB70:
		return r - 0xAB70 + 0x13A0
	case r >= 0x13F8:
		return r - 8
	}
	return r
}

// foldedUnlikeLower returns what a character folds to that neither is its
// lower-case letter nor is Cherokee; empty for all others.
func foldedUnlikeLower(r rune) string {
	lo, hi := 0, len(unlikeLower)
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		switch at := rune(unlikeLower[mid].from); {
		case at == r:
			return unlikeLower[mid].to
		case at < r:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return ""
}
