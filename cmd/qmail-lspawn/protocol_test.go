// SPDX-License-Identifier: ISC

package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"postloop/services/lspawn/lspawntest"
)

func mkfifo(path string) error { return syscall.Mkfifo(path, 0o666) }

func TestAnnouncement(t *testing.T) {
	t.Parallel()
	r := newRig(t, "")
	for _, test := range []struct {
		protocol, limit string
		want            int
	}{
		{"classic", "", 120}, {"big", "", 500}, {"indimail", "", 500}, {"classic", "255", 255}, {"indimail", "1000", 1000},
	} {
		s := begin(t, r, lspawntest.Options{Protocol: test.protocol, Env: []string{"QMAIL_LSPAWN_LIMIT=" + test.limit}})
		if got := s.Announced(); got != test.want {
			t.Errorf("%s announces %d, want %d", test.protocol, got, test.want)
		}
		s.CloseInput()
		if rest := s.Rest(); len(rest) > 0 {
			t.Errorf("reports without a command: %+v", rest)
		}
		s.Exits(0)
	}
}

// TestCapturedBytes: bytes that went to and came from the original.
func TestCapturedBytes(t *testing.T) {
	t.Parallel()
	const local = `
case $2 in crash) kill -SEGV $$;; nobody) echo "Sorry, no mailbox here by that name. (#5.1.1)"; exit 100;; stub) echo out of stub;; *) echo did 1+0+0;; esac`
	r := newRig(t, local)
	r.Assign("=joe:joe:UID:GID:/home/joe:::\n=crash:crash:UID:GID:/:::\n+joe-:stub:UID:GID:/:-::\n+:nobody:UID:GID:/:-::\n")
	r.Message("7/1234", "")
	must(t, os.Mkdir(r.Dir+"/queue/mess/7/dir", 0o755))
	for _, test := range []struct{ protocol, in, out string }{
		{"indimail", "\x00\x007/1234\x00sender@b.example\x00\x00\x00joe@example.com\x00", "\x00\x00Kdid 1+0+0\n\x00"},
		{"indimail", "\x2c\x017/1234\x00sender@b.example\x00\x00\x00joe@example.com\x00", "\x2c\x01Kdid 1+0+0\n\x00"},
		{"indimail", "\x02\x007/1234\x00s@b\x00\x00\x00no@example.com\x00", "\x02\x00DSorry, no mailbox here by that name. (#5.1.1)\n\x00"},
		{"indimail", "\x03\x007/1234\x00s@b\x00\x00\x00joe\x00", "\x03\x00DSorry, address must include host name. (#5.1.3)\n\x00"},
		{"indimail", "\x04\x007/1234\x00s@b\x00\x00\x00@example.com\x00", "\x04\x00K\x00"},
		{"indimail", "\x06\x007/1\x30\x00s@b\x00\x00\x00joe@h\x00", "\x06\x00Zqmail-spawn unable to open message. (#4.3.0)\n\x00"},
		{"indimail", "\x0a\x007\x00s@b\x00\x00\x00joe@h\x00", "\x0a\x00ZSorry, message has wrong type. (#4.3.5)\n\x00"},
		{"indimail", "\xf4\x017/1234\x00s@b\x00\x00\x00joe@h\x00", "\xf4\x01ZInternal error: delnum too big. (#4.3.5)\n\x00"},
		{"indimail", "\xff\x807/1234\x00s@b\x00\x00\x00joe@h\x00", "\xff\x80ZInternal error: delnum negative. (#4.3.5)\n\x00"},
		{"indimail", "\x00\x007/1234\x00s@b\x00\x00\x00crash@h\x00", "\x00\x00Zqmail-local crashed.\n\x00"},
		{"classic", "\x777/1234\x00\x00joe-e0@example.com\x00", "\x77Kout of stub\n\x00"},
		{"classic", "\x017/1234\x00\x00crash@example.com\x00", "\x01Zqmail-local crashed.\n\x00"},
		{"classic", "\x027/1\x30\x00\x00joe@h\x00", "\x02Zqmail-spawn unable to open message. (#4.3.0)\n\x00"},
		{"classic", "\x787/1234\x00\x00joe@h\x00", "\x78ZInternal error: delnum too big. (#4.3.5)\n\x00"},
		{"big", "\x77\x007/1234\x00\x00joe-e0@example.com\x00", "\x77\x00Kout of stub\n\x00"},
		{"big", "\xff\xff7/1234\x00\x00joe@h\x00", "\xff\xffZInternal error: delnum negative. (#4.3.5)\n\x00"},
	} {
		s := start(t, r, lspawntest.Options{Protocol: test.protocol})
		s.Send([]byte(test.in))
		s.CloseInput()
		want, rest, ok := lspawntest.Cut(test.protocol, []byte(test.out))
		if !ok || len(rest) > 0 {
			t.Fatalf("%q", test.out)
		}
		if got := s.Rest(); len(got) != 1 || got[0] != want {
			t.Errorf("%q:\ngot  %+v\nwant %+v", test.in, got, want)
		}
		s.Exits(0)
	}
}

