// SPDX-License-Identifier: ISC

package wire

import (
	"errors"
	"strconv"
	"strings"
)

// The limits of socketmap_table(5).
const (
	MaxSocketmapReply = 100000 // without the netstring around it
	MaxSocketmapQuery = 10000
)

// What can be wrong with a netstring, in Postfix's words.
var (
	ErrNetstring       = errors.New("input format error")
	ErrNetstringTooBig = errors.New("input exceeds size limit")
)

// AppendNetstring appends the parts as one netstring.
func AppendNetstring(b []byte, parts ...string) []byte {
	size := 0
	for _, s := range parts {
		size += len(s)
	}
	b = strconv.AppendInt(b, int64(size), 10)
	b = append(b, ':')
	for _, s := range parts {
		b = append(b, s...)
	}
	return append(b, ',')
}

// Netstring reads a netstring of up to limit bytes. As in Postfix, a length
// may have zeros in front of it, and no digits are 0.
func Netstring(in []byte, limit int) (n int, data []byte, err error) {
	size := 0
	for i, c := range in {
		switch {
		case isDigit(c):
			// Zeros change nothing, but there must be an end to them.
			if size = size*10 + int(c-'0'); size > limit || i >= 20 {
				return 0, nil, ErrNetstringTooBig
			}
		case c != ':':
			return 0, nil, ErrNetstring
		case len(in) <= i+1+size:
			return 0, nil, nil
		case in[i+1+size] != ',':
			return 0, nil, ErrNetstring
		default:
			return i + 1 + size + 1, in[i+1 : i+1+size], nil
		}
	}
	return 0, nil, nil
}

// SocketmapReply splits what is in a reply's netstring: a word, and the text
// behind one space.
func SocketmapReply(data []byte) (word, text string) {
	word, text, _ = strings.Cut(string(data), " ")
	return word, text
}
