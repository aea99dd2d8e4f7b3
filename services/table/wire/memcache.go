// SPDX-License-Identifier: ISC

package wire

import (
	"bytes"
	"fmt"
	"strconv"
)

// MemcacheLimits bound what a server may say.
type MemcacheLimits struct {
	Line int // without its end
	Data int
}

// AppendMemcacheGet appends the request for key, which must be a MemcacheKey.
func AppendMemcacheGet(b []byte, key string) []byte {
	return append(append(append(b, "get "...), key...), "\r\n"...)
}

// AppendMemcacheSet appends the request to set key to value for ttl seconds.
func AppendMemcacheSet(b []byte, key, value string, flags, ttl int) []byte {
	b = append(append(append(b, "set "...), key...), ' ')
	b = append(strconv.AppendInt(b, int64(flags), 10), ' ')
	b = append(strconv.AppendInt(b, int64(ttl), 10), ' ')
	b = append(strconv.AppendInt(b, int64(len(value)), 10), "\r\n"...)
	return append(append(b, value...), "\r\n"...)
}

// AppendMemcacheDelete appends the request to delete key.
func AppendMemcacheDelete(b []byte, key string) []byte {
	return append(append(append(b, "delete "...), key...), "\r\n"...)
}

// MemcacheKey reports whether key can stand in a request: it is not empty and
// has neither blanks nor control characters, which would end it.
func MemcacheKey(key string) bool {
	for i := range len(key) {
		if key[i] <= ' ' || key[i] == 0x7f {
			return false
		}
	}
	return key != ""
}

// MemcacheLine reads a line; it ends in a newline, with or without a carriage
// return before it.
func MemcacheLine(in []byte, lim MemcacheLimits) (n int, line []byte, err error) {
	end := bytes.IndexByte(in[:min(len(in), lim.Line+2)], '\n')
	if end < 0 {
		if len(in) >= lim.Line+2 {
			return 0, nil, unexpected(in)
		}
		return 0, nil, nil
	}
	line = bytes.TrimSuffix(in[:end], []byte{'\r'})
	if len(line) > lim.Line {
		return 0, nil, unexpected(line)
	}
	return end + 1, line, nil
}

// MemcacheValue reads the reply to a get of key.
func MemcacheValue(in []byte, key string, lim MemcacheLimits) (n int, value string, found bool, err error) {
	head, line, err := MemcacheLine(in, lim)
	if head == 0 {
		return 0, "", false, err
	}
	if string(line) == "END" {
		return head, "", false, nil
	}
	// VALUE key flags size, and perhaps a number that is there to be compared.
	w := bytes.FieldsFunc(line, func(c rune) bool { return c == ' ' }) // a key may have what Unicode calls a blank
	if len(w) < 4 || len(w) > 5 || string(w[0]) != "VALUE" || string(w[1]) != key || !allDigits(w[3]) {
		return 0, "", false, unexpected(line)
	}
	size, err := strconv.Atoi(string(w[3]))
	if err != nil || size > lim.Data {
		return 0, "", false, unexpected(line)
	}
	if len(in) < head+size {
		return 0, "", false, nil
	}
	data := in[head : head+size]
	rest := in[head+size:]
	for _, want := range []string{"", "END"} {
		used, line, err := MemcacheLine(rest, MemcacheLimits{Line: len(want)})
		if err != nil || used > 0 && string(line) != want {
			return 0, "", false, unexpected(rest)
		}
		if used == 0 {
			return 0, "", false, nil
		}
		rest = rest[used:]
	}
	return len(in) - len(rest), string(data), true, nil
}

func unexpected(text []byte) error {
	if end := bytes.IndexAny(text, "\r\n"); end >= 0 {
		text = text[:end]
	}
	return fmt.Errorf("unexpected memcache server reply: %.30s", text)
}

func allDigits(b []byte) bool {
	for _, c := range b {
		if !isDigit(c) {
			return false
		}
	}
	return len(b) > 0
}
