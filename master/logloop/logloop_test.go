// SPDX-License-Identifier: ISC

package logloop

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"postloop/loop"
	"postloop/loop/looptest"
	"postloop/master/maillog"
)

// patience is how long a test waits for what should happen at once.
const patience = 30 * time.Second

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestLastWarningOfAQuietMaster has syslogd come back after the last line was
// written. The line must be sent all the same, and no timer may be left then.
func TestLastWarningOfAQuietMaster(t *testing.T) {
	w := Start(looptest.New(t), maillog.New("master"))
	t.Cleanup(w.log.Close)
	dir, err := os.MkdirTemp("", "log") // t.TempDir may be too long for a socket
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	dest := maillog.Dest{Kind: maillog.Syslog, Path: filepath.Join(dir, "syslog")}
	must(t, w.log.Open(dest))
	expectTimer := func(want time.Duration) {
		t.Helper()
		if got, set := w.loop.NextTimer(); got != want || set != (want > 0) {
			t.Fatalf("timer %s, set %v; want %s", got, set, want)
		}
	}
	expectTimer(0)
	w.log.Warnf("the last one")
	w.log.Warnf("or nearly")
	for _, want := range []time.Duration{1, 1, 2, 4, 8, 10, 10} {
		expectTimer(want * time.Second)
		looptest.Advance(w.loop, want*time.Second)
	}
	s, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: dest.Path, Net: "unixgram"})
	must(t, err)
	defer s.Close() //nolint:errcheck // nothing was written
	looptest.Advance(w.loop, 10*time.Second)
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
	for w.log.FD() < 0 {
		w.log.Infof("fill")
	}
	expectTimer(0)
	if w.pending == nil {
		t.Error("nothing is watched")
	}

	// One that cannot be watched is tried again.
	fd := w.log.FD()
	w.pending.Stop()
	obstacle, err := w.loop.Watch(fd, loop.Writable, func(loop.Ready) {})
	must(t, err)
	for buf := make([]byte, 4096); w.log.Pending(); w.log.Flush() {
		_, err := s.Read(buf)
		must(t, err)
	}
	for w.log.FD() < 0 {
		w.log.Infof("fill")
	}
	expectTimer(time.Second)
	obstacle.Stop()
	looptest.Advance(w.loop, time.Second)
	if w.pending == nil {
		t.Error("nothing is watched when it can be again")
	}
	expectTimer(0)

	must(t, s.Close())
	must(t, unix.Unlink(dest.Path))
	w.log.Flush()
	if w.pending != nil {
		t.Error("the socket of a server that has gone is watched")
	}
	expectTimer(time.Second)
	w.log.Close()
	must(t, w.log.Open(maillog.Dest{Kind: maillog.File, File: filepath.Join(dir, "log")}))
	expectTimer(0)
}
