// SPDX-License-Identifier: ISC

package loop_test

import (
	"testing"

	"postloop/loop/looptest"

	"golang.org/x/sys/unix"
)

func raise(t testing.TB, s unix.Signal) {
	t.Helper()
	if err := unix.Kill(unix.Getpid(), s); err != nil {
		t.Fatal(err)
	}
}

// TestSignal arrives, wakes the loop, and can be taken over and given back.
func TestSignal(t *testing.T) {
	l := looptest.New(t)
	var got string
	l.OnSignal(unix.SIGUSR1, func() { got += "1" })
	l.OnSignal(unix.SIGUSR2, func() { got += "2" })
	raise(t, unix.SIGUSR1)
	looptest.Until(t, l, func() bool { return got == "1" })
	raise(t, unix.SIGUSR2)
	looptest.Until(t, l, func() bool { return got == "12" })
	l.OnSignal(unix.SIGUSR1, func() { got += "3" }) // replaces the first
	raise(t, unix.SIGUSR1)
	looptest.Until(t, l, func() bool { return got == "123" })
	l.OnSignal(unix.SIGUSR1, nil)
	l.OnSignal(unix.SIGUSR2, nil)
}

// TestSignalMerged: what arrives again before it was seen is one.
func TestSignalMerged(t *testing.T) {
	l := looptest.New(t)
	calls, other := 0, 0
	l.OnSignal(unix.SIGUSR1, func() { calls++ })
	l.OnSignal(unix.SIGUSR2, func() { other++ })
	for range 1000 {
		raise(t, unix.SIGUSR1)
	}
	raise(t, unix.SIGUSR2) // no later than the others, and not lost behind them
	looptest.Until(t, l, func() bool { return calls > 0 && other > 0 })
	if calls > 1000 || other != 1 {
		t.Errorf("%d and %d calls", calls, other)
	}
	l.OnSignal(unix.SIGUSR1, nil)
	l.OnSignal(unix.SIGUSR2, nil)
}

// TestSignalDefault: with no callback a signal does what it does by default,
// seen in a process of its own.
func TestSignalDefault(t *testing.T) {
	l := looptest.New(t)
	status := run(t, l, self(t, "signal-default", 0, 1, 2))
	if !status.Signaled() || status.Signal() != unix.SIGTERM {
		t.Errorf("status %#x", status)
	}
}

// TestSignalInherited: a child has the default for what we catch, ignores what
// we ignore, and has nothing blocked.
func TestSignalInherited(t *testing.T) {
	l := looptest.New(t)
	for _, step := range []struct {
		set    func()
		status int
	}{
		{func() { l.OnSignal(unix.SIGUSR1, func() { t.Error("it was meant for the child") }) }, -1},
		{func() { l.IgnoreSignal(unix.SIGUSR1) }, 0},
		{func() { l.OnSignal(unix.SIGUSR1, nil) }, -1},
	} {
		step.set()
		// A shell cannot undo an ignored signal, so this is what exec gave it.
		if got := run(t, l, sh("kill -USR1 $$; exit 0")).ExitStatus(); got != step.status {
			t.Errorf("exit status %d, wanted %d", got, step.status)
		}
	}
}

// TestSignalRefused: who ignores SIGCHLD learns of no child's end.
func TestSignalRefused(t *testing.T) {
	l := looptest.New(t)
	if panics(func() { l.IgnoreSignal(unix.SIGCHLD) }) == nil {
		t.Error("no panic")
	}
}

// TestSigchld: who wants the signal itself gets it, before and after children
// have been started without.
func TestSigchld(t *testing.T) {
	l := looptest.New(t)
	_ = run(t, l, sh("exit 0"))
	calls := 0
	l.OnSignal(unix.SIGCHLD, func() { calls++ })
	_ = run(t, l, sh("exit 0"))
	looptest.Until(t, l, func() bool { return calls > 0 })
	l.OnSignal(unix.SIGCHLD, nil)
}
