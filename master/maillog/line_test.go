// SPDX-License-Identifier: ISC

package maillog

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

var when = time.Date(2026, time.March, 4, 5, 6, 7, 80900, time.FixedZone("", 3600))

func TestLineFormats(t *testing.T) {
	const exec = "master_spawn: exec /x/y: No such file or directory"
	for _, c := range []struct {
		severity               severity
		syslog, postlog, words string
	}{
		{info, "<22>Mar  4 05:06:07 postfix/master[77]: ", "", `"severity":"info"`},
		{warning, "<20>Mar  4 05:06:07 postfix/master[77]: warning: ", "warning: ", `"severity":"warning"`},
		{failure, "<19>Mar  4 05:06:07 postfix/master[77]: error: ", "error: ", `"severity":"error"`},
		{fatal, "<18>Mar  4 05:06:07 postfix/master[77]: fatal: ", "fatal: ", `"severity":"fatal"`},
		{internal, "<18>Mar  4 05:06:07 postfix/master[77]: panic: ", "panic: ", `"severity":"panic"`},
	} {
		r := record{when: when, severity: c.severity, tag: "postfix/master", pid: 77, text: exec}
		if got, want := string(r.appendSyslog(nil, facilities["mail"])), c.syslog+exec; got != want {
			t.Errorf("syslog:\n got %s\nwant %s", got, want)
		}
		want := "Mar 04 05:06:07 mx postfix/master[77]: " + c.postlog + exec
		if got := string(r.appendText(nil, "mx")); got != want {
			t.Errorf("postlog:\n got %s\nwant %s", got, want)
		}
		want = `{"time":"2026-03-04T04:06:07.000080Z",` + c.words + `,"program":"postfix/master","pid":77,"text":"` + exec + `"}`
		if got := string(r.appendJSON(nil)); got != want {
			t.Errorf("JSON:\n got %s\nwant %s", got, want)
		}
	}
	r := record{when: when, tag: "t", pid: 1}
	if got, want := string(r.appendSyslog(nil, facilities["local7"])), "<190>Mar  4 05:06:07 t[1]: "; got != want {
		t.Errorf("local7: got %q, want %q", got, want)
	}
}

// A line of nothing but quotation marks must still go into a pipe at once.
func TestJSONLineIsBounded(t *testing.T) {
	tag := strings.Repeat(`\`, maxName)
	r := record{when: when, tag: tag, pid: 1 << 22, text: strings.Repeat(`"`, maxText)}
	line := r.appendJSON([]byte("before"))[len("before"):]
	if len(line)+1 > maxLine || len(line) < maxLine-16 {
		t.Errorf("%d bytes; want nearly but at most %d with the newline", len(line), maxLine)
	}
	var got struct{ Program, Text string }
	if err := json.Unmarshal(line, &got); err != nil {
		t.Fatal(err)
	}
	if got.Program != tag || strings.Trim(got.Text, `"`) != "" {
		t.Errorf("got %+v", got)
	}
}

func TestClean(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"plain ~ text", "plain ~ text"},
		{"a\nb\tc\x00d\x7f", "a?b?c?d?"},
		{"grün 日本 🙂", "grün 日本 🙂"},
		{"cut \xe6\x97", "cut ??"},
		{"\xff\xfe", "??"},
		{"overlong \xc0\xaf", "overlong ??"},
		{"surrogate \xed\xa0\x80", "surrogate ???"},
		{"csi \u009b31m", "csi ??31m"},
		{"\u00a0\ufffd", "\u00a0\ufffd"},
	} {
		if got := clean(c.in, maxText); got != c.want {
			t.Errorf("%q: got %q, want %q", c.in, got, c.want)
		}
	}
}

func TestCleanCutsBetweenCharacters(t *testing.T) {
	for _, c := range []struct {
		in    string
		limit int
		want  string
	}{
		{"abcdef", 6, "abcdef"},
		{"abcdef", 5, "abcde"},
		{"ab日本", 5, "ab日"},
		{"ab日本", 4, "ab"},
		{"ab日本", 3, "ab"},
		{"ab日本", 2, "ab"},
		{"\x80\x80\x80\x80\x80\x80", 5, "?????"},
		{"\x80\x80", 1, "?"},
		{"日本", 1, ""},
	} {
		if got := clean(c.in, c.limit); got != c.want {
			t.Errorf("%q to %d: got %q, want %q", c.in, c.limit, got, c.want)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("text", 10)
	f.Add("a\nb\xff\u009b日本", 7)
	f.Add("\x80\x80\x80\x80\x80\x80", 5)
	f.Fuzz(func(t *testing.T, in string, limit int) {
		limit = max(0, min(limit, maxText))
		out := clean(in, limit)
		if len(out) > limit || len(out) > len(in) || len(out) < min(len(in), limit-utf8.UTFMax+1) {
			t.Fatalf("%d bytes cut to %d became %d", len(in), limit, len(out))
		}
		if !utf8.ValidString(out) || strings.ContainsFunc(out, unicode.IsControl) {
			t.Fatalf("%q became %q", in, out)
		}
		if clean(out, limit) != out {
			t.Fatalf("%q changed when cleaned again", out)
		}
		r := record{when: when, tag: clean(in, maxName), text: out}
		var got struct{ Program, Text string }
		line := r.appendJSON(nil)
		if err := json.Unmarshal(line, &got); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if got.Program != r.tag || !strings.HasPrefix(out, got.Text) {
			t.Fatalf("%q came back as %q", out, got.Text)
		}
	})
}

func BenchmarkClean(b *testing.B) {
	const text = "warning: process /usr/lib/postfix/sbin/smtpd pid 4711 exit status 1"
	for b.Loop() {
		clean(text, maxText)
	}
}
