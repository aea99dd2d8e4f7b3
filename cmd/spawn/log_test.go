// SPDX-License-Identifier: ISC

package main

import (
	"fmt"
	"net"
	"os"
	"regexp"
	"testing"
	"time"

	"postloop/services/skeleton/mastertest"
)

// TestLog: a daemon's lines go where those of Postfix's daemons go, and where
// log_to wants them.
func TestLog(t *testing.T) {
	t.Parallel()
	const sentence = "warning: command /bin/sh exit status 7"
	fail := []string{"argv=/bin/sh", "-c", "exit 7"}

	t.Run("maillog_file", func(t *testing.T) {
		t.Parallel()
		m := mastertest.New(t, mastertest.Options{})
		must(t, os.Mkdir(m.Queue+"/public", 0o755))
		postlogd, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.Queue + "/public/postlog", Net: "unixgram"})
		must(t, err)
		defer func() { must(t, postlogd.Close()) }()
		must(t, os.WriteFile(m.Dir+"/etc/main.cf", fmt.Appendf(nil,
			"queue_directory = %s\nrootless = yes\nmyhostname = mx.example.org\nmaillog_file = %s/file\nmaillog_file_prefixes = %[2]s\n", m.Queue, m.Dir), 0o644))
		d := start(t, mastertest.Options{Master: m}, fail...)
		_ = all(d.Dial())
		must(t, postlogd.SetReadDeadline(time.Now().Add(mastertest.Patience)))
		buf := make([]byte, 4096)
		n, err := postlogd.Read(buf)
		must(t, err)
		if want := fmt.Sprintf(` mx postfix/spawn[%d]: %s`, d.Pid, sentence); len(buf[:n]) < 15 || string(buf[15:n]) != want {
			t.Errorf("got %q, want %q", buf[:n], want)
		}
		if _, err := os.Lstat(m.Dir + "/file"); err == nil {
			t.Error("the file is postlogd's to write")
		}
	})

	t.Run("file", func(t *testing.T) {
		t.Parallel()
		m := mastertest.New(t, mastertest.Options{})
		must(t, os.WriteFile(m.Dir+"/etc/main.cf", fmt.Appendf(nil,
			"queue_directory = %s\nrootless = yes\nlog_to = file\nlog_format = json\nmaillog_file = %s/file\nmaillog_file_prefixes = %[2]s\n", m.Queue, m.Dir), 0o644))
		d := start(t, mastertest.Options{Master: m}, fail...)
		_ = all(d.Dial())
		d.Says(taken)
		d.Says(available) // the line is written before that
		text, err := os.ReadFile(m.Dir + "/file")
		must(t, err)
		want := regexp.MustCompile(fmt.Sprintf(
			`^\{"time":"[^"]+Z","severity":"warning","program":"postfix/spawn","pid":%d,"service":"it/unix","text":"command /bin/sh exit status 7"\}\n$`, d.Pid))
		if !want.Match(text) {
			t.Errorf("got %q", text)
		}
	})
}
