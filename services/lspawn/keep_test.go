// SPDX-License-Identifier: ISC

package lspawn

import (
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"
	"weak"

	"postloop/services/lspawn/lspawntest"
)

// longText returns a long string, of which a part is kept, and what tells whether
// it is still in memory.
func longText() (text string, left func() bool) {
	text = strings.Repeat("x", keep) + "joe-list"
	first := weak.Make(unsafe.StringData(text))
	return text, func() bool {
		runtime.GC()
		return first.Value() != nil
	}
}

// TestAnswersKeepNoCommands: a command can be long, and only the local part of its
// recipient is remembered.
func TestAnswersKeepNoCommands(t *testing.T) {
	k := answers{lasts: time.Minute, now: time.Now}
	left := func() func() bool {
		text, left := longText()
		k.put(text[keep:], account{user: "joe", dash: "-", ext: text[keep+len("joe-"):]})
		return left
	}()
	if left() {
		t.Error("the whole command is kept")
	}
	if a, ok := k.get("joe-list"); !ok || a.ext != "list" {
		t.Errorf("kept: %+v, %t", a, ok)
	}
}

// TestRunningKeepsNoCommand: what qmail-local was told, its parent need not know
// any more.
func TestRunningKeepsNoCommand(t *testing.T) {
	f := newFixture(t, "read -r line\nwhile [ ! -e $0.go ]; do sleep 0.01; done", nil)
	c := to(3, "joe@example.com")
	f.send(c.Encode(f.c.Protocol.String()))
	f.until(func() bool { return f.s.slots[3] != nil && f.s.slots[3].stage == running })
	if d := f.s.slots[3]; d.local != "" || d.host != "" || d.env != nil || d.names != nil || d.c.Recipient != "" {
		t.Errorf("kept: %q %q %q %v %q", d.local, d.host, d.env, d.names, d.c.Recipient)
	}
	f.Script("local.go", "")
	f.until(func() bool { return len(f.list) == 1 })
	if want := (lspawntest.Report{Number: 3, Text: "K"}); f.list[0] != want {
		t.Errorf("report %+v, want %+v", f.list[0], want)
	}
}
