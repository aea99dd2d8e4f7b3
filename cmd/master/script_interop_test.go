// SPDX-License-Identifier: ISC

//go:build interop && linux

package main_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"postloop/cmd/internal/pftest"
)

// TestPostfixScript goes through a day in the life of postfix-script.
func TestPostfixScript(t *testing.T) {
	p := instance(t, pftest.Options{})
	expect := func(want int, args ...string) {
		t.Helper()
		if r := p.Postfix(args...); r.Exit != want {
			t.Errorf("postfix %v: exit status %d, want %d\n%s", args, r.Exit, want, r.Output)
		}
	}
	master := func(want int, args ...string) {
		t.Helper()
		if r := p.Master(args...); r.Exit != want {
			t.Errorf("master %v: exit status %d, want %d\n%s", args, r.Exit, want, r.Output)
		}
	}

	expect(1, "status")
	p.WaitLog(`postfix/postfix-script\[\d+\]: the Postfix mail system is not running`)
	expect(1, "stop")
	expect(1, "reload")
	expect(0, "check")
	if warnings := p.Grep("warning"); len(warnings) > 0 {
		t.Errorf("postfix check complains:\n%s", strings.Join(warnings, "\n"))
	}
	master(0, "-t")

	expect(0, "start")
	p.WaitLog(`postfix/master\[\d+\]: daemon started -- version \S+, configuration ` + p.Config + `$`)
	expect(0, "status")
	p.WaitLog(fmt.Sprintf(`the Postfix mail system is running: PID: +%d$`, p.Pid()))
	master(1, "-t")
	expect(1, "start")
	p.WaitLog(`fatal: the Postfix mail system is already running`)
	master(1, "-w")
	p.WaitLog(`postfix/master\[\d+\]: fatal: open lock file pid/master.pid: unable to set exclusive lock: Resource temporarily unavailable`)
	before := p.Pid()
	expect(0, "reload")
	p.WaitLog(`postfix/master\[\d+\]: reload -- version \S+, configuration ` + p.Config + `$`)
	if p.Pid() != before || !p.Alive() {
		t.Errorf("after reload process %d is the master, before %d", p.Pid(), before)
	}
	must(t, pftest.Send(p.MailAddr, 0, 1, 1))
	p.WaitDelivered(1)

	expect(0, "stop")
	p.AllGone()
	master(0, "-t")
	expect(1, "status")
	expect(1, "stop")
}

// TestLockFilesAreAsPostfixWritesThem compares them byte by byte: scripts read
// the first line of one, and both must be locked by flock(2) and by nobody but
// the master.
func TestLockFilesAreAsPostfixWritesThem(t *testing.T) {
	p := probes(t, nil, "")
	want := fmt.Sprintf("%32d\n", p.Pid())
	for _, path := range []string{p.Queue + "/pid/master.pid", p.Data + "/master.lock"} {
		text, err := os.ReadFile(path)
		must(t, err)
		if string(text) != want {
			t.Errorf("%s holds %q, want %q", path, text, want)
		}
		info, err := os.Stat(path)
		must(t, err)
		if info.Mode() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", path, info.Mode())
		}
		f, err := os.Open(path)
		must(t, err)
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); !errors.Is(err, unix.EWOULDBLOCK) {
			t.Errorf("flock of %s while the master runs: %v", path, err)
		}
		must(t, f.Close())
	}
	st, err := os.Stat(p.Data + "/master.lock")
	must(t, err)
	dir, err := os.Stat(p.Data)
	must(t, err)
	owner := func(i os.FileInfo) uint32 { return i.Sys().(*syscall.Stat_t).Uid }
	if owner(st) != owner(dir) {
		t.Errorf("data_directory/master.lock belongs to user %d, want mail_owner, %d", owner(st), owner(dir))
	}
	session, group := pftest.Session(p.Pid())
	if session != p.Pid() || group != p.Pid() {
		t.Errorf("master %d is in session %d and group %d, want its own", p.Pid(), session, group)
	}
}

// TestAbort ends the master and whatever its daemons are doing at once.
func TestAbort(t *testing.T) {
	addr := pftest.FreeAddr(t)
	p := probes(t, nil, addr+" inet n n n - 2 probe\n")
	c := dial(t, addr)
	p.Must("abort")
	must(t, c.AwaitEnd())
	p.AllGone()
}

// TestDrain kills the master only: who serves a client finishes, who is idle
// leaves, and a new master may start at once.
func TestDrain(t *testing.T) {
	busy, idle := pftest.FreeAddr(t), pftest.FreeAddr(t)
	p := probes(t, nil, busy+" inet n n n - 2 probe\n"+idle+" inet n n n - 2 probe\n")
	c := dial(t, busy)
	idler := visit(t, idle)
	p.Must("drain")
	pftest.Gone(t, idler)
	if r := p.Master("-t"); r.Exit != 0 {
		t.Errorf("master -t: exit status %d right after the master was killed: a daemon holds its lock", r.Exit)
	}
	if answer, err := c.Ask("echo still here"); answer != "still here" {
		t.Errorf("the busy daemon answers %q, %v", answer, err)
	}
	must(t, c.Close())
	p.AllGone()
}

