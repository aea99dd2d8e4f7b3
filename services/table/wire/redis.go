// SPDX-License-Identifier: ISC

package wire

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// RedisKind says what a reply is.
type RedisKind byte

const (
	RedisSimple  RedisKind = '+'
	RedisError   RedisKind = '-'
	RedisInteger RedisKind = ':'
	RedisString  RedisKind = '$'
	RedisNull    RedisKind = 0 // a string that is not there
)

// redisLine is how long a line may be: an error's text above all.
const redisLine = 1024

// AppendRedis appends a command.
func AppendRedis(b []byte, args ...string) []byte {
	b = appendRedisNumber(b, '*', len(args))
	for _, s := range args {
		b = appendRedisNumber(b, '$', len(s))
		b = append(append(b, s...), "\r\n"...)
	}
	return b
}

func appendRedisNumber(b []byte, kind byte, n int) []byte {
	return append(strconv.AppendInt(append(b, kind), int64(n), 10), "\r\n"...)
}

// RedisReply reads a reply with a text of up to limit bytes. Arrays are an
// error: no command of ours is answered with one.
func RedisReply(in []byte, limit int) (n int, kind RedisKind, text string, err error) {
	if len(in) == 0 {
		return 0, 0, "", nil
	}
	kind = RedisKind(in[0])
	if bytes.IndexByte([]byte("+-:$"), in[0]) < 0 {
		return 0, 0, "", fmt.Errorf("unexpected reply: %.30q", in)
	}
	end := bytes.IndexByte(in[:min(len(in), redisLine)], '\n')
	if end < 0 {
		if len(in) >= redisLine {
			return 0, 0, "", fmt.Errorf("line longer than %d", redisLine)
		}
		return 0, 0, "", nil
	}
	line, ok := bytes.CutSuffix(in[1:end], []byte{'\r'})
	if !ok {
		return 0, 0, "", errors.New("line without a carriage return at its end")
	}
	n = end + 1
	switch {
	case kind != RedisString:
		return n, kind, string(line), nil
	case string(line) == "-1":
		return n, RedisNull, "", nil
	case !allDigits(line):
		return 0, 0, "", fmt.Errorf("unexpected length: %.30q", line)
	}
	size, err := strconv.Atoi(string(line))
	if err != nil || size > limit {
		return 0, 0, "", fmt.Errorf("value of %.30s bytes, above the limit of %d", line, limit)
	}
	if len(in) < n+size+2 {
		return 0, 0, "", nil
	}
	if string(in[n+size:n+size+2]) != "\r\n" {
		return 0, 0, "", errors.New("value longer than announced")
	}
	return n + size + 2, kind, string(in[n : n+size]), nil
}
