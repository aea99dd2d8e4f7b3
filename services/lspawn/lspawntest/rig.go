// SPDX-License-Identifier: ISC

// Package lspawntest plays qmail-send by hand, for tests of qmail-lspawn: it
// lays out a qmail below a temporary directory, writes commands to a real
// process, and reads its reports.
//
// Nothing here sleeps: every wait is for something, and ends the test when that
// takes longer than Patience.
package lspawntest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Patience is how long anything may take.
const Patience = 60 * time.Second

// Rig is a qmail of a test's own: queue/mess and users, which everybody may
// read.
type Rig struct {
	Dir string
	// UID and GID are somebody's whom deliveries can be made for: for root a
	// user that no system has, for anybody else oneself.
	UID, GID int
	// Owner is whose messages are delivered: of whoever runs the test.
	Owner int

	t testing.TB
}

// New lays out a qmail without a message and without an assignment.
func New(t testing.TB) *Rig {
	t.Helper()
	dir, err := os.MkdirTemp("", "lspawn")
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		t.Fatal(err)
	}
	r := &Rig{Dir: dir, UID: 4001, GID: 4002, Owner: os.Geteuid(), t: t}
	if os.Geteuid() != 0 {
		r.UID, r.GID = os.Geteuid(), os.Getegid()
	}
	must(t, os.Chmod(dir, 0o755))
	for _, sub := range []string{"/queue", "/queue/mess", "/queue/mess/7", "/users", "/bin", "/out"} {
		must(t, os.Mkdir(dir+sub, 0o755))
	}
	must(t, os.Chmod(dir+"/out", 0o777)) // children are other users
	return r
}

// Message writes a message.
func (r *Rig) Message(messid, text string) {
	r.t.Helper()
	must(r.t, os.WriteFile(r.Dir+"/queue/mess/"+messid, []byte(text), 0o644))
	must(r.t, os.Chown(r.Dir+"/queue/mess/"+messid, r.Owner, -1))
}

// Assign puts a users/cdb in place, as qmail-newu does. UID and GID in it stand
// for those of the rig.
func (r *Rig) Assign(assign string) {
	r.t.Helper()
	assign = strings.NewReplacer("UID", strconv.Itoa(r.UID), "GID", strconv.Itoa(r.GID)).Replace(assign)
	r.SetCdb(Newu(r.t, assign))
}

// SetCdb puts those bytes in place as users/cdb.
func (r *Rig) SetCdb(b []byte) {
	r.t.Helper()
	must(r.t, os.WriteFile(r.Dir+"/users/cdb.tmp", b, 0o644))
	must(r.t, os.Rename(r.Dir+"/users/cdb.tmp", r.Dir+"/users/cdb"))
}

// Script writes a shell script that everybody may execute, and returns its
// path. DIR in it stands for the rig's.
func (r *Rig) Script(name, text string) string {
	r.t.Helper()
	path := r.Dir + "/bin/" + name
	must(r.t, os.WriteFile(path+".tmp", []byte("#!/bin/sh\n"+strings.ReplaceAll(text, "DIR", r.Dir)), 0o755))
	must(r.t, os.Rename(path+".tmp", path)) // not to be a text that is busy
	return path
}

// Options say how a qmail-lspawn is started.
type Options struct {
	Path     string   // of the executable
	Protocol string   // empty: indimail
	Args     []string // empty: ./Mailbox and the queue
	Env      []string // besides what the rig makes necessary
	Bare     bool     // Env is all there is

	User *syscall.Credential // nil: whoever runs the test
}

// Spawner is a qmail-lspawn that runs.
type Spawner struct {
	Pid      int
	Protocol string

	t      testing.TB
	in     *os.File // nil: closed
	out    *os.File
	unread []byte
	ended  chan struct{}
	result syscall.WaitStatus
}

// Start starts a qmail-lspawn, as qmail-start does: with commands and reports
// as its only descriptors.
func (r *Rig) Start(o Options) *Spawner {
	r.t.Helper()
	if o.Protocol == "" {
		o.Protocol = "indimail"
	}
	if o.Args == nil {
		o.Args = []string{"./Mailbox", r.Dir + "/queue"}
	}
	env := o.Env
	if !o.Bare {
		env = append(r.Env(o.Protocol), o.Env...)
	}
	theirs, in, err := os.Pipe()
	must(r.t, err)
	out, theirOut, err := os.Pipe()
	must(r.t, err)
	s := &Spawner{Protocol: o.Protocol, t: r.t, in: in, out: out, ended: make(chan struct{})}
	s.Pid, err = syscall.ForkExec(o.Path, append([]string{"qmail-lspawn"}, o.Args...), &syscall.ProcAttr{
		Dir: "/", Env: env, Files: []uintptr{theirs.Fd(), theirOut.Fd(), ^uintptr(0)}, Sys: &syscall.SysProcAttr{Credential: o.User},
	})
	must(r.t, errors.Join(err, theirs.Close(), theirOut.Close()))
	r.t.Cleanup(s.kill)
	go func() {
		for {
			if _, err := syscall.Wait4(s.Pid, &s.result, 0, nil); !errors.Is(err, syscall.EINTR) {
				break
			}
		}
		close(s.ended)
	}()
	return s
}

