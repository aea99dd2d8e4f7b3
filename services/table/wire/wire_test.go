// SPDX-License-Identifier: ISC

package wire_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"postloop/services/table/wire"
)

// outcome is what a reader made of some input, in one comparable line.
type outcome struct {
	used int
	text string
}

type reader func(in []byte) outcome

// readers are all readers of replies, in a form that can be compared.
var readers = map[string]reader{
	"tcp": func(in []byte) outcome {
		n, status, text, fault, err := wire.TCPReply(in)
		return outcome{n, fmt.Sprintf("%d %q %v %v", status, text, fault, err)}
	},
	"socketmap": func(in []byte) outcome {
		n, data, err := wire.Netstring(in, 40)
		word, text := wire.SocketmapReply(data)
		return outcome{n, fmt.Sprintf("%q %q %v", word, text, err)}
	},
	"memcache": func(in []byte) outcome {
		n, value, found, err := wire.MemcacheValue(in, "k", wire.MemcacheLimits{Line: 40, Data: 40})
		return outcome{n, fmt.Sprintf("%q %v %v", value, found, err)}
	},
	"memcache line": func(in []byte) outcome {
		n, line, err := wire.MemcacheLine(in, wire.MemcacheLimits{Line: 10})
		return outcome{n, fmt.Sprintf("%q %v", line, err)}
	},
	"redis": func(in []byte) outcome {
		n, kind, text, err := wire.RedisReply(in, 40)
		return outcome{n, fmt.Sprintf("%d %q %v", kind, text, err)}
	},
	"list": func(in []byte) outcome {
		n, list, err := wire.ReadList(in, 40)
		return outcome{n, fmt.Sprintf("%q %v", list, err)}
	},
}

func TestReplies(t *testing.T) {
	x := strings.Repeat("x", 4091)
	for _, row := range []struct{ protocol, in, want string }{
		{"list", "\x00\x00\x00\x00", `4 [] <nil>`},
		{"list", "\x00\x00\x00\x04\x00\x00\x00\x00more", `8 [""] <nil>`},
		{"list", "\x00\x00\x00\x0a\x00\x00\x00\x01a\x00\x00\x00\x01\x00", `14 ["a" "\x00"] <nil>`},
		{"list", "\x00\x00\x00\x0a\x00\x00\x00\x01a\x00\x00\x00\x01", `0 [] <nil>`},
		{"list", "\x00\x00\x00\x29", `0 [] list of 41 bytes, above the limit of 40`},
		{"list", "\x00\x00\x00\x03\x00\x00\x00", `0 [] list that ends within a length`},
		{"list", "\x00\x00\x00\x05\x00\x00\x00\x02a", `0 [] string of 2 bytes in a list with 1 left`},
		{"list", "\x00\x00\x00\x05\xff\xff\xff\xffa", `0 [] string of 4294967295 bytes in a list with 1 left`},
		{"tcp", "200 hello\n", `10 50 "hello" <nil> <nil>`},
		{"tcp", "200 hello\nmore", `10 50 "hello" <nil> <nil>`},
		{"tcp", "200 \n", `5 50 "" <nil> <nil>`},
		{"tcp", "200\thi\n", `7 50 "hi" <nil> <nil>`},
		{"tcp", "200  two\n", `9 50 " two" <nil> <nil>`},
		{"tcp", "299 a%20b%25c%0a\n", `17 50 "a b%c\n" <nil> <nil>`},
		{"tcp", "200 hi\r\n", `8 50 "hi\r" <nil> <nil>`},
		{"tcp", "500 no\n", `7 53 "no" <nil> <nil>`},
		{"tcp", "450 later\n", `10 52 "later" <nil> <nil>`},
		{"tcp", "200 " + x + "\n", `4096 50 "` + x + `" <nil> <nil>`},
		{"tcp", "200 " + x + "x\n", `0 0 "" <nil> text longer than 4096`},
		{"tcp", "200\n", `4 0 "" malformed reply: 200 <nil>`},
		{"tcp", "\n", `1 0 "" malformed reply:  <nil>`},
		{"tcp", "2000 x\n", `7 0 "" malformed reply: 2000 x <nil>`},
		{"tcp", "2a0 x\n", `6 0 "" malformed reply: 2a0 x <nil>`},
		{"tcp", "200 a%2\n", `8 0 "" malformed reply: 200 a%2 <nil>`},
		{"tcp", "200 a%zz\n", `9 0 "" malformed reply: 200 a%zz <nil>`},
		{"tcp", "200 a%+1\n", `9 0 "" malformed reply: 200 a%+1 <nil>`},
		{"tcp", "100 x\n", `6 0 "" bad status code: 100 x <nil>`},
		{"tcp", "999 x\n", `6 0 "" bad status code: 999 x <nil>`},
		{"tcp", "200 hello", `0 0 "" <nil> <nil>`},

		{"socketmap", "8:OK hello,", `11 "OK" "hello" <nil>`},
		{"socketmap", "8:OK hello,8:", `11 "OK" "hello" <nil>`},
		{"socketmap", "04:OK x,", `8 "OK" "x" <nil>`},
		{"socketmap", "2:OK,", `5 "OK" "" <nil>`},
		{"socketmap", "3:OK ,", `6 "OK" "" <nil>`},
		{"socketmap", "6:OK\t x ,", `9 "OK\t" "x " <nil>`},
		{"socketmap", ":,", `2 "" "" <nil>`},
		{"socketmap", "0:,", `3 "" "" <nil>`},
		{"socketmap", "4:OK xz", `0 "" "" input format error`},
		{"socketmap", "abc", `0 "" "" input format error`},
		{"socketmap", "4 :OK x,", `0 "" "" input format error`},
		{"socketmap", "-1:,", `0 "" "" input format error`},
		{"socketmap", "41:", `0 "" "" input exceeds size limit`},
		{"socketmap", "999999999999999999999999", `0 "" "" input exceeds size limit`},
		{"socketmap", strings.Repeat("0", 30), `0 "" "" input exceeds size limit`},
		{"socketmap", "40:" + x[:39], `0 "" "" <nil>`},

		{"memcache", "END\r\n", `5 "" false <nil>`},
		{"memcache", "END\n", `4 "" false <nil>`},
		{"memcache", "VALUE k 0 2\r\nhi\r\nEND\r\n", `22 "hi" true <nil>`},
		{"memcache", "VALUE k 0 2\nhi\nEND\n", `19 "hi" true <nil>`},
		{"memcache", "VALUE k 0 2 99\r\nhi\r\nEND\r\nEND\r\n", `25 "hi" true <nil>`},
		{"memcache", "VALUE k 0 0\r\n\r\nEND\r\n", `20 "" true <nil>`},
		{"memcache", "VALUE k 0 4\r\n\r\n\r\n\r\nEND\r\n", `24 "\r\n\r\n" true <nil>`},
		{"memcache", "VALUE k 0 2\r\nhi\r\n", `0 "" false <nil>`},
		{"memcache", "VALUE other 0 2\r\nhi\r\nEND\r\n", `0 "" false unexpected memcache server reply: VALUE other 0 2`},
		{"memcache", "VALUE k 0 2\r\nhi\r\nVALUE", `0 "" false unexpected memcache server reply: VALUE`},
		{"memcache", "VALUE k 0 2\r\nhiEND\r\n", `0 "" false unexpected memcache server reply: END`},
		{"memcache", "VALUE k 0 41\r\n", `0 "" false unexpected memcache server reply: VALUE k 0 41`},
		{"memcache", "VALUE k 0 99999999999999999999\r\n", `0 "" false unexpected memcache server reply: VALUE k 0 99999999999999999999`},
		{"memcache", "VALUE k 0 -1\r\n", `0 "" false unexpected memcache server reply: VALUE k 0 -1`},
		{"memcache", "VALUE k 0 +2\r\n", `0 "" false unexpected memcache server reply: VALUE k 0 +2`},
		{"memcache", "ERROR\r\n", `0 "" false unexpected memcache server reply: ERROR`},
		{"memcache", x[:42], `0 "" false unexpected memcache server reply: ` + x[:30]},
		{"memcache line", "0123456789\r\n", `12 "0123456789" <nil>`},
		{"memcache line", "0123456789", `0 "" <nil>`},
		{"memcache line", "0123456789a\n", `0 "" unexpected memcache server reply: 0123456789a`},

		{"redis", "$5\r\nhello\r\n", `11 36 "hello" <nil>`},
		{"redis", "$0\r\n\r\n", `6 36 "" <nil>`},
		{"redis", "$-1\r\n", `5 0 "" <nil>`},
		{"redis", "+OK\r\n", `5 43 "OK" <nil>`},
		{"redis", ":12\r\n", `5 58 "12" <nil>`},
		{"redis", "-ERR no\r\n", `9 45 "ERR no" <nil>`},
		{"redis", "$5\r\nhello", `0 0 "" <nil>`},
		{"redis", "$41\r\n", `0 0 "" value of 41 bytes, above the limit of 40`},
		{"redis", "$99999999999999999999\r\n", `0 0 "" value of 99999999999999999999 bytes, above the limit of 40`},
		{"redis", "$-2\r\n", `0 0 "" unexpected length: "-2"`},
		{"redis", "$\r\n", `0 0 "" unexpected length: ""`},
		{"redis", "$2\r\nhello\r\n", `0 0 "" value longer than announced`},
		{"redis", "*1\r\n", `0 0 "" unexpected reply: "*1\r\n"`},
		{"redis", "+OK\n", `0 0 "" line without a carriage return at its end`},
		{"redis", "-" + x, `0 0 "" line longer than 1024`},
	} {
		got := readers[row.protocol]([]byte(row.in))
		if s := fmt.Sprintf("%d %s", got.used, got.text); s != row.want {
			t.Errorf("%s %.60q:\n got %s\nwant %s", row.protocol, row.in, s, row.want)
		}
	}
}

// TestMemcacheBlanks: of all that somebody calls a blank, one ends a word.
func TestMemcacheBlanks(t *testing.T) {
	for _, key := range []string{"a\u00a0b", "a\u0085b", "a\u2003b", "\xa0", "\x85"} {
		in := "VALUE " + key + " 0 2\r\nhi\r\nEND\r\n"
		if n, value, found, err := wire.MemcacheValue([]byte(in), key, wire.MemcacheLimits{Line: 40, Data: 40}); n != len(in) || value != "hi" || !found || err != nil {
			t.Errorf("%q: %d, %q, %v, %v", key, n, value, found, err)
		}
	}
}

func TestRequests(t *testing.T) {
	for _, row := range []struct{ got, want string }{
		{string(wire.AppendTCPGet(nil, "a b%c\xc3\xa9\x01\x7f")), "get a%20b%25c%C3%A9%01%7F\n"},
		{string(wire.AppendTCPGet(nil, "user@example.com")), "get user@example.com\n"},
		{string(wire.AppendNetstring(nil, "map", " ", "key")), "7:map key,"},
		{string(wire.AppendMemcacheGet(nil, "k")), "get k\r\n"},
		{string(wire.AppendMemcacheSet(nil, "k", "va\r\nl", 5, 77)), "set k 5 77 5\r\nva\r\nl\r\n"},
		{string(wire.AppendMemcacheDelete(nil, "k")), "delete k\r\n"},
		{string(wire.AppendRedis(nil, "GET", "k\r\n")), "*2\r\n$3\r\nGET\r\n$3\r\nk\r\n\r\n"},
	} {
		if row.got != row.want {
			t.Errorf("got %q, want %q", row.got, row.want)
		}
	}
	for key, want := range map[string]bool{
		"": false, "k": true, "a b": false, "a\tb": false, "a\r": false, "a\n": false, "a\x7f": false, "a\x00": false, "a\x01": false, "é": true, "a,b": true,
	} {
		if got := wire.MemcacheKey(key); got != want {
			t.Errorf("MemcacheKey(%q) = %v", key, got)
		}
	}
}

