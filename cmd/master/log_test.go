// SPDX-License-Identifier: ISC

//go:build !interop

package main

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"postloop/loop"
	"postloop/loop/looptest"
	"postloop/master/maillog"
)

// TestLastWarningOfAQuietMaster has syslogd come back after the last line was
// written. The line must be sent all the same, and no timer may be left then.
func TestLastWarningOfAQuietMaster(t *testing.T) {
	d := &daemon{log: maillog.New("master"), loop: looptest.New(t)}
	t.Cleanup(d.log.Close)
	d.watchLog()
	dir := newStage(t).dir
	dest := maillog.Dest{Kind: maillog.Syslog, Path: filepath.Join(dir, "syslog")}
	must(t, d.log.Open(dest))
	expectTimer := func(want time.Duration) {
		t.Helper()
		if got, set := d.loop.NextTimer(); got != want || set != (want > 0) {
			t.Fatalf("timer %s, set %v; want %s", got, set, want)
		}
	}
	expectTimer(0)
	d.log.Warnf("the last one")
	d.log.Warnf("or nearly")
	for _, want := range []time.Duration{1, 1, 2, 4, 8, 10, 10} {
		expectTimer(want * time.Second)
		looptest.Advance(d.loop, want*time.Second)
	}
	s, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: dest.Path, Net: "unixgram"})
	must(t, err)
	defer s.Close()
	looptest.Advance(d.loop, 10*time.Second)
	must(t, s.SetReadDeadline(time.Now().Add(patience)))
	for _, want := range []string{"the last one", "or nearly"} {
		buf := make([]byte, 4096)
		n, err := s.Read(buf)
		must(t, err)
		if !strings.HasSuffix(string(buf[:n]), "warning: "+want) {
			t.Errorf("got %q, want %q", buf[:n], want)
		}
	}
	expectTimer(0)

	// A reader that is only slow is watched, without a timer.
	for d.log.FD() < 0 {
		d.log.Infof("fill")
	}
	expectTimer(0)
	if d.pending == nil {
		t.Error("nothing is watched")
	}

	// One that cannot be watched is tried again.
	fd := d.log.FD()
	d.pending.Stop()
	obstacle, err := d.loop.Watch(fd, loop.Writable, func(loop.Ready) {})
	must(t, err)
	for buf := make([]byte, 4096); d.log.Pending(); d.log.Flush() {
		_, err := s.Read(buf)
		must(t, err)
	}
	for d.log.FD() < 0 {
		d.log.Infof("fill")
	}
	expectTimer(time.Second)
	obstacle.Stop()
	looptest.Advance(d.loop, time.Second)
	if d.pending == nil {
		t.Error("nothing is watched when it can be again")
	}
	expectTimer(0)

	must(t, s.Close())
	must(t, unix.Unlink(dest.Path))
	d.log.Flush()
	if d.pending != nil {
		t.Error("the socket of a server that has gone is watched")
	}
	expectTimer(time.Second)
	d.log.Close()
	must(t, d.log.Open(maillog.Dest{Kind: maillog.File, File: filepath.Join(dir, "log")}))
	expectTimer(0)
}