// Env is what the environment of a qmail-lspawn for this rig has to say.
func (r *Rig) Env(protocol string) []string {
	return []string{
		"PATH=/usr/bin:/bin", "QMAIL_LSPAWN_PROTOCOL=" + protocol, "QMAIL_LSPAWN_HOME=" + r.Dir, "QUEUEDIR=" + r.Dir + "/queue",
		"ASSIGNDIR=" + r.Dir + "/users", "QMAIL_LSPAWN_QMAILQ=" + strconv.Itoa(r.Owner), "QMAIL_LSPAWN_BIN=" + r.Dir + "/bin",
		"QMAIL_LSPAWN_QMAILP=4003", "QMAIL_LSPAWN_NOFILES=4004",
	}
}

func (s *Spawner) kill() {
	s.CloseInput()
	s.CloseOutput()
	select {
	case <-s.ended:
	default:
		_ = syscall.Kill(s.Pid, syscall.SIGKILL)
		<-s.ended
	}
}

// Send writes bytes where commands come from.
func (s *Spawner) Send(b []byte) {
	s.t.Helper()
	must(s.t, s.in.SetWriteDeadline(time.Now().Add(Patience)))
	_, err := s.in.Write(b)
	must(s.t, err)
}

// Command sends one.
func (s *Spawner) Command(c Command) {
	s.t.Helper()
	s.Send(c.Encode(s.Protocol))
}

// CloseInput ends the commands, as a qmail-send does that has ended.
func (s *Spawner) CloseInput() {
	if s.in != nil {
		_ = s.in.Close()
	}
	s.in = nil
}

// CloseOutput leaves what is reported to nobody.
func (s *Spawner) CloseOutput() { _ = s.out.Close() }

// Announced waits for the limit that comes first.
func (s *Spawner) Announced() (limit int) {
	s.t.Helper()
	width := Width(s.Protocol)
	for len(s.unread) < width {
		if !s.read() {
			s.t.Fatal("no announcement")
		}
	}
	for i := range width {
		limit |= int(s.unread[i]) << (8 * i)
	}
	s.unread = s.unread[width:]
	return limit
}

// Report waits for the next one.
func (s *Spawner) Report() Report {
	s.t.Helper()
	r, ok := s.next()
	if !ok {
		s.t.Fatalf("no report; there is %q", s.unread)
	}
	return r
}

// Rest returns all reports that come until there is nobody to make one.
func (s *Spawner) Rest() (list []Report) {
	s.t.Helper()
	for {
		r, ok := s.next()
		if !ok {
			if len(s.unread) > 0 {
				s.t.Errorf("half a report: %q", s.unread)
			}
			return list
		}
		list = append(list, r)
	}
}

func (s *Spawner) next() (r Report, ok bool) {
	s.t.Helper()
	for {
		if r, s.unread, ok = Cut(s.Protocol, s.unread); ok || !s.read() {
			return r, ok
		}
	}
}

// read takes in more of what is reported; there is none at the end.
func (s *Spawner) read() bool {
	s.t.Helper()
	must(s.t, s.out.SetReadDeadline(time.Now().Add(Patience)))
	var buf [4096]byte
	n, err := s.out.Read(buf[:])
	s.unread = append(s.unread, buf[:n]...)
	if err != nil && n == 0 && errors.Is(err, os.ErrDeadlineExceeded) {
		s.t.Fatalf("nothing comes; there is %q", s.unread)
	}
	return n > 0
}

// Wait waits for the end of the process.
func (s *Spawner) Wait() syscall.WaitStatus {
	s.t.Helper()
	select {
	case <-s.ended:
	case <-time.After(Patience):
		s.t.Fatalf("process %d does not end", s.Pid)
	}
	return s.result
}

// Exits waits for the end of the process, which is to be with that status.
func (s *Spawner) Exits(want int) {
	s.t.Helper()
	if status := s.Wait(); !status.Exited() || status.ExitStatus() != want {
		s.t.Errorf("the end is %#x, want exit status %d", status, want)
	}
}

// Runs reports whether the process has not ended.
func (s *Spawner) Runs() bool {
	select {
	case <-s.ended:
		return false
	default:
		return true
	}
}

// Until waits for cond, which announces itself by no event.
func Until(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(Patience); !cond(); {
		if time.Now().After(end) {
			t.Fatalf("still waiting for: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// NeedProc leaves a test out that asks the system about processes, where there
// is no /proc as Linux has it.
func NeedProc(t testing.TB) {
	t.Helper()
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("needs Linux's /proc")
	}
}

// Children returns the processes whose parent pid is.
func Children(t testing.TB, pid int) (list []int) {
	t.Helper()
	NeedProc(t)
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	must(t, err)
	for _, name := range stats {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		var parent int
		_, rest, _ := strings.Cut(string(text), ") ")
		var state string
		if _, err := fmt.Sscan(rest, &state, &parent); err == nil && parent == pid {
			child, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
			list = append(list, child)
		}
	}
	return list
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