// TestStartForeground: `postfix start-fg` lasts as long as the master and ends
// as it does.
func TestStartForeground(t *testing.T) {
	p := instance(t, pftest.Options{})
	c := p.Background("/usr/sbin/postfix", "-c", p.Config, "start-fg")
	p.WaitLog(`postfix/master\[\d+\]: daemon started`)
	must(t, pftest.Send(p.MailAddr, 0, 1, 1))
	p.WaitDelivered(1)
	must(t, unix.Kill(p.Pid(), unix.SIGTERM))
	_ = c.Wait()
	if code := c.ProcessState.ExitCode(); code != 128+int(unix.SIGTERM) {
		t.Errorf("postfix start-fg: exit status %d after SIGTERM, want that of a shell whose command died of it", code)
	}
	p.AllGone()
}

// TestLogrotate: the log is renamed and compressed, and a new one begun,
// which takes a postlogd that restarts at SIGHUP.
func TestLogrotate(t *testing.T) {
	p := instance(t, pftest.Options{})
	p.Start()
	p.WaitLog(`daemon started`)
	p.Must("logrotate")
	must(t, pftest.Send(p.MailAddr, 0, 1, 1))
	p.WaitLog(`postfix/virtual.* status=sent`)
	if p.Count(`daemon started`) != 0 {
		t.Error("the old lines are still in the log")
	}
	p.Until("the old log is compressed", func() bool {
		old, _ := filepath.Glob(p.LogFile + ".*.gz")
		return len(old) == 1
	})
}

// TestFlush: what has been deferred is delivered when `postfix flush` asks,
// through the public flush and qmgr services.
func TestFlush(t *testing.T) {
	p := instance(t, pftest.Options{})
	p.Start()
	must(t, os.Chown(p.Dir+"/mail", 0, 0)) // the delivery agent may not write there
	must(t, pftest.Send(p.MailAddr, 0, 3, 1))
	p.Until("three messages are deferred", func() bool { return p.Count(`postfix/virtual.* status=deferred`) == 3 })
	must(t, os.Chown(p.Dir+"/mail", 65534, 65534))
	p.Must("flush")
	p.WaitDelivered(3)
}

// TestStartFailsWhenAServiceCannot: the master does its work before `master
// -w` reports, so `postfix start` tells of a port that it cannot have. Without
// SO_REUSEPORT on the other side, that is.
func TestStartFailsWhenAServiceCannot(t *testing.T) {
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	must(t, err)
	defer func() { must(t, taken.Close()) }()
	_, port, err := net.SplitHostPort(taken.Addr().String())
	must(t, err)
	p := instance(t, pftest.Options{})
	p.SetServices(taken.Addr().String() + " inet n n n - 1 smtpd\n" + p.MailServices())
	if r := p.Postfix("start"); r.Exit != 1 {
		t.Errorf("postfix start: exit status %d, want 1", r.Exit)
	}
	p.WaitLog(`postfix/master\[\d+\]: fatal: .*bind 127\.0\.0\.1 port ` + port + `: Address already in use`)
	p.AllGone()
	if r := p.Master("-t"); r.Exit != 0 {
		t.Errorf("master -t: exit status %d, want 0", r.Exit)
	}
}

// TestStartLetsGoOfItsCaller: after `postfix start` nothing of what the caller
// had open is held by the master or a daemon. Who waits for the end of a pipe
// would wait for the life of the mail system.
func TestStartLetsGoOfItsCaller(t *testing.T) {
	p := instance(t, pftest.Options{})
	out, outEnd, err := os.Pipe()
	must(t, err)
	extra, extraEnd, err := os.Pipe()
	must(t, err)
	c := exec.Command("/usr/sbin/postfix", "-c", p.Config, "start")
	c.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	c.Stdout, c.Stderr, c.ExtraFiles = outEnd, outEnd, []*os.File{extraEnd}
	must(t, c.Run())
	must(t, pftest.Send(p.MailAddr, 0, 1, 1)) // so that there are daemons, too
	p.WaitDelivered(1)
	for _, pipe := range [][2]*os.File{{out, outEnd}, {extra, extraEnd}} {
		must(t, pipe[1].Close())
		must(t, pipe[0].SetReadDeadline(time.Now().Add(pftest.Patience)))
		text, err := io.ReadAll(pipe[0])
		if err != nil || len(text) > 0 {
			t.Errorf("the caller reads %q, %v; want the end of its pipe", text, err)
		}
		must(t, pipe[0].Close())
	}
	p.Stop()
}

// TestStopWithAStubbornDaemon: `postfix stop` succeeds within its five
// seconds, and leaves nothing behind.
func TestStopWithAStubbornDaemon(t *testing.T) {
	beyondPostfix(t, "it dies at once and leaves the daemon behind")
	addr := pftest.FreeAddr(t)
	p := probes(t, nil, addr+" inet n n n - 2 probe start:ignore=15\n")
	c := dial(t, addr)
	if answer, err := c.Ask("hold"); answer != "held" {
		t.Fatalf("the stubborn daemon answers %q, %v", answer, err)
	}
	p.Must("stop")
	if p.Count(`stopping the Postfix mail system with force`) > 0 {
		t.Error("postfix-script had to use force")
	}
	must(t, c.AwaitEnd())
	p.AllGone()
}
