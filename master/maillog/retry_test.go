// SPDX-License-Identifier: ISC

package maillog_test

import (
	"path/filepath"
	"testing"
	"time"

	"postloop/master/maillog"
)

func expectRetryIn(t *testing.T, l *maillog.Logger, want time.Duration) {
	t.Helper()
	if got, due := l.RetryIn(); got != want || due != (want > 0) {
		t.Fatalf("retry in %s, due %v; want %s", got, due, want)
	}
}

// The last line before a silence must not wait for the next one to be sent.
// How often it is tried follows from how long the server has been away.
func TestRetryIn(t *testing.T) {
	path := socketPath(t)
	c := newClock()
	l := newLogger(t, c)
	open(t, l, maillog.Dest{Kind: maillog.Syslog, Path: path})
	heard := 0
	l.OnPending(func() { heard++ })
	expectRetryIn(t, l, 0)
	l.Warnf("last")
	if heard != 1 {
		t.Fatalf("heard %d times when the line was not sent", heard)
	}
	for _, want := range []time.Duration{1, 1, 2, 4, 8, 10, 10} {
		want *= time.Second
		expectRetryIn(t, l, want)
		c.now = c.now.Add(want)
		l.Flush()
	}
	s := serve(t, path)
	l.Flush() // at once, whenever the last attempt was
	s.expect(t, "<20>Mar  4 05:06:07 postfix/master[77]: warning: last")
	expectRetryIn(t, l, 0)
	if heard != 2 {
		t.Errorf("heard %d times in all", heard)
	}

	// Full is not absent: there is a descriptor that tells.
	for l.FD() < 0 {
		l.Infof("fill")
	}
	expectRetryIn(t, l, 0)
	if heard != 3 {
		t.Errorf("heard %d times when it was full", heard)
	}
	restart(t, s, path)
	l.Flush()
	expectRetryIn(t, l, time.Second)
	if l.FD() >= 0 {
		t.Errorf("descriptor %d of a server that has gone", l.FD())
	}
	open(t, l, maillog.Dest{Kind: maillog.File, File: filepath.Join(t.TempDir(), "log")})
	expectRetryIn(t, l, 0)
}
