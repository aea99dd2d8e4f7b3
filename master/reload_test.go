// SPDX-License-Identifier: ISC

package master

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"postloop/cfg"
	"postloop/loop/looptest"
	"postloop/master/names"
	"postloop/master/proto"

	"golang.org/x/sys/unix"
)

// host makes "keep" a command that master serves itself, and returns what it
// has made of it so far. fails, where it returns one, is the error of the
// next check.
func (w *world) host(fails func() error) *[]*keeper {
	w.main += "builtin_services = keep\n"
	made := &[]*keeper{}
	w.m.opt.Hosted = map[string]HostFunc{"keep": func(h *Host) (Hosted, error) {
		if fails != nil && fails() != nil {
			return nil, fails()
		}
		k := &keeper{h: h}
		*made = append(*made, k)
		return k, nil
	}}
	return made
}

func TestReloadChangesTheBacklog(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells the backlog")
	}
	w := newWorld(t)
	w.main = "default_process_limit = 10\n"
	w.start("127.0.0.1:0 inet n - - echod")
	s := w.service("[127.0.0.1]:0", cfg.Inet)
	w.main = "default_process_limit = 300\n"
	w.must(w.reload("127.0.0.1:0 inet n - - echod"))
	if got := backlog(t, s.listeners[0].fd); got != 300 {
		t.Errorf("backlog %d, want 300", got)
	}
}

func TestReloadRefusesABadDaemonDirectory(t *testing.T) {
	w := newWorld(t)
	w.start("echo unix n - 2 echod")
	good := w.bin
	w.bin = "/no/such/directory"
	if err := w.reload("echo unix n - 2 echod"); err == nil || !strings.Contains(err.Error(), "/no/such/directory/echod: No such file or directory") {
		t.Errorf("error %v", err)
	}
	w.bin = good
	if w.dial("public/echo").pid() == 0 {
		t.Error("no answer")
	}
}

// TestReloadTakesAPathOver replaces a socket by a fifo of the same name.
func TestReloadTakesAPathOver(t *testing.T) {
	w := newWorld(t)
	w.start("x unix n - 2 echod", "x.new unix n - 2 echod")
	w.must(w.reload("x fifo n - 2 echod", "x.new unix n - 2 echod"))
	if info, err := os.Stat("public/x"); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		t.Errorf("public/x: %v, %v", info, err)
	}
	if w.dial("public/x.new").pid() == 0 {
		t.Error("a neighbour lost its socket")
	}
	if left, err := filepath.Glob("public/ *"); err != nil || len(left) > 0 {
		t.Errorf("left over: %q, %v", left, err)
	}
}

func TestReloadForgetsWhatHasNoClients(t *testing.T) {
	w := newWorld(t)
	made := w.host(nil)
	w.start("k unix n - 20 keep")
	s := w.service("public/k", cfg.Unix)
	w.dial("public/k")
	w.until(func() bool { return s.total == 1 })
	for range 50 {
		w.must(w.reload("k unix n - 20 keep"))
	}
	if n := len(s.host.past); n != 1 {
		t.Errorf("%d former configurations are kept for one client", n)
	}
	(*made)[0].release()
	if n := len(s.host.past); n != 0 || s.total != 0 {
		t.Errorf("%d former configurations and %d clients after the last has gone", n, s.total)
	}
}

// TestProcessesOfAServiceThatMasterTookOver removes a service that was served
// by processes, one of which is still there, and then hosted.
func TestProcessesOfAServiceThatMasterTookOver(t *testing.T) {
	w := newWorld(t)
	w.host(nil)
	w.m.opt.Hosted["stubborn"] = w.m.opt.Hosted["keep"]
	w.main = "builtin_services =\n"
	w.start("s unix n - 3 stubborn")
	w.dial("public/s").pid()
	w.main = "builtin_services = stubborn\n"
	w.must(w.reload("s unix n - 3 stubborn"))
	if s := w.service("public/s", cfg.Unix); !s.isHosted() || s.procs != 1 {
		t.Fatalf("hosted: %v, %d processes", s.isHosted(), s.procs)
	}
	w.must(w.reload("other unix n - 1 echod"))
	looptest.Advance(w.l, 10*time.Second)
	w.until(func() bool { return len(w.m.children) == 0 && len(w.m.leaving) == 0 })
}