// TestStart: what ends the program before it has said anything.
func TestStart(t *testing.T) {
	t.Parallel()
	r := newRig(t, "")
	for _, test := range []struct {
		name string
		o    lspawntest.Options
		want int
	}{
		{"no argument", lspawntest.Options{Args: []string{}}, 100},
		{"no queue", lspawntest.Options{Env: []string{"QUEUEDIR=" + r.Dir + "/nowhere"}, Bare: true}, 111},
		{"no queue and no argument", lspawntest.Options{Env: []string{"QUEUEDIR=" + r.Dir + "/nowhere"}, Bare: true, Args: []string{}}, 111},
		{"no such user", lspawntest.Options{Env: []string{"QUEUEDIR=" + r.Dir + "/queue", "QMAIL_LSPAWN_QMAILQ=no-such-user-here"}, Bare: true}, 111},
		{"no such protocol", lspawntest.Options{Protocol: "qmtp"}, 111},
	} {
		s := begin(t, r, test.o)
		if rest := s.Rest(); len(rest) > 0 {
			t.Errorf("%s: it says %+v", test.name, rest)
		}
		s.Exits(test.want)
	}
}

// TestEnd: commands end while deliveries run, and in the middle of one.
func TestEnd(t *testing.T) {
	t.Parallel()
	for _, protocol := range protocols {
		r := newRig(t, `read x <DIR/out/gate; echo $6`)
		gate := fifo(t, r, "gate")
		s := start(t, r, lspawntest.Options{Protocol: protocol})
		s.Send(encode(protocol, to(5, "joe-a@h"), to(6, "joe-b@h")))
		half := to(7, "joe-c@h").Encode(protocol)
		s.Send(half[:len(half)-1])
		lspawntest.Until(t, "two deliveries", func() bool { return len(lspawntest.Children(t, s.Pid)) == 2 })
		s.CloseInput()
		_, err := gate.WriteString("\n")
		must(t, err)
		first := s.Report()
		if !s.Runs() {
			t.Errorf("%s: it has ended before its deliveries", protocol)
		}
		_, err = gate.WriteString("\n")
		must(t, err)
		all := append(s.Rest(), first)
		got := fmt.Sprint(all)
		if len(all) != 2 || !strings.Contains(got, "{5 Ka\n}") || !strings.Contains(got, "{6 Kb\n}") {
			t.Errorf("%s: %s", protocol, got)
		}
		s.Exits(0)
	}
}

// TestArguments: the default delivery may look like anything; what follows is
// for ps.
func TestArguments(t *testing.T) {
	t.Parallel()
	r := newRig(t, `shift 8; printf '%s' "$1"`)
	for _, what := range []string{"./Mailbox", "-x", "--", "|dot-forward .forward\n./Maildir/", "& joe", ""} {
		for _, more := range [][]string{nil, {r.Dir + "/queue"}, {"a", "b"}} {
			s := start(t, r, lspawntest.Options{Args: append([]string{what}, more...)})
			s.Command(to(1, "joe@h"))
			if got := s.Report(); got.Text != "K"+what {
				t.Errorf("%q is %q", what, got.Text)
			}
			s.CloseInput()
			s.Exits(0)
		}
	}
}

// TestWhatALocalHas: three descriptors, the signals as qmail leaves them but
// for SIGCHLD, and the environment without what is ours. What is looked at is
// not the shell, which has files of its own, but what it becomes.
func TestWhatALocalHas(t *testing.T) {
	t.Parallel()
	r := newRig(t, `exec cat DIR/out/gate`)
	gate := fifo(t, r, "gate")
	s := start(t, r, lspawntest.Options{})
	s.Command(to(1, "joe@h"))
	var child int
	var has []string
	lspawntest.Until(t, "it reads", func() bool {
		for _, child = range lspawntest.Children(t, s.Pid) {
			has = descriptors(t, child)
		}
		return len(has) == 4 && has[3] == "3 "+r.Dir+"/out/gate"
	})
	_, pipe, _ := strings.Cut(has[1], " ")
	if has[0] != "0 "+r.Dir+"/queue/mess/7/1" || !strings.HasPrefix(pipe, "pipe:") || has[2] != "2 "+pipe {
		t.Errorf("it has %q", has)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", child))
	must(t, err)
	const pipeBit, childBit = 1 << (syscall.SIGPIPE - 1), 1 << (syscall.SIGCHLD - 1)
	if blocked := mask(t, string(status), "SigBlk"); blocked != 0 {
		t.Errorf("it blocks %#x", blocked)
	}
	if ignored := mask(t, string(status), "SigIgn"); ignored&pipeBit == 0 || ignored&childBit != 0 { // others may be whose this test is
		t.Errorf("it ignores %#x", ignored)
	}
	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", child))
	must(t, err)
	if all := string(environ); strings.Contains(all, "QMAIL_LSPAWN_") || !strings.Contains(all, "MESSID=7/1\x00") {
		t.Errorf("its environment is %q", environ)
	}
	must(t, gate.Close())
	s.Report()
	s.CloseInput()
	s.Exits(0)
}

// mask returns a set of signals in the text of /proc/PID/status.
func mask(t *testing.T, status, name string) (set uint64) {
	t.Helper()
	_, rest, _ := strings.Cut(status, name+":\t")
	text, _, _ := strings.Cut(rest, "\n")
	set, err := strconv.ParseUint(text, 16, 64)
	must(t, err)
	return set
}

// TestSignals: TERM ends it at once, as it always did.
func TestSignals(t *testing.T) {
	t.Parallel()
	r := newRig(t, "")
	s := start(t, r, lspawntest.Options{})
	must(t, syscall.Kill(s.Pid, syscall.SIGPIPE)) // nothing
	s.Command(to(1, "joe@h"))
	s.Report()
	must(t, syscall.Kill(s.Pid, syscall.SIGTERM))
	if rest := s.Rest(); len(rest) > 0 {
		t.Errorf("%+v", rest)
	}
	if status := s.Wait(); !status.Signaled() || status.Signal() != syscall.SIGTERM {
		t.Errorf("the end is %#x", status)
	}
}
