// SPDX-License-Identifier: ISC

package master

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"postloop/cfg"
	"postloop/master/maillog"
)

// TestLogReopened: who has the old file open leaves, and nobody else. Who is
// being served is served to the end.
func TestLogReopened(t *testing.T) {
	w := newWorld(t)
	w.start("echo unix n - 2 echod", "postlog unix n - 1 echod", "postlog unix-dgram n - 1 echod")
	echo := w.service("public/echo", cfg.Unix)
	c := w.dial("public/echo")
	first := c.pid()

	// The log of this world is a file that processes would open as well.
	if n := w.m.LogReopened(); n != 1 {
		t.Errorf("%d processes leave", n)
	}
	// Who was told is not told again, nor is counted who cannot be told, such as a program.
	if n := w.m.LogReopened(); n != 0 {
		t.Errorf("%d processes leave once more", n)
	}
	second := w.dial("public/echo")
	if pid := second.pid(); pid == first {
		t.Error("the process that has the old file takes another client")
	}
	c.close()
	w.until(func() bool { return echo.procs == 1 })
	second.close()
	w.until(func() bool { return echo.idle == 1 })

	// Through postlogd, only that has it.
	w.must(w.m.log.Open(maillog.Dest{Kind: maillog.Postlog, Path: "public/none", File: w.log}))
	if n := w.m.LogReopened(); n != 0 {
		t.Errorf("%d processes leave", n)
	}
	if s := w.service("public/postlog", cfg.UnixDgram); !w.m.params.IsPostlog(s.spec) || w.m.params.IsPostlog(echo.spec) || w.m.params.IsPostlog(w.service("public/postlog", cfg.Unix).spec) {
		t.Error("which one is postlogd is mistaken")
	}
}

// TestControlReopen: the program does it, and says what has come of it.
func TestControlReopen(t *testing.T) {
	w := newWorld(t)
	w.start("echo unix n - 2 echod")
	var err error
	w.control(Operator{Reopen: func() (string, error) { return "log reopened", err }})
	c := w.dial("control")
	if a := c.ask(command("reopen", "")); !a.OK || a.Text != "log reopened" {
		t.Errorf("%+v", a)
	}
	if a := c.ask(command("reopen", "echo")); a.OK || !a.Reject || why(a) != "reopen is for the log of the whole master" {
		t.Errorf("%+v", a)
	}
	err = errors.New("open logfile 'x': no")
	if a := c.ask(command("reopen", "")); a.OK || a.Reject || why(a) != "open logfile 'x': no" {
		t.Errorf("%+v", a)
	}
}

// TestLinesNameTheirService in a field, where the form of the log has one.
func TestLinesNameTheirService(t *testing.T) {
	w := newWorld(t)
	w.must(w.m.log.Open(maillog.Dest{Kind: maillog.File, File: w.log, Format: maillog.JSON}))
	w.start("crash unix n - 1 crashd")
	w.dial("public/crash")
	w.until(func() bool { return w.service("public/crash", cfg.Unix).throttled })
	for _, sentence := range []string{"exit status 7", "bad command startup -- throttling", "throttled, next start in 1m0s"} {
		if n := w.lines(`"service":"crash/unix","text":`); n < 3 || w.lines(sentence) != 1 {
			t.Errorf("%d lines have their service; %d say %q", n, w.lines(sentence), sentence)
		}
	}
}

// TestChildEnvTellsOfTheJournal only where the outputs are the log.
func TestChildEnvTellsOfTheJournal(t *testing.T) {
	const stream = "JOURNAL_STREAM=8:1234"
	for _, c := range []struct {
		logTo string
		want  bool
	}{{"stderr", true}, {"stdout", true}, {"", false}, {"syslog", false}, {"journal", false}} {
		p := &cfg.Params{LogTo: c.logTo, SyslogName: "postfix"}
		env := childEnv([]string{"A=b", stream}, p)
		if got := slices.Contains(env, stream); got != c.want || strings.Contains(strings.Join(env, " "), "A=b") {
			t.Errorf("%q: %q", c.logTo, env)
		}
	}
}