// TestUnchangedHostedServiceStays reloads while its command happens to be
// missing, as in the middle of an upgrade.
func TestUnchangedHostedServiceStays(t *testing.T) {
	w := newWorld(t)
	var trouble error
	made := w.host(func() error { return trouble })
	w.start("k unix n - 20 keep")
	trouble = errors.New("command /x: no such file")
	w.must(w.reload("k unix n - 20 keep", "echo unix n - 1 echod"))
	w.dial("public/k")
	w.until(func() bool { return len((*made)[0].clients) == 1 })
	if w.lines(`warning: master.cf, line 1: service "k": command /x: no such file`) != 1 {
		t.Error("no warning")
	}
	if err := w.reload("k unix n - 20 keep x"); err == nil {
		t.Error("a changed entry was not refused")
	}
}

// TestReportsBeforeAReloadCount has more of them wait than one turn reads.
func TestReportsBeforeAReloadCount(t *testing.T) {
	w := newWorld(t)
	w.start("echo unix n - 200 echod")
	s := w.service("public/echo", cfg.Unix)
	w.dial("public/echo").pid()
	w.until(func() bool { return s.idle == 0 })
	var c *child
	for _, c = range w.m.children {
	}
	for i := range 101 {
		st := proto.Status{Pid: int32(c.pid), Generation: c.generation, Avail: int32((i + 1) % 2)}
		if _, err := unix.Write(s.status.theirs, st.Append(nil)); err != nil {
			t.Fatal(err)
		}
	}
	w.must(w.reload("echo unix n - 200 echod"))
	if c.uses != 51 {
		t.Errorf("%d of 51 clients were counted", c.uses)
	}
}

// TestShutdownBetweenAnswerAndCheck ends master when the last name has been
// looked up and the configuration is about to be taken into service.
func TestShutdownBetweenAnswerAndCheck(t *testing.T) {
	w := newWorld(t)
	w.start("echo unix n - 2 echod")
	w.must(os.WriteFile("getent", []byte("#!/bin/sh\necho ourport 27999/tcp\n"), 0o755))
	getent, err := filepath.Abs("getent")
	w.must(err)
	tr := &transaction{
		m: w.m, names: names.New(),
		conf: w.config("new unix n 60 2 echod", "127.0.0.1:ourport inet n - 1 echod"),
		done: func(err error) { t.Errorf("the reload ended during the shutdown: %v", err) },
	}
	tr.names.Getent = []string{getent}
	w.m.change = tr
	tr.check()
	stopped := false
	var look func()
	look = func() {
		if tr.names.Asking() {
			w.l.Post(look)
			return
		}
		w.m.Shutdown(func() { stopped = true })
	}
	w.l.Post(look)
	w.until(func() bool { return stopped })
	looptest.Advance(w.l, time.Second)
}

func TestReloadShortensALongThrottle(t *testing.T) {
	w := newWorld(t)
	w.start("crash unix n - 2 crashd")
	s := w.service("public/crash", cfg.Unix)
	w.dial("public/crash")
	for range 3 {
		w.until(func() bool { return s.throttled })
		looptest.Advance(w.l, s.throttleTimer.Left())
	}
	w.until(func() bool { return s.throttled })
	if left := s.throttleTimer.Left(); left <= 5*time.Minute {
		t.Fatalf("throttled for %s after four failures", left)
	}
	w.must(w.reload("crash unix n - 2 echod"))
	if left := s.throttleTimer.Left(); left > time.Minute {
		t.Errorf("still throttled for %s after a reload", left)
	}
}
