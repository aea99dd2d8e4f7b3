// SPDX-License-Identifier: ISC

package wire

import (
	"bytes"
	"fmt"
	"strconv"
)

// MaxTCPReply is how long a line of tcp_table(5) may be, with its newline.
const MaxTCPReply = 4096

// TCPStatus is the first digit of a reply; others than these are errors.
type TCPStatus byte

const (
	TCPFound  TCPStatus = '2'
	TCPRetry  TCPStatus = '4'
	TCPAbsent TCPStatus = '5'
)

// AppendTCPGet appends the request for key.
func AppendTCPGet(b []byte, key string) []byte {
	const hex = "0123456789ABCDEF"
	b = append(b, "get "...)
	for i := range len(key) {
		if c := key[i]; ' ' < c && c < 0x7f && c != '%' {
			b = append(b, c)
		} else {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return append(b, '\n')
}

// TCPReply reads a reply: three digits, one blank, and text in which %XX is a
// byte. fault, and no err, is for a line that is whole but makes no sense.
func TCPReply(in []byte) (n int, status TCPStatus, text string, fault, err error) {
	end := bytes.IndexByte(in[:min(len(in), MaxTCPReply)], '\n')
	switch {
	case end >= 0:
	case len(in) >= MaxTCPReply:
		return 0, 0, "", nil, fmt.Errorf("text longer than %d", MaxTCPReply)
	default:
		return 0, 0, "", nil, nil
	}
	line := in[:end]
	n = end + 1
	if len(line) < 4 || !isDigit(line[0]) || !isDigit(line[1]) || !isDigit(line[2]) || !isSpace(line[3]) {
		return n, 0, "", fmt.Errorf("malformed reply: %.100s", line), nil
	}
	text, ok := unescape(line[4:])
	if !ok {
		return n, 0, "", fmt.Errorf("malformed reply: %.100s", line), nil
	}
	switch status = TCPStatus(line[0]); status {
	case TCPFound, TCPRetry, TCPAbsent:
		return n, status, text, nil, nil
	default:
		return n, 0, "", fmt.Errorf("bad status code: %.100s", line), nil
	}
}

// unescape replaces each %XX by its byte. A % without two hexadecimal digits
// is not ok.
func unescape(text []byte) (string, bool) {
	if bytes.IndexByte(text, '%') < 0 {
		return string(text), true
	}
	b := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			b = append(b, text[i])
			continue
		}
		if len(text) < i+3 {
			return "", false
		}
		c, err := strconv.ParseUint(string(text[i+1:i+3]), 16, 8)
		if err != nil {
			return "", false
		}
		b = append(b, byte(c))
		i += 2
	}
	return string(b), true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// isSpace is C's.
func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }
