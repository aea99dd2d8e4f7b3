// SPDX-License-Identifier: ISC

package maillog

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// object is a line as its reader sees it.
type object struct {
	Time, Severity, Program, Service, Text string
	Pid                                    int
}

func TestJSONTellsTheServiceWhereThereIsOne(t *testing.T) {
	l := Logger{sink: newSink(Dest{Name: "box"}, "master"), process: "master", pid: 7}
	for _, c := range []struct {
		log  *Logger
		want string
	}{
		{&l, `"program":"box/master","pid":7,"text":"x"}`},
		{l.About("smtp/inet"), `"program":"box/master","pid":7,"service":"smtp/inet","text":"x"}`},
		{l.About(`a"b/unix`).With("t"), `"program":"t","pid":7,"service":"a\"b/unix","text":"x"}`},
	} {
		r := c.log.record(info, "x")
		if got := string(r.appendJSON(nil)); !strings.HasSuffix(got, c.want) {
			t.Errorf("got %s, want ... %s", got, c.want)
		}
	}
}

// FuzzJSON: whatever is logged, by whoever, is one line of valid UTF-8, of
// bounded length, that a parser of JSON reads back.
func FuzzJSON(f *testing.F) {
	f.Add("postfix/smtpd", "smtp/inet", "plain", uint8(0))
	f.Add(`"\`, "\x00\n", "\u2028\u2029\ufeff \xff\xed\xa0\x80 grün 日本 🙂 \u009b", uint8(3))
	f.Add("", "", strings.Repeat(`"`, 3000), uint8(4))
	f.Add(strings.Repeat(`\`, 300), strings.Repeat("語", 200), strings.Repeat(`\🙂`, 900), uint8(1))
	f.Fuzz(func(t *testing.T, tag, service, text string, s uint8) {
		l := (&Logger{sink: newSink(Dest{}, ""), pid: 1 << 22}).With(tag).About(service)
		r := l.record(severity(int(s)%len(words)), "%s", text)
		line := r.appendJSON(nil)
		if len(line) >= maxLine || !utf8.Valid(line) || strings.ContainsAny(string(line), "\n\r\x00") {
			t.Fatalf("%d bytes: %q", len(line), line)
		}
		var got object
		if err := json.Unmarshal(line, &got); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if got.Program != r.tag || got.Service != r.service || got.Pid != r.pid || got.Severity != words[r.severity] {
			t.Fatalf("got %+v from %s", got, line)
		}
		if got.Text != r.text && (!strings.HasPrefix(r.text, got.Text) || len(line) < maxLine-16) {
			t.Fatalf("got %q, want %q", got.Text, r.text)
		}
	})
}