// cutAnywhere checks what holds for every reader: an answer is what it is
// however it arrives, what follows it changes nothing, and a refusal stays one.
func cutAnywhere(t *testing.T, read reader, in []byte) {
	t.Helper()
	more := read(nil)
	whole := read(in)
	if whole.used > len(in) {
		t.Fatalf("%q: used %d of %d", in, whole.used, len(in))
	}
	for cut := range in {
		got := read(in[:cut])
		switch {
		case got == more: // not enough yet
			if whole.used > 0 && cut >= whole.used {
				t.Fatalf("%q: %v whole, and %v of its first %d bytes", in, whole, got, cut)
			}
		case got.used > 0:
			if got != whole {
				t.Fatalf("%q: %v whole, and %v of its first %d bytes", in, whole, got, cut)
			}
		case whole.used > 0 || whole == more:
			t.Fatalf("%q: %v whole, and %v of its first %d bytes", in, whole, got, cut)
		}
	}
}

func FuzzReplies(f *testing.F) {
	for _, s := range []string{
		"200 hello\n", "500 a%20\n", "8:OK hello,", "041:", "END\r\n", "VALUE k 0 2\r\nhi\r\nEND\r\n", "VALUE k 0 2\r\nhiX",
		"$5\r\nhello\r\n", "$-1\r\n", "-ERR x\r\n", "*3\r\n", "$99999999999\r\n", "\n", "0123456789\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) > 5000 { // beyond every limit
			in = in[:5000]
		}
		for _, read := range readers {
			cutAnywhere(t, read, in)
		}
	})
}

// FuzzRequests: what is asked arrives as it was meant, whatever the key.
func FuzzRequests(f *testing.F) {
	f.Add("user@example.com", "value")
	f.Add("a b%c\r\n\x00\xff", "")
	f.Fuzz(func(t *testing.T, key, value string) {
		line := wire.AppendTCPGet(nil, key)
		echo := append([]byte("200 "), line[len("get "):]...)
		if len(echo) <= wire.MaxTCPReply {
			if n, status, text, fault, err := wire.TCPReply(echo); n != len(echo) || status != wire.TCPFound || text != key || fault != nil || err != nil {
				t.Fatalf("%q: %q is read back as %q, %v, %v", key, line, text, fault, err)
			}
		}
		net := wire.AppendNetstring(nil, key, " ", value)
		if n, data, err := wire.Netstring(net, len(net)); n != len(net) || string(data) != key+" "+value || err != nil {
			t.Fatalf("%q is read back as %q, %v", net, data, err)
		}
		if wire.MemcacheKey(key) {
			if line := string(wire.AppendMemcacheGet(nil, key)); strings.Count(line, "\n") != 1 || strings.Count(line, " ") != 1 {
				t.Fatalf("%q is not one request", line)
			}
		}
		bulk := wire.AppendRedis(nil, value)[len("*1\r\n"):]
		list := wire.AppendList(nil, key, value, "")
		if n, got, err := wire.ReadList(list, len(list)); n != len(list) || !slices.Equal(got, []string{key, value, ""}) || err != nil {
			t.Fatalf("%q is read back as %q, %v", list, got, err)
		}
		if n, kind, text, err := wire.RedisReply(bulk, len(value)); n != len(bulk) || kind != wire.RedisString || text != value || err != nil {
			t.Fatalf("%q is read back as %q, %v", bulk, text, err)
		}
	})
}
